//! What is read of an archive, and how it is handed out.

use std::io::{self, Read, Seek};

use k1s_getter_address::Archive;

use crate::decoder::{Compression, decoder};
use crate::fault::{ArchiveError, PathFault};
use crate::limits::Limits;
use crate::meter::{Content, Meter, Packed, Unpacked};
use crate::path::EntryPath;
use crate::tape;

/// A file or link of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: EntryPath,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File(Mode),
    /// A symbolic link to this text, which may lead anywhere; it has no bytes.
    Link(String),
}

/// The mode of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 0644
    Plain,
    /// 0755
    Executable,
}

impl Mode {
    /// Keeps of a mode whether anyone can execute the file.
    pub(crate) fn of(mode: u32) -> Self {
        if mode & 0o111 == 0 {
            Self::Plain
        } else {
            Self::Executable
        }
    }
}

/// Takes entries and their bytes. It may leave bytes unread, and fail with an error of its own; an error of reading counts
/// even if it passes over it.
pub type Taker<'t> = dyn FnMut(Entry, &mut dyn Read) -> io::Result<()> + 't;

/// Reads an archive and hands each of its files and links to `taker`, in the order of the archive.
///
/// A format that holds one file only has it at `name`.
///
/// # Errors
/// Fails if anything of the archive is damaged, contradicts itself, leads outside or is too large, or if `taker` fails;
/// what was handed out until then does not count.
pub fn read<R: Read + Seek>(
    format: Archive,
    name: &str,
    source: R,
    limits: &Limits,
    taker: &mut Taker<'_>,
) -> Result<(), ArchiveError> {
    let meter = Meter::new(*limits);
    let (is_tar, compression) = match format {
        Archive::Tar => (true, Compression::None),
        Archive::TarBz2 => (true, Compression::Bz2),
        Archive::TarGz => (true, Compression::Gz),
        Archive::TarXz => (true, Compression::Xz),
        Archive::TarZst => (true, Compression::Zst),
        Archive::Bz2 => (false, Compression::Bz2),
        Archive::Gz => (false, Compression::Gz),
        Archive::Xz => (false, Compression::Xz),
        Archive::Zst => (false, Compression::Zst),
        Archive::Zip => return zip(source, &meter, taker),
    };
    let packed = Packed {
        inner: source,
        meter: &meter,
    };
    let stream = Unpacked {
        inner: decoder(compression, packed, &meter).ok_or(ArchiveError::NotBuilt(format))?,
        meter: &meter,
    };
    if is_tar {
        return tape::read(stream, &meter, taker);
    }
    let path = EntryPath::parse(name.as_bytes(), limits.depth)?
        .ok_or_else(|| ArchiveError::Path(PathFault::Empty, name.to_owned()))?;
    let entry = Entry {
        path,
        kind: Kind::File(Mode::Plain),
    };
    hand(entry, Content::new(stream, &meter), &meter, taker).map(drop)
}

#[cfg(feature = "zip")]
fn zip<R: Read + Seek>(mut source: R, meter: &Meter, taker: &mut Taker<'_>) -> Result<(), ArchiveError> {
    let length = source.seek(io::SeekFrom::End(0)).map_err(ArchiveError::Damaged)?;
    // Entries that overlap are refused, so that no packed byte counts twice.
    meter.weigh(length);
    crate::zipped::read(source, meter, taker)
}

#[cfg(not(feature = "zip"))]
fn zip<R>(_: R, _: &Meter, _: &mut Taker<'_>) -> Result<(), ArchiveError> {
    Err(ArchiveError::NotBuilt(Archive::Zip))
}

/// Hands out an entry, reads what is left of it, and returns its length.
pub(crate) fn hand<R: Read>(
    entry: Entry,
    mut content: Content<'_, R>,
    meter: &Meter,
    taker: &mut Taker<'_>,
) -> Result<u64, ArchiveError> {
    let taken = taker(entry, &mut content);
    meter.outcome()?;
    taken.map_err(ArchiveError::Taker)?;
    content.finish()
}
