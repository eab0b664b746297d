//! Telling the host a snapshot: what it does not hold is read and parsed, the rest is said to be unchanged.
//!
//! The source version of a file is `1.` and the name of its content, so a file whose content the host holds is never read,
//! however it got here.

use std::sync::Arc;

use k1s_source::{At, Code, Documents, Ignore, ObjectLimits, Problem, Progress, SnapshotWriter};
use tokio::task::spawn_blocking;

use crate::content::Content;
use crate::kept::Kept;
use crate::origin::{Contents, OriginError};
use crate::pick::{Pick, What};
use crate::tree::Blob;

/// How many files are read and parsed before they are declared.
const PAGE_FILES: usize = 64;
/// How many bytes of files are read before they are declared; one file may have more.
const PAGE_BYTES: u64 = 4 << 20;

/// Declares a snapshot. The inner error says that a content cannot be read; the outer one that the session is over.
pub(crate) async fn declare(
    kept: &Kept,
    address: &str,
    most: u64,
    contents: Arc<dyn Contents>,
    out: &mut SnapshotWriter<'_>,
) -> Result<Result<(), OriginError>, Problem> {
    let total = u64::try_from(kept.picks.len()).unwrap_or(u64::MAX);
    let mut progress = Progress {
        total: Some(total),
        phase: "reading".to_owned(),
        ..Progress::default()
    };
    let mut speaker = Speaker {
        uri: address,
        revision: &kept.revision,
        out,
    };
    let mut rest = kept.picks.as_slice();
    while !rest.is_empty() {
        let (page, after) = rest.split_at(page_length(rest));
        rest = after;
        let unread = speaker.unread(page).await?;
        let limits = speaker.out.limits();
        let reader = Arc::clone(&contents);
        let parsed = spawn_blocking(move || parse(unread, most, &limits, &*reader)).await?;
        match parsed {
            Ok(parsed) => speaker.declare(page, parsed).await?,
            Err(error) => return Ok(Err(error)),
        }
        progress.done += u64::try_from(page.len()).unwrap_or(u64::MAX);
        speaker.out.progress(progress.clone()).await?;
    }
    Ok(Ok(()))
}

/// Returns how many of the next picks are a page.
fn page_length(picks: &[Pick]) -> usize {
    let mut bytes = 0_u64;
    let fits = picks.iter().take(PAGE_FILES).take_while(|pick| {
        let has_room = bytes < PAGE_BYTES;
        if let What::File(blob) = &pick.what {
            bytes = bytes.saturating_add(blob.bytes.unwrap_or(0));
        }
        has_room
    });
    fits.count().max(1)
}

/// What came of a file.
enum Parsed {
    Documents(Documents),
    /// It is larger than this many bytes.
    TooLarge(u64),
}

/// A file of a page that has to be read.
struct Unread {
    index: usize,
    content: Content,
}

fn parse(
    unread: Vec<Unread>,
    most: u64,
    limits: &ObjectLimits,
    contents: &dyn Contents,
) -> Result<Vec<(usize, Parsed)>, OriginError> {
    let parse = |Unread { index, content }: Unread| match contents.read(&content, most) {
        Ok(bytes) => Ok((index, Parsed::Documents(Documents::parse(&bytes, limits)))),
        // How long it is was not known before.
        Err(error) if error.is_too_large() => Ok((index, Parsed::TooLarge(most))),
        Err(error) => Err(error),
    };
    unread.into_iter().map(parse).collect()
}

/// Says to the host what there is.
struct Speaker<'a, 'c> {
    uri: &'a str,
    revision: &'a str,
    out: &'a mut SnapshotWriter<'c>,
}

impl Speaker<'_, '_> {
    /// Says of each file of a page that it is unchanged, and returns those that are not.
    async fn unread(&mut self, page: &[Pick]) -> Result<Vec<Unread>, Problem> {
        let mut unread = Vec::new();
        for (index, pick) in page.iter().enumerate() {
            if let What::File(blob) = &pick.what {
                let at = At::path(&pick.path).version(version(blob));
                if !self.out.unchanged(&at).await? {
                    unread.push(Unread {
                        index,
                        content: blob.content.clone(),
                    });
                }
            }
        }
        Ok(unread)
    }

    /// Declares what was read of a page, and says what cannot be.
    async fn declare(&mut self, page: &[Pick], parsed: Vec<(usize, Parsed)>) -> Result<(), Problem> {
        let mut parsed = parsed.into_iter().peekable();
        for (index, pick) in page.iter().enumerate() {
            let at = At::path(&pick.path).uri(self.uri).revision(self.revision);
            match &pick.what {
                What::File(blob) => match parsed.next_if(|(of, _)| *of == index) {
                    Some((_, Parsed::Documents(documents))) => {
                        self.out.documents(documents, at.version(version(blob))).await?;
                    }
                    Some((_, Parsed::TooLarge(most))) => {
                        let said = format!("larger than maxFileBytes, {most} bytes");
                        self.out.failed(at, Problem::new(Code::TooLarge, said)).await?;
                    }
                    None => {}
                },
                What::ChartPart => self.out.ignored(at, Ignore::NotAnObject).await?,
                What::Link => self.out.ignored(at, Ignore::Link).await?,
                What::Submodule => self.out.ignored(at, Ignore::Excluded).await?,
                What::Refused(refusal) => {
                    let problem = Problem::new(refusal.class.code(), refusal.said.as_str());
                    self.out.failed(at, problem).await?;
                }
            }
        }
        Ok(())
    }
}

fn version(blob: &Blob) -> String {
    format!("1.{}", blob.content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Mode;

    #[test]
    fn a_page_ends_at_its_files_or_its_bytes() {
        let pick = |bytes: u64| Pick {
            path: "a".to_owned(),
            what: What::File(Blob {
                content: Content::of(b""),
                bytes: Some(bytes),
                mode: Mode::Plain,
            }),
        };
        let length = |sizes: &[u64]| page_length(&sizes.iter().map(|size| pick(*size)).collect::<Vec<_>>());
        assert_eq!(length(&[1; 100]), PAGE_FILES);
        assert_eq!(length(&[PAGE_BYTES - 1, 1, 1]), 2);
        assert_eq!(length(&[PAGE_BYTES * 2, 1]), 1);
    }

    #[test]
    fn the_longest_version_fits_the_contract_with_what_the_sdk_adds() {
        for content in [Content::of(b""), Content::git(&"a".repeat(64)).unwrap()] {
            assert!(format!("1.{content} 2000000/2000000").len() <= 128, "{content}");
        }
    }
}
