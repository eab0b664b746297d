//! Keys as paths.

use std::fmt;

/// The longest path, and the longest part of one, in bytes: what file systems take.
const PATH_BYTES: usize = 4096;
const PART_BYTES: usize = 255;
/// The most parts of a path.
const DEPTH: usize = 64;

/// Why a key is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It is not below the prefix that was asked for.
    #[error("is not below the prefix that was asked for")]
    Elsewhere,
    /// It is absolute, on whatever system.
    #[error("is an absolute path")]
    Absolute,
    /// It has a part `.` or `..`.
    #[error("leads outside")]
    Outside,
    /// It has a part without a name.
    #[error("has a part that is empty")]
    Empty,
    /// It has a backslash or a control character.
    #[error("has characters that a path cannot have")]
    Characters,
    /// It, or a part of it, is longer than file systems take.
    #[error("is too long for a path")]
    TooLong,
    /// It has too many parts.
    #[error("has more than {DEPTH} parts")]
    TooDeep,
}

/// A path below the prefix that was asked for: parts joined by `/`, none of them empty, `.` or `..`; no control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath(String);

impl KeyPath {
    /// Returns the path of a key below a prefix, which is empty or ends with `/`; none for what only marks a folder.
    pub(crate) fn below(prefix: &str, key: &str) -> Result<Option<Self>, KeyFault> {
        let rest = key.strip_prefix(prefix).ok_or(KeyFault::Elsewhere)?;
        if rest.is_empty() {
            return Ok(None);
        }
        if rest.len() > PATH_BYTES {
            return Err(KeyFault::TooLong);
        }
        let is_drive = rest.as_bytes().get(1) == Some(&b':') && rest.as_bytes()[0].is_ascii_alphabetic();
        if rest.starts_with(['/', '\\']) || is_drive {
            return Err(KeyFault::Absolute);
        }
        if rest.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
            return Err(KeyFault::Outside);
        }
        if rest.contains(|char: char| char == '\\' || char.is_control()) {
            return Err(KeyFault::Characters);
        }
        let (path, is_marker) = match rest.strip_suffix('/') {
            Some(path) => (path, true),
            None => (rest, false),
        };
        let parts = path.split('/');
        if parts.clone().any(str::is_empty) {
            return Err(KeyFault::Empty);
        }
        if parts.clone().any(|part| part.len() > PART_BYTES) {
            return Err(KeyFault::TooLong);
        }
        if parts.count() > DEPTH {
            return Err(KeyFault::TooDeep);
        }
        Ok((!is_marker).then(|| Self(path.to_owned())))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn p07_keys_stay_below_the_prefix() {
        for (prefix, key, expected) in [
            ("", "a.yaml", Ok(Some("a.yaml"))),
            ("team/", "team/a/b.yaml", Ok(Some("a/b.yaml"))),
            ("team/", "team/..a/b..c", Ok(Some("..a/b..c"))),
            ("team/", "team/", Ok(None)),
            ("team/", "team/a/", Ok(None)),
            ("team/", "team-b/x", Err(KeyFault::Elsewhere)),
            ("team/", "team", Err(KeyFault::Elsewhere)),
            ("team/", "../sibling.yaml", Err(KeyFault::Elsewhere)),
            ("", "../sibling.yaml", Err(KeyFault::Outside)),
            ("a/", "a/../../x", Err(KeyFault::Outside)),
            ("a/", "a/..", Err(KeyFault::Outside)),
            ("a/", "a/./x", Err(KeyFault::Outside)),
            ("a/", "a/b\\..\\x", Err(KeyFault::Outside)),
            ("", "/abs", Err(KeyFault::Absolute)),
            ("a/", "a//abs", Err(KeyFault::Absolute)),
            ("", "\\abs", Err(KeyFault::Absolute)),
            ("", "C:\\x", Err(KeyFault::Absolute)),
            ("", "C:x", Err(KeyFault::Absolute)),
            ("", "a//b", Err(KeyFault::Empty)),
            ("", "a//", Err(KeyFault::Empty)),
            ("", "a\0b", Err(KeyFault::Characters)),
            ("", "a\nb", Err(KeyFault::Characters)),
            ("", "a\\b", Err(KeyFault::Characters)),
        ] {
            let path = KeyPath::below(prefix, key).map(|path| path.map(|path| path.0));
            assert_eq!(path, expected.map(|path| path.map(str::to_owned)), "{prefix:?} {key:?}");
        }
        assert_eq!(KeyPath::below("", &"a".repeat(256)), Err(KeyFault::TooLong));
        assert_eq!(KeyPath::below("", &"a/".repeat(3000)), Err(KeyFault::TooLong));
        assert_eq!(
            KeyPath::below("", &format!("{}b", "a/".repeat(64))),
            Err(KeyFault::TooDeep)
        );
    }

    proptest! {
        #[test]
        fn p07_whatever_a_key_is_its_path_joins_to_the_key_and_leads_nowhere_else(
            key in "(a|b|/|\\\\|\\.|\\.\\.|:|\u{0}|é){0,12}",
        ) {
            if let Ok(Some(path)) = KeyPath::below("a/", &key) {
                prop_assert_eq!(format!("a/{}", path), key.clone());
                let joined = std::path::Path::new("/root").join(path.as_str());
                prop_assert!(joined.components().all(|part| !matches!(part, std::path::Component::ParentDir)));
                prop_assert!(joined.starts_with("/root") && joined != std::path::Path::new("/root"));
            }
        }
    }
}
