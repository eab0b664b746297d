//! Telling the host a snapshot: what it does not hold is read and parsed, the rest is said to be unchanged.
//!
//! The source version of a file is `1.` and the name of its content, so a file whose content the host holds is never read,
//! however it got here.

use std::collections::VecDeque;

use k1s_source::{At, Documents, Ignore, ObjectLimits, Problem, Progress, SnapshotWriter};

use crate::attention::{FOR_OWN, Silent, Vigil, attended};
use crate::bench::Bench;
use crate::content::Content;
use crate::custody::Custody;
use crate::kept::Kept;
use crate::origin::{Contents, Meter, OriginError};
use crate::pick::{Pick, What};
use crate::tree::{Blob, Refusal};

/// How many files are looked at before any of them is declared.
const PAGE_FILES: usize = 64;
/// How many bytes of files are read before they are declared; one file may have more.
const BATCH_BYTES: usize = 4 << 20;

/// What is known of an address, and by what it is read.
pub(crate) struct Declared<'a> {
    /// The state.
    pub(crate) kept: &'a Kept,
    /// What reads its contents; where work has it, only what the host holds is declared.
    pub(crate) bench: &'a mut Custody<Bench>,
    /// What the reading counts in.
    pub(crate) meter: &'a Meter,
    /// The address, without secrets.
    pub(crate) address: &'a str,
}

/// Declares what is known of an address. The inner error says that a content cannot be read; the outer one that the session
/// is over.
pub(crate) async fn declare(
    declared: Declared<'_>,
    out: &mut SnapshotWriter<'_>,
) -> Result<Result<(), OriginError>, Problem> {
    let Declared {
        kept,
        bench,
        meter,
        address,
    } = declared;
    let total = u64::try_from(kept.picks.len()).unwrap_or(u64::MAX);
    let mut progress = Progress {
        total: Some(total),
        phase: "reading".to_owned(),
        ..Progress::default()
    };
    let mut speaker = Speaker {
        uri: address,
        kept,
        out,
    };
    let mut is_all_read = true;
    for page in kept.picks.chunks(PAGE_FILES) {
        let mut unread = speaker.unread(page).await?;
        while !unread.is_empty() {
            if bench.is_away() {
                is_all_read = false;
                break;
            }
            let limits = speaker.out.limits();
            let parsing = bench.lend(move |bench| Box::pin(bench.parse(unread, limits)));
            let vigil = Vigil {
                meter,
                phase: "reading",
                patience: FOR_OWN,
            };
            let batch = match attended(speaker.out, vigil, parsing).await? {
                Ok(parsed) => parsed.map_err(OriginError::from).flatten(),
                Err(silent) => Err(silent.into()),
            };
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => return Ok(Err(error)),
            };
            unread = batch.unread;
            for (index, parsed) in batch.parsed {
                if let Some(pick) = page.get(index) {
                    speaker.declare(pick, parsed).await?;
                }
            }
            speaker.out.progress(progress.clone()).await?;
        }
        speaker.tell(page).await?;
        progress.done += u64::try_from(page.len()).unwrap_or(u64::MAX);
        speaker.out.progress(progress.clone()).await?;
    }
    Ok(if is_all_read { Ok(()) } else { Err(Silent.into()) })
}

/// What came of a file.
pub(crate) enum Parsed {
    Documents(Documents),
    Refused(Refusal),
}

/// A file of a page that has to be read.
pub(crate) struct Unread {
    index: usize,
    content: Content,
}

#[cfg(test)]
impl Unread {
    pub(crate) fn new(index: usize, content: Content) -> Self {
        Self { index, content }
    }
}

/// What came of some files of a page, and those that are left.
pub(crate) struct Batch {
    /// By their places in the page.
    parsed: Vec<(usize, Parsed)>,
    unread: VecDeque<Unread>,
}

/// Reads files of at most `most` bytes and parses them, until what was read is enough to be declared.
///
/// # Errors
/// Fails if a content was lost.
pub(crate) fn parse(
    mut unread: VecDeque<Unread>,
    most: u64,
    limits: &ObjectLimits,
    contents: &mut dyn Contents,
) -> Result<Batch, OriginError> {
    let (mut parsed, mut bytes_read) = (Vec::new(), 0_usize);
    while bytes_read < BATCH_BYTES
        && let Some(Unread { index, content }) = unread.pop_front()
    {
        let came = match contents.read(&content, most) {
            Ok(bytes) => {
                bytes_read = bytes_read.saturating_add(bytes.len());
                Parsed::Documents(Documents::parse(&bytes, limits))
            }
            Err(error) => Parsed::Refused(error.refusal("maxFileBytes", most).ok_or(error)?),
        };
        parsed.push((index, came));
    }
    Ok(Batch { parsed, unread })
}

