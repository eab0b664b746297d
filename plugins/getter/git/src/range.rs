//! Ranges of versions, and the tags in them.

use std::fmt;

use semver::{Version, VersionReq};

/// The longest text of a range, in bytes.
const RANGE_BYTES: usize = 256;

/// A range of versions, as Flux and npm write them: comparisons with spaces or commas between them all hold, and of several
/// such lists with `||` between them one.
///
/// `1.2.3` is that version, `1.2` and `1.2.x` any `1.2`, `~1.2.3` and `^1.2.3` as usual, `1.2 - 1.4` from one to the other,
/// and `*` any. Versions before a release are in a range only if a comparison names one of the same release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    text: String,
    lists: Vec<VersionReq>,
}

/// A text is no range of versions.
#[derive(Debug, thiserror::Error)]
pub enum RangeError {
    /// It is longer than is read.
    #[error("the range of versions is longer than {RANGE_BYTES} bytes")]
    TooLong,
    /// It is empty, or one of its lists is.
    #[error("the range of versions is empty")]
    Empty,
    /// A comparison is none.
    #[error("`{0}` is no comparison of versions: {1}")]
    Comparison(String, #[source] semver::Error),
}

impl Range {
    /// Reads a range.
    ///
    /// # Errors
    /// Fails if the text is none.
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        if text.len() > RANGE_BYTES {
            return Err(RangeError::TooLong);
        }
        let lists: Result<_, _> = text.split("||").map(list).collect();
        Ok(Self {
            text: text.trim().to_owned(),
            lists: lists?,
        })
    }

    /// Returns whether a tag is a version in this range; `v` in front of it does not matter.
    pub fn takes(&self, tag: &str) -> bool {
        version(tag).is_some_and(|version| self.matches(&version))
    }

    fn matches(&self, version: &Version) -> bool {
        self.lists.iter().any(|list| list.matches(version))
    }

    /// Returns what belongs to the highest version of `tags`, or else how many of them are versions. Of tags that are the same
    /// version, the first by name counts.
    pub(crate) fn newest<'t, T>(&self, tags: impl Iterator<Item = (&'t str, T)>) -> Result<T, usize> {
        let mut seen = 0;
        let mut best: Option<(Version, &str, T)> = None;
        for (tag, value) in tags {
            let Some(version) = version(tag) else { continue };
            seen += 1;
            let is_better = match &best {
                None => true,
                Some((other, name, _)) => version > *other || version == *other && tag < *name,
            };
            if is_better && self.matches(&version) {
                best = Some((version, tag, value));
            }
        }
        best.map(|(_, _, value)| value).ok_or(seen)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn version(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()
}

/// Reads comparisons that all hold.
fn list(text: &str) -> Result<VersionReq, RangeError> {
    let comparisons = match text.split_once(" - ") {
        Some((from, to)) => vec![format!(">={}", bare(from)), format!("<={}", bare(to))],
        None => split(text),
    };
    if comparisons.is_empty() {
        return Err(RangeError::Empty);
    }
    let mut list = VersionReq::STAR;
    for comparison in comparisons {
        let read = VersionReq::parse(&comparison).map_err(|error| RangeError::Comparison(comparison, error))?;
        list.comparators.extend(read.comparators);
    }
    Ok(list)
}

fn bare(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('v').unwrap_or(text)
}

/// Splits at commas and spaces; an operator may stand apart from its version.
fn split(text: &str) -> Vec<String> {
    let is_operator = |char: char| "<>=^~".contains(char);
    let mut comparisons = Vec::new();
    let mut operator = String::new();
    for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
        let version = word.trim_start_matches(is_operator);
        operator.push_str(&word[..word.len() - version.len()]);
        if version.is_empty() {
            continue;
        }
        let version = bare(version);
        // Without an operator a version is itself, not what Cargo makes of it.
        let is_any = version.starts_with(['*', 'x', 'X']);
        let sign = if operator.is_empty() && !is_any { "=" } else { &operator };
        let (core, rest) = version.split_at(version.find(['-', '+']).unwrap_or(version.len()));
        comparisons.push(format!("{sign}{}{rest}", core.replace(['x', 'X'], "*")));
        operator.clear();
    }
    if !operator.is_empty() {
        comparisons.push(operator);
    }
    comparisons
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: [&str; 13] = [
        "0.9.0",
        "v1.0.0",
        "1.0.0",
        "v1.2.3",
        "v1.2.10",
        "v1.3.0-rc.1",
        "v1.3.0",
        "v2.0.0-beta",
        "v2.0.0",
        "v3.1.4+build",
        "latest",
        "v4",
        "release-5.0.0",
    ];

    fn newest(range: &str) -> Result<&'static str, usize> {
        Range::parse(range).unwrap().newest(TAGS.iter().map(|tag| (*tag, *tag)))
    }

    #[test]
    fn the_highest_version_in_a_range_is_found() {
        for (range, expected) in [
            ("*", "v3.1.4+build"),
            (">=1.0.0 <2.0.0", "v1.3.0"),
            (">= 1.0.0, < 2.0.0", "v1.3.0"),
            ("^1", "v1.3.0"),
            ("~1.2", "v1.2.10"),
            ("1.2", "v1.2.10"),
            ("1.2.x", "v1.2.10"),
            ("1.2.3", "v1.2.3"),
            ("v1.2.3", "v1.2.3"),
            ("=1.0.0", "1.0.0"),
            ("2.0.0-beta", "v2.0.0-beta"),
            ("1.0 - 1.2", "v1.2.10"),
            ("^2 || ~1.2", "v2.0.0"),
            ("~9 || <1", "0.9.0"),
            (">=1.3.0-rc.0 <1.3.0", "v1.3.0-rc.1"),
            (">=2.0.0-alpha <2.0.0", "v2.0.0-beta"),
        ] {
            assert_eq!(newest(range), Ok(expected), "{range}");
        }
        assert_eq!(newest(">5"), Err(10));
        assert!(Range::parse("^1").unwrap().takes("v1.9.9"));
        assert!(!Range::parse("^1").unwrap().takes("v2.0.0-rc.1"));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            " ",
            "^1 ||",
            ">",
            "a",
            "1.2.3.4",
            "^1 ; rm",
            "1.0.0-next.x.*",
            &">1 ".repeat(100),
        ] {
            assert!(Range::parse(text).is_err(), "{text}");
        }
    }
}
