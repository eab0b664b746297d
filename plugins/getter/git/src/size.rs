//! How large an object is, from its first bytes: libgit2 tells it too, but of a pack that is damaged it tells kinds that git2 ends
//! the program for.

use std::cell::{Cell, OnceCell};
use std::fs::{self, File};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use flate2::bufread::ZlibDecoder;

use crate::id::ObjectId;
use crate::varint::LittleEndian;

/// What an index of version 2 begins with.
const HEAD: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
/// The bytes before the names of an index: its head, and for each first byte how many names there are up to it.
const NAMES: u64 = 8 + 4 * 256;
/// The most bytes of what an object begins with: its kind and its size, or the name of a base and two sizes.
const BEGINNING: u64 = 64;
/// The two forms of deltas in a pack.
const DISTANT: u8 = 6;
const NAMED: u8 = 7;

/// The sizes of the objects in a directory of objects, as it was when the first was asked for.
#[derive(Debug)]
pub(crate) struct Sizes {
    objects: PathBuf,
    indexes: OnceCell<Vec<PathBuf>>,
    /// The index that had the last, which has the next one more often than not.
    last: Cell<usize>,
}

impl Sizes {
    pub(crate) fn new(objects: PathBuf) -> Self {
        Self {
            objects,
            indexes: OnceCell::new(),
            last: Cell::new(0),
        }
    }

    /// Returns how large an object says it is; `None` if it is not there, or nothing is said that can be read.
    pub(crate) fn of(&self, id: &ObjectId) -> Option<u64> {
        let indexes = self.indexes.get_or_init(|| indexes(&self.objects));
        let count = indexes.len();
        for turn in 0..count {
            let at = (self.last.get() + turn) % count;
            if let Some(index) = indexes.get(at)
                && let Ok(Some(size)) = packed(index, id)
            {
                self.last.set(at);
                return Some(size);
            }
        }
        loose(&self.objects, id).ok().flatten()
    }
}

fn indexes(objects: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(objects.join("pack")).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .collect()
}

/// Returns how large an object of a pack says it is.
fn packed(index: &Path, id: &ObjectId) -> io::Result<Option<u64>> {
    let Some(offset) = offset(&File::open(index)?, id)? else {
        return Ok(None);
    };
    let mut pack = File::open(index.with_extension("pack"))?;
    pack.seek(SeekFrom::Start(offset))?;
    let mut bytes = BufReader::new(pack);
    let first = byte(&mut bytes)?;
    let mut size = LittleEndian::after(u64::from(first & 0x0f), 4);
    let said = if first & 0x80 == 0 {
        Some(u64::from(first & 0x0f))
    } else {
        number(&mut size, &mut bytes)?
    };
    match first >> 4 & 7 {
        DISTANT => while byte(&mut bytes)? & 0x80 != 0 {},
        NAMED => bytes.read_exact(&mut [0; ObjectId::BYTES])?,
        _ => return Ok(said),
    }
    let mut delta = ZlibDecoder::new(bytes).take(BEGINNING);
    number(&mut LittleEndian::default(), &mut delta)?;
    number(&mut LittleEndian::default(), &mut delta)
}

/// Looks up where in its pack an object is.
fn offset(index: &File, id: &ObjectId) -> io::Result<Option<u64>> {
    let mut head = [0; HEAD.len()];
    index.read_exact_at(&mut head, 0)?;
    if head != HEAD {
        return Ok(None);
    }
    let first = id.as_bytes().first().copied().unwrap_or_default();
    let up_to = |byte: u8| four(index, 8 + 4 * u64::from(byte));
    let mut from = first.checked_sub(1).map_or(Ok(0), up_to)?;
    let (mut to, count) = (up_to(first)?, up_to(u8::MAX)?);
    while from < to {
        let middle = from + (to - from) / 2;
        let mut name = [0; ObjectId::BYTES];
        index.read_exact_at(&mut name, NAMES + 20 * middle)?;
        match name.cmp(id.as_bytes()) {
            std::cmp::Ordering::Less => from = middle + 1,
            std::cmp::Ordering::Greater => to = middle,
            std::cmp::Ordering::Equal => {
                let near = four(index, NAMES + 24 * count + 4 * middle)?;
                return match near.checked_sub(1 << 31) {
                    None => Ok(Some(near)),
                    Some(far) => {
                        let mut bytes = [0; 8];
                        index.read_exact_at(&mut bytes, NAMES + 28 * count + 8 * far)?;
                        Ok(Some(u64::from_be_bytes(bytes)))
                    }
                };
            }
        }
    }
    Ok(None)
}

fn four(index: &File, at: u64) -> io::Result<u64> {
    let mut bytes = [0; 4];
    index.read_exact_at(&mut bytes, at)?;
    Ok(u32::from_be_bytes(bytes).into())
}

/// Returns how large an object that is a file of its own says it is.
fn loose(objects: &Path, id: &ObjectId) -> io::Result<Option<u64>> {
    let name = id.to_string();
    let (directory, rest) = name.split_at(2);
    let file = File::open(objects.join(directory).join(rest))?;
    let mut beginning = Vec::new();
    let mut inflated = ZlibDecoder::new(BufReader::new(file)).take(BEGINNING);
    inflated.read_to_end(&mut beginning)?;
    let head = beginning.split(|byte| *byte == 0).next().unwrap_or_default();
    let size = std::str::from_utf8(head).ok().and_then(|head| head.split_once(' '));
    Ok(size.and_then(|(_, digits)| digits.parse().ok()))
}

fn number(number: &mut LittleEndian, bytes: &mut impl io::Read) -> io::Result<Option<u64>> {
    loop {
        match number.take(byte(bytes)?) {
            Ok(None) => {}
            Ok(Some(size)) => return Ok(Some(size)),
            Err(_) => return Ok(None),
        }
    }
}

fn byte(bytes: &mut impl io::Read) -> io::Result<u8> {
    let mut byte = [0];
    bytes.read_exact(&mut byte)?;
    let [byte] = byte;
    Ok(byte)
}
