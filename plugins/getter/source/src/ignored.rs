//! The texts of ignore files, each read once whatever number of directories have it.
//!
//! What cannot be one is told of its directory alone. Rules are compiled for each directory anew, so what all of them have
//! together is bounded, not only what is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use k1s_manifests::{RULES_BYTES, RelPath};

use crate::content::Content;
use crate::origin::{Contents, OriginError};

/// The most ignore files of one address.
pub(crate) const IGNORE_FILES: usize = 10_000;
/// The most bytes of all ignore files of one address, each counted wherever it lies: 4 MiB.
pub(crate) const IGNORE_BYTES: u64 = 4 << 20;

/// What ignore files say, by their paths: their text, or why they have none.
pub(crate) type Ignored = BTreeMap<RelPath, Result<Arc<str>, String>>;

/// Reads ignore files.
///
/// # Errors
/// Fails if there are too many, they are too long together, or a content was lost.
pub(crate) fn texts(files: Vec<(RelPath, Content)>, contents: &mut dyn Contents) -> Result<Ignored, OriginError> {
    if files.len() > IGNORE_FILES {
        return Err(OriginError::IgnoreFiles(IGNORE_FILES));
    }
    let mut text_by_content: BTreeMap<Content, Result<Arc<str>, String>> = BTreeMap::new();
    let (mut ignored, mut sum) = (Ignored::new(), 0_u64);
    for (path, content) in files {
        let text = match text_by_content.get(&content) {
            Some(text) => text.clone(),
            None => {
                let read = text(&content, contents)?;
                text_by_content.insert(content, read.clone());
                read
            }
        };
        let bytes = text.as_ref().map_or(0, |text| text.len());
        sum = sum.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if sum > IGNORE_BYTES {
            return Err(OriginError::IgnoreBytes(IGNORE_BYTES));
        }
        ignored.insert(path, text);
    }
    Ok(ignored)
}

fn text(content: &Content, contents: &mut dyn Contents) -> Result<Result<Arc<str>, String>, OriginError> {
    let bytes = match contents.read(content, RULES_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => {
            return match error.refusal("the limit of ignore files", RULES_BYTES) {
                Some(refusal) => Ok(Err(format!("is {}", refusal.said))),
                None => Err(error),
            };
        }
    };
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned());
    Ok(text.map(Arc::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::tests::Shelf;

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    fn copies(number: usize, content: &Content) -> Vec<(RelPath, Content)> {
        let one = |at| (path(&format!("{at}/.sourceignore")), content.clone());
        (0..number).map(one).collect()
    }

    #[test]
    fn a_text_is_read_and_held_once() {
        let mut shelf = Shelf::default();
        let content = shelf.put(b"*.tmp");
        let ignored = texts(copies(100, &content), &mut shelf).unwrap();
        assert_eq!((ignored.len(), shelf.reads), (100, 1));
        let text = ignored.values().next().unwrap().as_ref().unwrap();
        assert_eq!(Arc::strong_count(text), 100);
    }

    #[test]
    fn number_and_sum_are_bounded() {
        let mut shelf = Shelf::default();
        let (short, long) = (shelf.put(b"a"), shelf.put(&vec![b'a'; 200 << 10]));
        assert!(texts(copies(IGNORE_FILES, &short), &mut shelf).is_ok());
        assert!(matches!(
            texts(copies(IGNORE_FILES + 1, &short), &mut shelf),
            Err(OriginError::IgnoreFiles(IGNORE_FILES))
        ));
        assert!(texts(copies(20, &long), &mut shelf).is_ok());
        assert!(matches!(
            texts(copies(21, &long), &mut shelf),
            Err(OriginError::IgnoreBytes(IGNORE_BYTES))
        ));
    }

    #[test]
    fn what_is_no_text_is_told_of_its_directory() {
        let mut shelf = Shelf::default();
        let (good, binary) = (shelf.put(b"a"), shelf.put(b"\xff"));
        let (long, tree) = (shelf.put(&vec![b'a'; (256 << 10) + 1]), shelf.put_no_file(b"tree"));
        let files = [("a", good), ("b", binary), ("c", long), ("d", tree)];
        let files = files.map(|(name, content)| (path(name), content)).to_vec();
        let ignored = texts(files, &mut shelf).unwrap();
        let said: Vec<Result<&str, &str>> = ignored
            .values()
            .map(|text| text.as_deref().map_err(String::as_str))
            .collect();
        assert_eq!(said[..2], [Ok("a"), Err("is not UTF-8")]);
        assert!(
            said[2].is_err_and(|said| said.starts_with("is larger than")),
            "{said:?}"
        );
        assert!(said[3].is_err_and(|said| said.starts_with("is no file")), "{said:?}");
        let lost = vec![(path("a"), Content::of(b"lost"))];
        assert!(texts(lost, &mut shelf).is_err());
    }
}
