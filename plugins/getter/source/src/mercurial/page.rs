//! What a server of Mercurial says of a revision and of directories. Pure.

use serde::Deserialize;

/// How long the name of a changeset is, in hexadecimal digits.
const NODE_DIGITS: usize = 40;

/// The full name of a changeset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node(String);

impl Node {
    /// Reads one; none if it is none, or not whole.
    pub(super) fn read(text: &str) -> Option<Self> {
        let is_node = text.len() == NODE_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_node.then(|| Self(text.to_owned()))
    }

    /// Returns whether it is what there is before the first changeset.
    fn is_null(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }

    /// Returns it in hexadecimal digits.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An answer is none. Quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PageError {
    /// The revision stands for nothing.
    #[error("there is no such revision, or its name is short for several")]
    Unknown,
    /// It does not answer as Mercurial does.
    #[error("it does not answer as a server of Mercurial does; is this the address of a repository?")]
    Strange,
    /// It describes no directory.
    #[error("it does not describe a directory of that changeset")]
    Directory,
}

/// Reads what a revision stands for.
pub(super) fn lookup(answer: &[u8]) -> Result<Node, PageError> {
    let text = std::str::from_utf8(answer).map_err(|_| PageError::Strange)?;
    match text.trim_end_matches('\n').split_once(' ') {
        Some(("1", node)) => {
            let node = Node::read(node).ok_or(PageError::Strange)?;
            if node.is_null() {
                return Err(PageError::Unknown);
            }
            Ok(node)
        }
        Some(("0", _)) => Err(PageError::Unknown),
        Some(_) | None => Err(PageError::Strange),
    }
}

/// A directory, without what is below its own directories.
#[derive(Debug, Deserialize)]
pub(super) struct Directory {
    node: String,
    /// The directories in it.
    pub(super) directories: Vec<Below>,
    /// The files in it.
    pub(super) files: Vec<File>,
}

/// A directory in a directory.
#[derive(Debug, Deserialize)]
pub(super) struct Below {
    /// Its name.
    #[serde(rename = "basename")]
    pub(super) name: String,
}

/// A file.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    /// Its name.
    #[serde(rename = "basename")]
    pub(super) name: String,
    /// How long it is.
    pub(super) size: u64,
    /// What it is, if it is not just a file.
    pub(super) flags: String,
}

/// Reads the description of a directory of a changeset.
pub(super) fn directory(answer: &[u8], node: &Node) -> Result<Directory, PageError> {
    let directory: Directory = serde_json::from_slice(answer).map_err(|_| PageError::Directory)?;
    let names = directory.directories.iter().map(|below| &below.name);
    let mut names = names.chain(directory.files.iter().map(|file| &file.name));
    if directory.node == node.0 && names.all(|name| is_name(name)) {
        Ok(directory)
    } else {
        Err(PageError::Directory)
    }
}

/// Returns whether a name is one part of a path.
fn is_name(name: &str) -> bool {
    let is_odd = |char: char| matches!(char, '/' | '\\') || char.is_control();
    !matches!(name, "" | "." | "..") && !name.contains(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: &str = "5dbde4d19ab27ccb9e8ca049f12cf54e0d6b944f";

    #[test]
    fn what_a_revision_stands_for_is_read() {
        let null = format!("1 {}\n", "0".repeat(40));
        for (answer, expected) in [
            (format!("1 {NODE}\n"), Ok(NODE)),
            ("0 unknown revision 'CANARY'\n".to_owned(), Err(PageError::Unknown)),
            (null, Err(PageError::Unknown)),
            ("1 5dbde4d19ab2\n".to_owned(), Err(PageError::Strange)),
            (format!("1 {}\n", NODE.to_uppercase()), Err(PageError::Strange)),
            (format!("2 {NODE}\n"), Err(PageError::Strange)),
            ("<html>".to_owned(), Err(PageError::Strange)),
            (String::new(), Err(PageError::Strange)),
        ] {
            let node = lookup(answer.as_bytes());
            assert_eq!(node.as_ref().map(Node::as_str), expected.as_ref().copied(), "{answer}");
        }
        assert_eq!(lookup(b"1 \xff"), Err(PageError::Strange));
    }

    #[test]
    fn p07_names_that_lead_out_are_no_directory() {
        let node = Node::read(NODE).unwrap();
        let told = |node: &str, below: &str, file: &str| {
            let answer = serde_json::json!({
                "node": node, "abspath": "/", "tags": [],
                "directories": [{"abspath": "/a", "basename": below, "emptydirs": ""}],
                "files": [{"abspath": "b", "basename": file, "date": [1.0, 0], "size": 3, "flags": "x"}],
            });
            directory(answer.to_string().as_bytes(), &Node::read(NODE).unwrap())
        };
        let read = told(NODE, "a b", "ü.yaml").unwrap();
        assert_eq!((read.directories[0].name.as_str(), read.files[0].size), ("a b", 3));
        for name in ["", ".", "..", "../x", "/etc", "a/b", "a\\b", "a\0", "a\n"] {
            assert!(
                told(NODE, name, "f").is_err() && told(NODE, "d", name).is_err(),
                "{name:?}"
            );
        }
        assert!(told(&"1".repeat(40), "d", "f").is_err(), "of another changeset");
        for answer in ["", "{}", "[]", "<html>", r#"{"error": "path not found"}"#] {
            assert!(directory(answer.as_bytes(), &node).is_err(), "{answer}");
        }
    }
}
