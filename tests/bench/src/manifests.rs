//! A folder of ConfigMaps, one YAML file each of about 1,500 bytes, made from their number and their revision: what rows
//! about changes and about lists are measured on, because one kind has all objects and one file is one object.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::objects::{self, letters};

/// Bytes of a file, about.
const FILE_BYTES: usize = 1_500;
/// Letters of a value.
const VALUE_LETTERS: usize = 100;

/// Where an object's file is, relative to the folder.
#[must_use]
pub fn path(number: u64) -> PathBuf {
    Path::new(&objects::path(number)).with_extension("yaml")
}

/// The content of a file. The revision is in it as `data.revision`, always with as many digits.
#[must_use]
pub fn yaml(number: u64, revision: u32) -> String {
    let (name, namespace) = (objects::name(number), objects::namespace(number));
    let mut text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {namespace}\ndata:\n  revision: \"{revision:06}\"\n"
    );
    let mut letters = letters(number);
    for line in 0.. {
        let key = format!("  setting-{line:02}: ");
        let Some(rest) = FILE_BYTES
            .checked_sub(text.len() + key.len() + 1)
            .filter(|rest| *rest > 0)
        else {
            break;
        };
        text.push_str(&key);
        text.extend(letters.by_ref().take(rest.min(VALUE_LETTERS)));
        text.push('\n');
    }
    text
}

/// Writes an object's file, in place if it is there. Returns once it is closed.
///
/// # Errors
/// When it cannot be written.
pub fn write(root: &Path, number: u64, revision: u32) -> anyhow::Result<()> {
    let file = root.join(path(number));
    fs::write(&file, yaml(number, revision)).with_context(|| format!("writing {}", file.display()))
}

/// Makes a folder of so many objects, in their first revision.
///
/// # Errors
/// When something cannot be made.
pub fn make(root: &Path, objects: u64) -> anyhow::Result<()> {
    for number in 0..objects {
        let file = root.join(path(number));
        let directory = file.parent().context("a file without a directory")?;
        if !directory.exists() {
            fs::create_dir_all(directory)?;
        }
        write(root, number, 0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn files_have_their_size_and_differ_by_number_and_by_revision() {
        let mut seen = BTreeSet::new();
        for (number, revision) in [(0, 0), (0, 1), (0, 999_999), (199, 0), (200, 0), (999_999, 0)] {
            let text = yaml(number, revision);
            assert!((FILE_BYTES - 20..=FILE_BYTES).contains(&text.len()), "{}", text.len());
            let mut documents = k1s_yaml::documents(text.as_bytes(), &k1s_yaml::Limits::default());
            let value = documents.next().unwrap().unwrap().value;
            assert_eq!(value["metadata"]["name"], objects::name(number));
            assert_eq!(value["metadata"]["namespace"], objects::namespace(number));
            assert_eq!(value["data"]["revision"], format!("{revision:06}"));
            assert!(
                value["data"]
                    .as_object()
                    .unwrap()
                    .values()
                    .all(|value| value.is_string())
            );
            assert!(seen.insert(text));
        }
    }

    #[test]
    fn a_folder_has_a_file_for_each_object_and_a_file_is_written_in_place() {
        let directory = tempfile::tempdir().unwrap();
        make(directory.path(), 450).unwrap();
        assert_eq!(crate::walk::stat(directory.path()).unwrap().files, 450);
        write(directory.path(), 449, 7).unwrap();
        let text = fs::read_to_string(directory.path().join(path(449))).unwrap();
        assert!(text == yaml(449, 7) && text != yaml(449, 0));
        assert_eq!(crate::walk::stat(directory.path()).unwrap().files, 450);
    }
}
