//! Archives of tar.
//!
//! Extended headers are divided from entries here, not by the library: their size is bounded, and what they say is checked.

use std::cell::Cell;
use std::io::{self, Read};

use tar::{EntryType, Header};

use crate::archive::{Entry, Kind, Mode, Taker, hand};
use crate::extension::{Extension, check_global};
use crate::fault::{ArchiveError, PathFault};
use crate::limits::Limit;
use crate::meter::{Content, Meter};
use crate::path::EntryPath;
use crate::tree::{Node, Tree};

/// The most bytes of an extended header.
const HEADER_BYTES: u64 = 64 << 10;

/// The bytes of a block: headers are one, and content is filled up to whole ones.
const BLOCK: u64 = 512;

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
        if !extend(header.entry_type(), &mut extension, &mut entry, meter)? {
            one(&header, std::mem::take(&mut extension), entry, &mut tree, meter, taker)?;
        }
    }
    // An archive ends with a block of zeros. The library takes the end of the stream for one, too, so that an archive that was
    // cut between two entries would pass for a shorter one.
    if position.get() < end.saturating_add(BLOCK) {
        return Err(ArchiveError::Damaged(io::ErrorKind::UnexpectedEof.into()));
    }
    extension.expect_none()?;
    zeros(stream, meter)
}

/// Reads what stands behind the end, all of it: only then the decoder below has compared its checksum. A block of zeros where
/// a header was, or one archive behind another, would else pass for the end of all.
fn zeros(mut stream: impl Read, meter: &Meter) -> Result<(), ArchiveError> {
    let mut bytes = [0; 8 << 10];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(read) if bytes[..read].iter().all(|byte| *byte == 0) => {}
            Ok(_) => return Err(ArchiveError::Contradiction("something stands behind its end")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(meter.explain(error)),
        }
    }
}

/// Reads an entry if it is an extended header, and returns whether it is one.
fn extend(
    kind: EntryType,
    extension: &mut Extension,
    entry: &mut impl Read,
    meter: &Meter,
) -> Result<bool, ArchiveError> {
    if kind == EntryType::XGlobalHeader {
        extension.expect_none()?;
        check_global(&extended(entry, meter)?)?;
    } else if kind == EntryType::XHeader {
        extension.add_records(&extended(entry, meter)?)?;
    } else if kind == EntryType::GNULongName {
        extension.add_long_path(extended(entry, meter)?)?;
    } else if kind == EntryType::GNULongLink {
        extension.add_long_link(extended(entry, meter)?)?;
    } else {
        return Ok(false);
    }
    Ok(true)
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
    let instead = extension.end(size)?;
    let written = instead.path.unwrap_or_else(|| header.path_bytes().into_owned());
    let path = EntryPath::parse(&written, meter.limits().depth)?;
    let shown = || String::from_utf8_lossy(&written).into_owned();
    let kind = header.entry_type();
    if is_directory(header, &written) {
        has_no_content(size)?;
        return path.map_or(Ok(()), |path| tree.add(&path, Node::Directory));
    }
    let kind = if kind == EntryType::Regular || kind == EntryType::Continuous {
        Kind::File(Mode::of(header.mode().unwrap_or_default()))
    } else if kind == EntryType::Symlink {
        has_no_content(size)?;
        Kind::Link(target(instead.link, header)?)
    } else {
        return Err(ArchiveError::Kind {
            kind: refused(kind),
            path: shown(),
        });
    };
    if written.ends_with(b"/") {
        return Err(ArchiveError::Contradiction("a file or link is named like a directory"));
    }
    let path = path.ok_or_else(|| ArchiveError::Path(PathFault::Empty, shown()))?;
    tree.add(&path, Node::Leaf)?;
    let length = hand(Entry { path, kind }, Content::new(&mut entry, meter), meter, taker)?;
    if length == size {
        Ok(())
    } else {
        Err(ArchiveError::Damaged(io::ErrorKind::UnexpectedEof.into()))
    }
}

/// Tells whether an entry is a directory. Before there was a type for them, they were told by a slash behind their name.
fn is_directory(header: &Header, written: &[u8]) -> bool {
    let is_untyped = header.as_old().linkflag == [0];
    header.entry_type() == EntryType::Directory || (is_untyped && written.ends_with(b"/"))
}

/// Checks the size of what is a header only: some readers skip content that it claims, others read it as the next entry.
fn has_no_content(size: u64) -> Result<(), ArchiveError> {
    if size > 0 {
        return Err(ArchiveError::Contradiction("a directory or link has content"));
    }
    Ok(())
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
