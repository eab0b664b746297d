//! Ten files that a source must survive, with the answer it owes for each.
//!
//! None of them holds an object that could be stored; nine are failures and one is ignored.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Context as _;
use rustix::fs::{CWD, FileType, Mode, mknodat};

const SPARSE_BYTES: u64 = 1 << 30;
const DEPTH: usize = 10_000;
const SEPARATORS: usize = 1_000_000;
const ALIAS_LEVELS: usize = 9;

/// What a source says of a hostile file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The file is no manifest; nothing is wrong.
    Ignored,
    /// The file is reported as failed.
    Failed {
        /// The problem's code, as on the wire without its prefix.
        code: &'static str,
        /// The line, from 1, where the content has lines.
        line: Option<u32>,
    },
}

/// A hostile file and the answer it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hostile {
    /// The file's name in the directory it was written to.
    pub name: &'static str,
    /// What a source must answer.
    pub answer: Answer,
}

const DATA_INVALID: &str = "DATA_INVALID";
const TOO_LARGE: &str = "TOO_LARGE";
const UNSUPPORTED: &str = "UNSUPPORTED";

/// Every hostile file, by name.
pub const FILES: [Hostile; 10] = [
    failed("alias-bomb.yaml", TOO_LARGE, Some(6)),
    failed("deep.yaml", TOO_LARGE, Some(6)),
    failed("duplicate-keys.yaml", DATA_INVALID, Some(7)),
    failed("fifo.yaml", UNSUPPORTED, None),
    failed("invalid-utf8.yaml", DATA_INVALID, Some(6)),
    // Kubernetes' reader makes one document of two separators; the reader's limit is 100,000 documents.
    failed("million-documents.yaml", TOO_LARGE, Some(200_001)),
    Hostile {
        name: "neither.yaml",
        answer: Answer::Ignored,
    },
    failed("nul.yaml", DATA_INVALID, Some(6)),
    failed("outside.yaml", UNSUPPORTED, None),
    failed("sparse.yaml", TOO_LARGE, None),
];

const fn failed(name: &'static str, code: &'static str, line: Option<u32>) -> Hostile {
    Hostile {
        name,
        answer: Answer::Failed { code, line },
    }
}

/// Writes the files of [`FILES`] into `directory`, which exists. `outside` is where the symbolic link leads: a valid
/// manifest is written there, which only a source that follows the link would find.
///
/// # Errors
/// The first file that cannot be made.
pub fn write(directory: &Path, outside: &Path) -> anyhow::Result<()> {
    for file in FILES {
        make(&directory.join(file.name), file.name, outside).with_context(|| format!("making {}", file.name))?;
    }
    Ok(())
}

fn make(path: &Path, name: &str, outside: &Path) -> anyhow::Result<()> {
    match name {
        "fifo.yaml" => mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?,
        "outside.yaml" => {
            fs::write(outside, config_map("outside", "  key: value\n"))?;
            symlink(outside, path)?;
        }
        "sparse.yaml" => File::create(path)?.set_len(SPARSE_BYTES)?,
        _ => fs::write(path, content(name))?,
    }
    Ok(())
}

/// What is in a regular file of [`FILES`].
fn content(name: &str) -> Vec<u8> {
    match name {
        "alias-bomb.yaml" => config_map("alias-bomb", &alias_bomb()).into_bytes(),
        "deep.yaml" => config_map("deep", &format!("  key: {}{}\n", "[".repeat(DEPTH), "]".repeat(DEPTH))).into_bytes(),
        "duplicate-keys.yaml" => config_map("duplicate-keys", "  key: one\n  key: two\n").into_bytes(),
        "invalid-utf8.yaml" => [config_map("invalid-utf8", "  key: ").as_bytes(), b"\xFF\xFE\n"].concat(),
        "million-documents.yaml" => "---\n".repeat(SEPARATORS).into_bytes(),
        "neither.yaml" => b"replicas: 3\nimage:\n  tag: v1.2\n".to_vec(),
        "nul.yaml" => config_map("nul", "  key: \"a\0b\"\n").into_bytes(),
        _ => Vec::new(),
    }
}

/// A manifest of six lines and more: `data` begins on the sixth.
fn config_map(name: &str, data: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{data}")
}

/// Nine levels, each of which holds the one before it nine times, on one line so that it has one place.
fn alias_bomb() -> String {
    let levels: Vec<String> = (1..=ALIAS_LEVELS)
        .map(|level| {
            format!(
                "&level{level} [{}]",
                vec![format!("*level{}", level - 1); ALIAS_LEVELS].join(", ")
            )
        })
        .collect();
    format!("  key: [&level0 lol, {}]\n", levels.join(", "))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    use k1s_yaml::{ErrorKind, Limits, documents};

    use super::*;

    #[test]
    fn content_is_refused_at_the_line_that_is_told() {
        for file in FILES {
            let content = content(file.name);
            let read: Result<Vec<_>, _> = documents(&content, &Limits::default()).collect();
            match (file.answer, read) {
                (Answer::Failed { code, line: Some(line) }, Err(error)) => {
                    let is_limit = matches!(
                        error.kind,
                        ErrorKind::AliasBomb | ErrorKind::TooDeep { .. } | ErrorKind::TooManyDocuments { .. }
                    );
                    assert_eq!(
                        (error.line, is_limit),
                        (line, code == TOO_LARGE),
                        "{}: {error}",
                        file.name
                    );
                }
                (Answer::Ignored, Ok(documents)) => {
                    assert!(documents[0].value.get("apiVersion").is_none() && documents[0].value.get("kind").is_none());
                }
                (Answer::Failed { line: None, .. }, Ok(documents)) => assert!(documents.is_empty(), "{}", file.name),
                (answer, read) => panic!("{}: {answer:?} against {read:?}", file.name),
            }
        }
    }

    #[test]
    fn every_file_is_written_as_what_it_is_called() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = outside.path().join("outside.yaml");
        write(inside.path(), &target).unwrap();

        let meta = |name: &str| inside.path().join(name).symlink_metadata().unwrap();
        assert_eq!(fs::read_dir(inside.path()).unwrap().count(), FILES.len());
        assert!(meta("fifo.yaml").file_type().is_fifo());
        assert_eq!(fs::read_link(inside.path().join("outside.yaml")).unwrap(), target);
        assert_eq!(
            documents(&fs::read(target).unwrap(), &Limits::default())
                .filter(Result::is_ok)
                .count(),
            1
        );
        let sparse = meta("sparse.yaml");
        assert!(
            sparse.len() == SPARSE_BYTES && sparse.blocks() < 100,
            "{} blocks",
            sparse.blocks()
        );
    }
}
