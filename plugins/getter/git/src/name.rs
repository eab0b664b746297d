//! Names: of references, and of what is in a tree.

use std::fmt;

/// The longest name of a reference, in bytes.
const REFERENCE_BYTES: usize = 1024;
/// The longest name in a tree, in bytes: what file systems take.
const ENTRY_BYTES: usize = 255;

/// The name of a reference, whole or without what stands before it, by the rules of git-check-ref-format.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(String);

impl RefName {
    /// Reads a name; one that git would not take, or that a program could take for an option, is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_broken =
            |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock") || part.ends_with('.');
        let is_wrong = text.len() > REFERENCE_BYTES
            || text.starts_with('-')
            || text == "@"
            || text.contains("..")
            || text.contains("@{")
            || text.contains([' ', '~', '^', ':', '?', '*', '[', '\\'])
            || text.chars().any(char::is_control)
            || text.split('/').any(is_broken);
        (!is_wrong).then(|| Self(text.to_owned()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the name of an entry of a tree is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NameFault {
    /// It is nothing, `.`, or `..`, or has a `/`.
    #[error("leads elsewhere")]
    Elsewhere,
    /// It is one that git keeps for itself, on some file system.
    #[error("is one that git keeps for itself")]
    Reserved,
    /// It has a backslash, a control character, or bytes that are not UTF-8.
    #[error("has characters that it cannot have")]
    Characters,
    /// It is longer than file systems take.
    #[error("is longer than {ENTRY_BYTES} bytes")]
    TooLong,
    /// It is there before.
    #[error("is there twice")]
    Twice,
}

/// Checks the name of an entry of a tree.
pub(crate) fn entry(name: &[u8]) -> Result<&str, NameFault> {
    let text = std::str::from_utf8(name).map_err(|_| NameFault::Characters)?;
    if text.is_empty() || text == "." || text == ".." || text.contains('/') {
        return Err(NameFault::Elsewhere);
    }
    if text.len() > ENTRY_BYTES {
        return Err(NameFault::TooLong);
    }
    if text.contains('\\') || text.chars().any(char::is_control) {
        return Err(NameFault::Characters);
    }
    if is_git(text) {
        return Err(NameFault::Reserved);
    }
    Ok(text)
}

/// Returns whether some file system takes the name for `.git`: any case (HFS+, NTFS), with characters that HFS+ leaves out,
/// with spaces, dots or a stream behind (NTFS), or in the short form of NTFS.
fn is_git(text: &str) -> bool {
    let is_left_out = |char: char| matches!(char, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let seen: String = text.chars().filter(|char| !is_left_out(*char)).collect();
    let lower = seen.to_lowercase();
    let stem = lower.split(':').next().unwrap_or_default();
    matches!(stem.trim_end_matches([' ', '.']), ".git" | "git~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_references_are_checked() {
        for good in [
            "main",
            "v1.2.3",
            "feature/x",
            "refs/heads/main",
            "a-b_c+d",
            "ä",
            "HEAD",
            "1",
        ] {
            assert_eq!(RefName::parse(good).as_ref().map(RefName::as_str), Some(good));
        }
        let long = "a".repeat(REFERENCE_BYTES + 1);
        for bad in [
            "",
            "-x",
            "--upload-pack=touch x",
            "main | touch x",
            "a..b",
            "a@{1}",
            "@",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "a\nb",
            "a\0b",
            "a\u{7f}",
            &long,
        ] {
            assert_eq!(RefName::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn names_of_entries_are_checked() {
        let (elsewhere, reserved, characters) = (NameFault::Elsewhere, NameFault::Reserved, NameFault::Characters);
        for good in ["a.yaml", ".gitignore", ".github", "-x", "ä", "git", ".git2", "a b"] {
            assert_eq!(entry(good.as_bytes()), Ok(good));
        }
        let cases: [(&[u8], NameFault); 16] = [
            (b"", elsewhere),
            (b".", elsewhere),
            (b"..", elsewhere),
            (b"a/b", elsewhere),
            (b".git", reserved),
            (b".GIT", reserved),
            (b".Git ", reserved),
            (b".git. .", reserved),
            (b".git::$INDEX_ALLOCATION", reserved),
            (b"git~1", reserved),
            ("\u{200c}.g\u{feff}it".as_bytes(), reserved),
            (b"a\\b", characters),
            (b"a\nb", characters),
            (b"a\x1b[0m", characters),
            (b"\xff", characters),
            (&[b'a'; 256], NameFault::TooLong),
        ];
        for (name, fault) in cases {
            assert_eq!(entry(name), Err(fault), "{:?}", String::from_utf8_lossy(name));
        }
    }
}
