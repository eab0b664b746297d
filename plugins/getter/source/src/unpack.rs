//! From a file that was brought to a tree: its checksum, and what is in it if it is an archive.
//!
//! The file is ours alone while it is read, so that what was verified is what is unpacked. Contents go into the cache one by
//! one, and only those that may be wanted; nothing is written by the path of an entry.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};

use k1s_getter_address::{Archive, Digest, Verifier};
use k1s_getter_archive::{self as archive, Limits};
use k1s_manifests::RelPath;
use sha2::{Digest as _, Sha256};

use crate::cache::{Cache, CacheError, Put};
use crate::kept::hexadecimal;
use crate::origin::OriginError;
use crate::tree::{Blob, Class, Entry, Kind, Mode, Refusal, Shape, Tree};
use crate::wish::Wish;

/// How much is hashed at once, in bytes.
const CHUNK: usize = 64 << 10;

/// A file that was brought.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// It, readable from any place.
    pub(crate) file: File,
    /// What it is called: the last part of its path, or what the address says.
    pub(crate) name: String,
    /// How it is packed; `None` for a file that is wanted as it is.
    pub(crate) archive: Option<Archive>,
}

/// Returns the SHA-256 of a file that has the checksum that is expected.
///
/// # Errors
/// Fails if it has another, or cannot be read.
pub(crate) fn verify(file: &mut File, expected: Option<&Digest>) -> Result<[u8; 32], OriginError> {
    let unreadable = |error: io::Error| OriginError::Archive(archive::ArchiveError::Damaged(error));
    let mut verifier = expected.cloned().map(Verifier::new);
    let (mut hasher, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    loop {
        let read = file.read(&mut chunk).map_err(unreadable)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        hasher.update(bytes);
        if let Some(verifier) = &mut verifier {
            verifier.update(bytes);
        }
    }
    if let Some(verifier) = verifier {
        verifier.finish().map_err(OriginError::Mismatch)?;
    }
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    Ok(hasher.finalize().into())
}

/// Returns the revision of a file with this SHA-256.
#[must_use]
pub(crate) fn revision(hash: &[u8; 32]) -> String {
    format!("sha256:{}", hexadecimal(hash))
}

/// Makes a tree of a file: of what is in it, or of itself.
///
/// # Errors
/// Fails if the archive is refused, the file is too large, or the cache cannot be used.
pub(crate) fn unpack(parcel: Parcel, wish: &Wish, limits: &Limits, cache: &Cache) -> Result<Tree, OriginError> {
    let Parcel { file, name, archive } = parcel;
    let Some(format) = archive else {
        return whole(file, &name, wish, cache);
    };
    let mut unpacking = Unpacking {
        wish,
        cache,
        shape: shape(format),
        roots: BTreeSet::new(),
        entries: Vec::new(),
    };
    let inner_name = inner_name(&name, format);
    let mut taker = |entry: archive::Entry, content: &mut dyn Read| unpacking.take(&entry, content);
    archive::read(format, inner_name, file, limits, &mut taker).map_err(OriginError::Archive)?;
    Ok(Tree {
        shape: unpacking.shape,
        roots: unpacking.roots,
        entries: unpacking.entries,
        ..Tree::default()
    })
}

/// Takes a file as it is.
fn whole(mut file: File, name: &str, wish: &Wish, cache: &Cache) -> Result<Tree, OriginError> {
    let path = RelPath::new(name).filter(|path| path.parts().count() == 1);
    let Put::Whole { content, bytes } = cache.put(&mut file, wish.file_bytes)? else {
        return Err(CacheError::TooLarge(wish.file_bytes).into());
    };
    let kind = Kind::File(Blob {
        content,
        bytes: Some(bytes),
        mode: Mode::Plain,
    });
    Ok(Tree {
        shape: Shape::File,
        entries: path
            .into_iter()
            .map(|path| Entry {
                path,
                kind: kind.clone(),
            })
            .collect(),
        ..Tree::default()
    })
}

fn shape(format: Archive) -> Shape {
    match format {
        Archive::Bz2 | Archive::Gz | Archive::Xz | Archive::Zst => Shape::File,
        Archive::Tar | Archive::TarBz2 | Archive::TarGz | Archive::TarXz | Archive::TarZst | Archive::Zip => {
            Shape::Many
        }
    }
}

/// Returns what a compressed file is called once it is not compressed.
fn inner_name(name: &str, format: Archive) -> &str {
    let stem = name.strip_suffix(format.name()).and_then(|stem| stem.strip_suffix('.'));
    stem.filter(|stem| !stem.is_empty()).unwrap_or(name)
}

/// An archive that is being read.
struct Unpacking<'a> {
    wish: &'a Wish,
    cache: &'a Cache,
    shape: Shape,
    roots: BTreeSet<RelPath>,
    entries: Vec<Entry>,
}

impl Unpacking<'_> {
    fn take(&mut self, entry: &archive::Entry, content: &mut dyn Read) -> io::Result<()> {
        // An entry's path is checked more strictly than this.
        let Some(path) = RelPath::new(entry.path.as_str()) else {
            return Ok(());
        };
        self.note_roots(&path);
        let is_taken = self.shape == Shape::File || self.wish.takes(&path);
        let kind = match &entry.kind {
            archive::Kind::Link(_) if is_taken || self.wish.is_root(&path) => Kind::Link,
            archive::Kind::File(mode) if is_taken => self.keep(*mode, content)?,
            archive::Kind::Link(_) | archive::Kind::File(_) => return Ok(()),
        };
        self.entries.push(Entry { path, kind });
        Ok(())
    }

    fn keep(&self, mode: archive::Mode, content: &mut dyn Read) -> io::Result<Kind> {
        let most = self.wish.file_bytes;
        let mode = match mode {
            archive::Mode::Plain => Mode::Plain,
            archive::Mode::Executable => Mode::Executable,
        };
        match self.cache.put(content, most).map_err(io::Error::other)? {
            Put::Whole { content, bytes } => Ok(Kind::File(Blob {
                content,
                bytes: Some(bytes),
                mode,
            })),
            Put::TooLarge => {
                let said = format!("larger than maxFileBytes, {most} bytes");
                Ok(Kind::Refused(Refusal::new(Class::TooLarge, said)))
            }
        }
    }

    fn note_roots(&mut self, path: &RelPath) {
        let mut next = path.parent();
        while let Some(directory) = next {
            next = directory.parent();
            if self.wish.is_root(&directory) {
                self.roots.insert(directory);
            }
        }
    }
}
