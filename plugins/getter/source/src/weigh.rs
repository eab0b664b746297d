//! What a snapshot names, looked at before it takes the place of the last: whether each content can be read, and how large
//! all are together.
//!
//! A file's content is counted wherever the file lies, so that one that is named many times is bounded as many files are.

use std::collections::HashMap;

use crate::content::Content;
use crate::kept::Kept;
use crate::origin::{Contents, OriginError};
use crate::pick::{Pick, What};
use crate::tree::Refusal;

/// What is taken of files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// The largest file, in bytes; a larger one is refused, and the others are not.
    pub(crate) file_bytes: u64,
    /// All files together, in bytes.
    pub(crate) total_bytes: u64,
}

/// Notes how long each file is, and refuses those that are none or too large. What `last` names was looked at before.
///
/// # Errors
/// Fails if they are too large together, or a content was lost.
pub(crate) fn weigh(
    picks: &mut [Pick],
    last: Option<&Kept>,
    scale: Scale,
    contents: &mut dyn Contents,
) -> Result<(), OriginError> {
    let known = last.into_iter().flat_map(|last| &last.picks);
    let known = known.filter_map(|pick| match &pick.what {
        What::File(blob) => Some((blob.content.clone(), Ok(blob.bytes?))),
        What::ChartPart | What::Link | What::Submodule | What::Refused(_) => None,
    });
    let mut weighed: HashMap<Content, Result<u64, Refusal>> = known.collect();
    let mut sum = 0_u64;
    for pick in picks {
        let What::File(blob) = &mut pick.what else { continue };
        let bytes = match blob.bytes {
            Some(bytes) => Ok(bytes),
            None => match weighed.get(&blob.content) {
                Some(found) => found.clone(),
                None => {
                    let found = length(&blob.content, scale, contents)?;
                    weighed.insert(blob.content.clone(), found.clone());
                    found
                }
            },
        };
        match bytes {
            Ok(bytes) => {
                blob.bytes = Some(bytes);
                sum = sum.saturating_add(bytes);
            }
            Err(refusal) => pick.what = What::Refused(refusal),
        }
        if sum > scale.total_bytes {
            return Err(OriginError::TooMuch(scale.total_bytes));
        }
    }
    Ok(())
}

fn length(content: &Content, scale: Scale, contents: &mut dyn Contents) -> Result<Result<u64, Refusal>, OriginError> {
    let most = scale.file_bytes;
    match contents.read(content, most) {
        Ok(bytes) => Ok(Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX))),
        Err(error) => error.refusal("maxFileBytes", most).map(Err).ok_or(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kept::tests::kept;
    use crate::origin::tests::Shelf;
    use crate::tree::{Blob, Class, Mode};

    const SCALE: Scale = Scale {
        file_bytes: 10,
        total_bytes: 25,
    };

    fn picks(contents: &[&Content]) -> Vec<Pick> {
        let pick = |content: &&Content| Pick {
            path: "a".to_owned(),
            what: What::File(Blob {
                content: (*content).clone(),
                bytes: None,
                mode: Mode::Plain,
            }),
        };
        contents.iter().map(pick).collect()
    }

    #[test]
    fn a_content_that_is_named_often_is_read_once_and_counted_often() {
        let mut shelf = Shelf::default();
        let content = shelf.put(b"12345678");
        let mut three = picks(&[&content; 3]);
        weigh(&mut three, None, SCALE, &mut shelf).unwrap();
        assert!(matches!(&three[2].what, What::File(blob) if blob.bytes == Some(8)));
        assert_eq!(shelf.reads, 1);
        let error = weigh(&mut picks(&[&content; 4]), None, SCALE, &mut shelf).unwrap_err();
        assert!(matches!(error, OriginError::TooMuch(25)), "{error}");
    }

    #[test]
    fn what_is_no_file_or_too_large_is_refused_by_itself() {
        let mut shelf = Shelf::default();
        let (good, large) = (shelf.put(b"good"), shelf.put(b"12345678901"));
        let tree = shelf.put_no_file(b"tree");
        let mut all = picks(&[&good, &large, &tree, &tree]);
        weigh(&mut all, None, SCALE, &mut shelf).unwrap();
        let class = |pick: &Pick| match &pick.what {
            What::Refused(refusal) => Some(refusal.class),
            What::File(_) | What::ChartPart | What::Link | What::Submodule => None,
        };
        let classes: Vec<_> = all.iter().map(class).collect();
        assert_eq!(
            classes,
            [None, Some(Class::TooLarge), Some(Class::Invalid), Some(Class::Invalid)]
        );
    }

    #[test]
    fn what_was_lost_fails_and_what_was_known_is_not_read() {
        let mut shelf = Shelf::default();
        let lost = Content::of(b"abc");
        let known = kept(&[("a", lost.clone())]);
        weigh(&mut picks(&[&lost]), Some(&known), SCALE, &mut shelf).unwrap();
        assert!(weigh(&mut picks(&[&lost]), None, SCALE, &mut shelf).is_err());
    }
}
