//! Archives of zip.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};

use zip::read::ZipFile;
use zip::result::ZipError;

use crate::archive::{Entry, Kind, Mode, Taker, hand};
use crate::fault::{ArchiveError, PathFault};
use crate::limits::Limit;
use crate::meter::{Content, Meter, Unpacked};
use crate::path::EntryPath;
use crate::tree::{Node, Tree};

/// The longest target of a link, in bytes.
const TARGET_BYTES: u64 = 4096;
/// The bits of a mode that tell the kind of a file, and their values.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

/// A source of which no more than a budget is read, as long as there is one.
struct Budgeted<'b, R> {
    inner: R,
    left: &'b Cell<Option<u64>>,
    meter: &'b Meter,
}

impl<R: Read> Read for Budgeted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if let Some(left) = self.left.get() {
            let left = left.checked_sub(read as u64);
            self.left.set(Some(left.unwrap_or_default()));
            if left.is_none() {
                let limit = Limit::DirectoryBytes(self.meter.limits().directory_bytes);
                return Err(self.meter.stop(limit));
            }
        }
        Ok(read)
    }
}

impl<R: Seek> Seek for Budgeted<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// Reads an archive.
pub(crate) fn read<R: Read + Seek>(source: R, meter: &Meter, taker: &mut Taker<'_>) -> Result<(), ArchiveError> {
    // The library keeps the whole directory before it can be asked how many entries there are.
    let budget = Cell::new(Some(meter.limits().directory_bytes));
    let source = Budgeted {
        inner: source,
        left: &budget,
        meter,
    };
    let mut archive = zip::ZipArchive::new(source).map_err(|error| explain(error, meter))?;
    meter.outcome()?;
    budget.set(None);
    let entries = archive.len();
    if entries as u64 > meter.limits().entries {
        return Err(ArchiveError::Limit(Limit::Entries(meter.limits().entries)));
    }
    // Two headers for a file, two files at a place, two of a name: readers choose differently, and one who looks through an
    // archive sees something else than one who unpacks it.
    archive.validate_header_consistency().map_err(|error| {
        if matches!(error, ZipError::InvalidArchive(_)) {
            ArchiveError::Contradiction("its headers differ, overlap, or are there twice")
        } else {
            explain(error, meter)
        }
    })?;
    let mut tree = Tree::default();
    for index in 0..entries {
        tree.count(meter.limits())?;
        let data = archive.by_index_data(index).map_err(|error| explain(error, meter))?;
        if data.encrypted() {
            return Err(ArchiveError::Encrypted(
                String::from_utf8_lossy(data.name_raw()).into_owned(),
            ));
        }
        let file = archive.by_index(index).map_err(|error| explain(error, meter))?;
        one(file, &mut tree, meter, taker)?;
    }
    Ok(())
}

fn one<R: Read>(
    mut file: ZipFile<'_, R>,
    tree: &mut Tree,
    meter: &Meter,
    taker: &mut Taker<'_>,
) -> Result<(), ArchiveError> {
    let written = file.name_raw().to_vec();
    let shown = || String::from_utf8_lossy(&written).into_owned();
    let path = EntryPath::parse(&written, meter.limits().depth)?;
    let mode = file.unix_mode().unwrap_or_default();
    let size = file.size();
    let is_directory = written.ends_with(b"/");
    let kind = match mode & KIND {
        0 | REGULAR if !is_directory => Kind::File(Mode::of(mode)),
        0 | DIRECTORY => {
            if size > 0 {
                return Err(ArchiveError::Contradiction("a directory has content"));
            }
            return path.map_or(Ok(()), |path| tree.add(&path, Node::Directory));
        }
        LINK => Kind::Link(target(&mut file, meter)?),
        _ => {
            return Err(ArchiveError::Kind {
                kind: "no file, directory or link",
                path: shown(),
            });
        }
    };
    let path = path.ok_or_else(|| ArchiveError::Path(PathFault::Empty, shown()))?;
    tree.add(&path, Node::Leaf)?;
    let is_link = matches!(kind, Kind::Link(_));
    let content = Content::new(
        Unpacked {
            inner: &mut file,
            meter,
        },
        meter,
    );
    let length = hand(Entry { path, kind }, content, meter, taker)?;
    if length == size || is_link {
        Ok(())
    } else {
        Err(ArchiveError::Contradiction("a file is not as long as its header says"))
    }
}

fn target(file: &mut impl Read, meter: &Meter) -> Result<String, ArchiveError> {
    let mut target = String::new();
    let read = Unpacked { inner: file, meter }
        .take(TARGET_BYTES + 1)
        .read_to_string(&mut target);
    match read.map_err(|error| meter.explain(error))? as u64 {
        0..=TARGET_BYTES => Ok(target),
        _ => Err(ArchiveError::Path(
            PathFault::TooLong,
            target.chars().take(64).collect(),
        )),
    }
}

fn explain(error: ZipError, meter: &Meter) -> ArchiveError {
    match (meter.outcome(), error) {
        (Err(error), _) => error,
        (Ok(()), ZipError::UnsupportedArchive(what)) => ArchiveError::Unsupported(what.to_string()),
        (Ok(()), error) => meter.explain(error.into()),
    }
}