/// Says to the host what there is.
struct Speaker<'a, 'c> {
    uri: &'a str,
    kept: &'a Kept,
    out: &'a mut SnapshotWriter<'c>,
}

impl Speaker<'_, '_> {
    /// Says where something is, and where it comes from.
    fn at(&self, path: &str) -> At {
        let at = At::path(path);
        match self.kept.module(path) {
            None => at.uri(self.uri).revision(&self.kept.revision),
            Some((module, path)) => at.uri(format!("{}//{path}", module.uri)).revision(&module.revision),
        }
    }

    /// Says of each file of a page that it is unchanged, and returns those that are not.
    async fn unread(&mut self, page: &[Pick]) -> Result<VecDeque<Unread>, Problem> {
        let mut unread = VecDeque::new();
        for (index, pick) in page.iter().enumerate() {
            if let What::File(blob) = &pick.what {
                let at = At::path(&pick.path).version(version(blob));
                if !self.out.unchanged(&at).await? {
                    unread.push_back(Unread {
                        index,
                        content: blob.content.clone(),
                    });
                }
            }
        }
        Ok(unread)
    }

    /// Declares what was read of a file.
    async fn declare(&mut self, pick: &Pick, parsed: Parsed) -> Result<(), Problem> {
        let at = self.at(&pick.path);
        match (&pick.what, parsed) {
            (What::File(blob), Parsed::Documents(documents)) => {
                self.out.documents(documents, at.version(version(blob))).await
            }
            (_, Parsed::Refused(refusal)) => self.refuse(at, &refusal).await,
            (What::ChartPart | What::Link | What::Submodule | What::Refused(_), Parsed::Documents(_)) => Ok(()),
        }
    }

    /// Says of what is no file in a page why it is none.
    async fn tell(&mut self, page: &[Pick]) -> Result<(), Problem> {
        for pick in page {
            let at = self.at(&pick.path);
            match &pick.what {
                What::File(_) => {}
                What::ChartPart => self.out.ignored(at, Ignore::NotAnObject).await?,
                What::Link => self.out.ignored(at, Ignore::Link).await?,
                What::Submodule => self.out.ignored(at, Ignore::Excluded).await?,
                What::Refused(refusal) => self.refuse(at, refusal).await?,
            }
        }
        Ok(())
    }

    async fn refuse(&mut self, at: At, refusal: &Refusal) -> Result<(), Problem> {
        let problem = Problem::new(refusal.class.code(), refusal.said.as_str());
        self.out.failed(at, problem).await
    }
}

fn version(blob: &Blob) -> String {
    format!("1.{}", blob.content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::tests::Shelf;
    use crate::tree::Class;

    /// What is read is counted, whether or not it was known how long it is: contents of git do not say.
    #[test]
    fn a_batch_ends_with_what_was_read() {
        let mut shelf = Shelf::default();
        let contents = [1, 2, 3, 4, 5].map(|byte| shelf.put(&vec![byte; 2 << 20]));
        let mut unread: VecDeque<Unread> = contents
            .into_iter()
            .enumerate()
            .map(|(index, content)| Unread { index, content })
            .collect();
        let mut lengths = Vec::new();
        while !unread.is_empty() {
            let batch = parse(unread, 8 << 20, &ObjectLimits::default(), &mut shelf).unwrap();
            lengths.push(batch.parsed.len());
            unread = batch.unread;
        }
        assert_eq!((lengths, shelf.reads), (vec![2, 2, 1], 5));
    }

    #[test]
    fn what_is_no_file_is_told_and_the_others_are_read() {
        let mut shelf = Shelf::default();
        let contents = [shelf.put_no_file(b"tree"), shelf.put(b"a: 1"), shelf.put(&[b'#'; 101])];
        let unread = contents.into_iter().enumerate();
        let unread = unread.map(|(index, content)| Unread { index, content }).collect();
        let batch = parse(unread, 100, &ObjectLimits::default(), &mut shelf).unwrap();
        let classes: Vec<Option<Class>> = batch
            .parsed
            .into_iter()
            .map(|(_, parsed)| match parsed {
                Parsed::Documents(_) => None,
                Parsed::Refused(refusal) => Some(refusal.class),
            })
            .collect();
        assert_eq!(classes, [Some(Class::Invalid), None, Some(Class::TooLarge)]);
    }

    #[test]
    fn the_longest_version_fits_the_contract_with_what_the_sdk_adds() {
        for content in [Content::of(b""), Content::git(&"a".repeat(64)).unwrap()] {
            assert!(format!("1.{content} 2000000/2000000").len() <= 128, "{content}");
        }
    }
}
