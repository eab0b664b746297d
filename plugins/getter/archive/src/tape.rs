//! Archives of tar.
//!
//! Extended headers are read here, not by the library: their size is bounded, and one that gives an entry another size than
//! its header does is refused, because readers disagree about where the next entry then begins (RUSTSEC-2025-0110).

use std::cell::Cell;
use std::io::{self, Read};

use tar::{EntryType, Header};

use crate::archive::{Entry, Kind, Mode, Taker, hand};
use crate::fault::{ArchiveError, PathFault};
use crate::limits::Limit;
use crate::meter::{Content, Meter};
use crate::path::EntryPath;
use crate::tree::{Node, Tree};

/// The most bytes of an extended header.
const HEADER_BYTES: u64 = 64 << 10;

/// The bytes of a block: headers are one, and content is filled up to whole ones.
const BLOCK: u64 = 512;

/// What extended headers say of the next entry.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Counts what is read, to tell where the library stopped.
struct Position<'p, R> {
    inner: R,
    read: &'p Cell<u64>,
}

impl<R: Read> Read for Position<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}

/// Reads an archive to the end of the stream.
pub(crate) fn read(stream: impl Read, meter: &Meter, taker: &mut Taker<'_>) -> Result<(), ArchiveError> {
    let mut tree = Tree::default();
    let mut extension = Extension::default();
    let (position, mut end) = (Cell::new(0), 0);
    let mut stream = Position {
        inner: stream,
        read: &position,
    };
    let mut archive = tar::Archive::new(&mut stream);
    let damaged = |error| meter.explain(error);
    for entry in archive.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        tree.count(meter.limits())?;
        let header = entry.header().clone();
        let size = header.entry_size().map_err(damaged)?;
        end = entry.raw_file_position().saturating_add(size).saturating_add(BLOCK - 1) / BLOCK * BLOCK;
        let kind = header.entry_type();
        if kind == EntryType::XGlobalHeader {
            extended(&mut entry, meter)?;
        } else if kind == EntryType::XHeader {
            extension.read(&extended(&mut entry, meter)?)?;
        } else if kind == EntryType::GNULongName {
            extension.path = Some(name(extended(&mut entry, meter)?));
        } else if kind == EntryType::GNULongLink {
            extension.link = Some(name(extended(&mut entry, meter)?));
        } else {
            one(&header, std::mem::take(&mut extension), entry, &mut tree, meter, taker)?;
        }
    }
    // An archive ends with a block of zeros. The library takes the end of the stream for one, too, so that an archive that was
    // cut between two entries would pass for a shorter one.
    if position.get() < end.saturating_add(BLOCK) {
        return Err(ArchiveError::Damaged(io::ErrorKind::UnexpectedEof.into()));
    }
    // What stands behind the end is read as well: only then the decoder below has seen all and compared its checksum.
    io::copy(&mut stream, &mut io::sink()).map_err(damaged)?;
    Ok(())
}

/// Reads one entry that is no extended header.
fn one(
    header: &Header,
    extension: Extension,
    mut entry: impl Read,
    tree: &mut Tree,
    meter: &Meter,
    taker: &mut Taker<'_>,
) -> Result<(), ArchiveError> {
    let size = header.entry_size().map_err(|error| meter.explain(error))?;
    if extension.size.is_some_and(|other| other != size) {
        return Err(ArchiveError::Contradiction(
            "an extended header gives an entry another size than its header",
        ));
    }
    let written = extension.path.unwrap_or_else(|| header.path_bytes().into_owned());
    let path = EntryPath::parse(&written, meter.limits().depth)?;
    let shown = || String::from_utf8_lossy(&written).into_owned();
    let kind = header.entry_type();
    let kind = if kind == EntryType::Directory {
        return path.map_or(Ok(()), |path| tree.add(&path, Node::Directory));
    } else if kind == EntryType::Regular || kind == EntryType::Continuous {
        Kind::File(Mode::of(header.mode().unwrap_or_default()))
    } else if kind == EntryType::Symlink {
        Kind::Link(target(extension.link, header)?)
    } else {
        return Err(ArchiveError::Kind {
            kind: refused(kind),
            path: shown(),
        });
    };
    let path = path.ok_or_else(|| ArchiveError::Path(PathFault::Empty, shown()))?;
    tree.add(&path, Node::Leaf)?;
    let length = hand(Entry { path, kind }, Content::new(&mut entry, meter), meter, taker)?;
    if length == size {
        Ok(())
    } else {
        Err(ArchiveError::Damaged(io::ErrorKind::UnexpectedEof.into()))
    }
}

fn refused(kind: EntryType) -> &'static str {
    const NAMES: [(EntryType, &str); 5] = [
        (EntryType::Link, "a hard link"),
        (EntryType::Char, "a device"),
        (EntryType::Block, "a device"),
        (EntryType::Fifo, "a FIFO"),
        (EntryType::GNUSparse, "a sparse file"),
    ];
    let found = NAMES.iter().find(|(known, _)| *known == kind);
    found.map_or("of an unknown kind", |(_, name)| name)
}

fn target(extended: Option<Vec<u8>>, header: &Header) -> Result<String, ArchiveError> {
    let bytes = extended
        .or_else(|| header.link_name_bytes().map(Into::into))
        .unwrap_or_default();
    String::from_utf8(bytes).map_err(|error| {
        ArchiveError::Path(
            PathFault::Characters,
            String::from_utf8_lossy(error.as_bytes()).into_owned(),
        )
    })
}

/// Reads an extended header.
fn extended(entry: &mut impl Read, meter: &Meter) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    let read = entry.take(HEADER_BYTES + 1).read_to_end(&mut bytes);
    match read.map_err(|error| meter.explain(error))? as u64 {
        0..=HEADER_BYTES => Ok(bytes),
        _ => Err(ArchiveError::Limit(Limit::HeaderBytes(HEADER_BYTES))),
    }
}

/// Returns a name up to its NUL.
fn name(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    bytes
}

impl Extension {
    fn read(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        for record in tar::PaxExtensions::new(bytes) {
            let record = record.map_err(ArchiveError::Damaged)?;
            match record.key_bytes() {
                b"path" => self.path = Some(record.value_bytes().to_vec()),
                b"linkpath" => self.link = Some(record.value_bytes().to_vec()),
                b"size" => {
                    let size = str::from_utf8(record.value_bytes())
                        .ok()
                        .and_then(|size| size.parse().ok());
                    self.size = Some(size.ok_or(ArchiveError::Contradiction(
                        "an extended header has a size that is no number",
                    ))?);
                }
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(ArchiveError::Unsupported("a sparse file".to_owned()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
