//! How large an object is, and of how much it is made, from its first bytes and those of what it leans on.
//!
//! libgit2 tells it too, but of a pack that is damaged it tells kinds that git2 ends the program for, and it follows deltas as far as
//! they go, be it in a circle. So nothing is read by it before it was measured here; what is found here only is not there.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::ZlibDecoder;

use crate::id::ObjectId;
use crate::limits::Limits;
use crate::varint::{Distance, LittleEndian, TooLong};

/// What an index of version 2 begins with.
const HEAD: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
/// The bytes before the names of an index: its head, and for each first byte how many names there are up to it.
const NAMES: u64 = 8 + 4 * 256;
/// The most bytes of what an object begins with: its kind and its size, or of a delta two sizes.
const BEGINNING: u64 = 64;
/// How much of a pack is read at once: what an object begins with, deflated.
const READ: usize = 256;
/// How many times the bytes of everything may be copied while objects are read that lean one upon another.
const COPIES: u64 = 16;
/// What it counts, in bytes, to look into an index or at the beginning of an object.
const LOOK: u64 = 4 << 10;
/// The two forms of deltas in a pack.
const DISTANT: u8 = 6;
const NAMED: u8 = 7;

/// The sizes of the objects in a directory of objects.
#[derive(Debug)]
pub(crate) struct Sizes {
    objects: PathBuf,
    author: Author,
    /// Those that were found the last time; `None` before the first.
    indexes: RefCell<Option<Vec<PathBuf>>>,
    /// The index that had the last, which has the next one more often than not.
    last: Cell<usize>,
    /// What was done so far.
    work: Work,
}

/// What reading objects of somebody's has cost, in bytes that were copied or looked at, however often they were opened: whoever
/// looks at a repository, and reads what was found, shares one.
#[derive(Clone, Debug, Default)]
pub struct Work(Arc<AtomicU64>);

impl Work {
    /// Begins anew, as with another look at a repository.
    pub fn begin(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Adds bytes, and returns whether all of them together are no more than `most`.
    fn spend(&self, bytes: u64, most: u64) -> bool {
        let before = self.0.fetch_add(bytes.min(most), Ordering::Relaxed);
        before.saturating_add(bytes) <= most
    }
}

/// Who made packs and their indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// This program: an object is the same wherever it is.
    Us,
    /// Anybody: an object may be something else in each place that has it, and which of them libgit2 reads is not known.
    Anybody,
}

/// An object cannot be measured, or is not to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SizeError {
    /// It is not there.
    Missing,
    /// It, or what it leans on, is larger than is read.
    TooLarge,
    /// With it, more was done than is done for one look: so many bytes.
    Spent(u64),
    /// It is not what a pack has.
    Damaged(&'static str),
}

impl From<io::Error> for SizeError {
    fn from(_: io::Error) -> Self {
        Self::Damaged("its beginning cannot be read")
    }
}

impl From<TooLong> for SizeError {
    fn from(_: TooLong) -> Self {
        Self::Damaged("it has a number that is too long")
    }
}

impl Sizes {
    pub(crate) fn new(objects: PathBuf, author: Author, work: Work) -> Self {
        Self {
            objects,
            author,
            indexes: RefCell::default(),
            last: Cell::new(0),
            work,
        }
    }

    /// Returns how large an object says it is, after a look at all that it leans on.
    pub(crate) fn of(&self, id: &ObjectId, limits: &Limits) -> Result<u64, SizeError> {
        let is_first = self.indexes.borrow().is_none();
        if is_first {
            self.list(limits)?;
        }
        let mut found = self.packed(id, limits)?;
        if found.is_none() || self.author == Author::Anybody {
            let loose = loose(&self.objects, id)?;
            if loose.is_some_and(|size| size > limits.object_bytes) {
                return Err(SizeError::TooLarge);
            }
            self.spend(LOOK + loose.unwrap_or_default(), limits)?;
            found = found.max(loose);
        }
        if found.is_none() && !is_first {
            // It may have come in the meantime.
            self.list(limits)?;
            found = self.packed(id, limits)?;
        }
        found.ok_or(SizeError::Missing)
    }

    /// Looks which packs there are, and of anybody's whether each name is in its index once.
    fn list(&self, limits: &Limits) -> Result<(), SizeError> {
        let found = indexes(&self.objects);
        if self.author == Author::Anybody {
            for path in &found {
                let bytes = fs::metadata(path).map(|found| found.len());
                self.spend(LOOK + bytes.unwrap_or_default(), limits)?;
                sorted(path)?;
            }
        }
        self.indexes.replace(Some(found));
        Ok(())
    }

    /// Counts what anybody's objects are made of, for each leans on others that are read again for it, and what it takes to
    /// find them.
    fn spend(&self, bytes: u64, limits: &Limits) -> Result<(), SizeError> {
        let most = limits.total_bytes.saturating_mul(COPIES);
        if self.author == Author::Us || self.work.spend(bytes, most) {
            Ok(())
        } else {
            Err(SizeError::Spent(most))
        }
    }

    fn packed(&self, id: &ObjectId, limits: &Limits) -> Result<Option<u64>, SizeError> {
        let indexes = self.indexes.borrow();
        let indexes = indexes.as_deref().unwrap_or_default();
        let mut found = None;
        for turn in 0..indexes.len() {
            let at = (self.last.get() + turn) % indexes.len();
            let Some(path) = indexes.get(at) else { continue };
            let index = match File::open(path) {
                Ok(index) => index,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            self.spend(LOOK, limits)?;
            if let Some(offset) = offset(&index, id)? {
                let pack = File::open(path.with_extension("pack"))?;
                let size = self.measured(&index, &pack, offset, limits)?;
                found = found.max(Some(size));
                if self.author == Author::Us {
                    self.last.set(at);
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Follows an object of a pack to one that leans on nothing, and returns how large it is.
    fn measured(&self, index: &File, pack: &File, offset: u64, limits: &Limits) -> Result<u64, SizeError> {
        let (mut at, mut size) = (offset, None);
        for _ in 0..=limits.delta_depth {
            let part = part(index, pack, at)?;
            if part.size.max(part.made) > limits.object_bytes {
                return Err(SizeError::TooLarge);
            }
            self.spend(LOOK.saturating_add(part.size).saturating_add(part.made), limits)?;
            let size = *size.get_or_insert(part.made);
            match part.base {
                None => return Ok(size),
                Some(base) => at = base,
            }
        }
        Err(SizeError::Damaged("more deltas lean one upon another than are read"))
    }
}

/// Makes sure that an index has each name once, in order, so that whoever looks one up finds the same.
fn sorted(path: &Path) -> Result<(), SizeError> {
    let disordered = || SizeError::Damaged("the index of a pack is not in order");
    let index = File::open(path)?;
    let mut head = [0; HEAD.len()];
    index.read_exact_at(&mut head, 0)?;
    if head != HEAD {
        return Err(SizeError::Damaged("the index of a pack is of another version than 2"));
    }
    let count = four(&index, NAMES - 4)?;
    let mut bytes = BufReader::new(&index);
    bytes.seek(SeekFrom::Start(HEAD.len() as u64))?;
    let mut up_to = [0; 256];
    for upper in &mut up_to {
        let mut four = [0; 4];
        bytes.read_exact(&mut four)?;
        *upper = u64::from(u32::from_be_bytes(four));
    }
    let mut last: Option<[u8; ObjectId::BYTES]> = None;
    let mut seen = [0_u64; 256];
    for _ in 0..count {
        let mut name = [0; ObjectId::BYTES];
        bytes.read_exact(&mut name)?;
        if last.replace(name).is_some_and(|last| last >= name) {
            return Err(disordered());
        }
        let [first, ..] = name;
        if let Some(seen) = seen.get_mut(usize::from(first)) {
            *seen += 1;
        }
    }
    let mut sum = 0;
    let is_right = seen.iter().zip(up_to).all(|(seen, upper)| {
        sum += seen;
        sum == upper
    });
    if is_right { Ok(()) } else { Err(disordered()) }
}

fn indexes(objects: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(objects.join("pack")).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .collect()
}

/// A part of what an object is made of.
struct Part {
    /// Its bytes in the pack, inflated.
    size: u64,
    /// The bytes of the object that it makes.
    made: u64,
    /// Where that is in the pack on which it leans.
    base: Option<u64>,
}

fn part(index: &File, mut pack: &File, at: u64) -> Result<Part, SizeError> {
    pack.seek(SeekFrom::Start(at))?;
    let mut bytes = BufReader::with_capacity(READ, pack);
    let first = byte(&mut bytes)?;
    let low = u64::from(first & 0x0f);
    let size = if first & 0x80 == 0 {
        low
    } else {
        number(LittleEndian::after(low, 4), &mut bytes)?
    };
    let base = match first >> 4 & 7 {
        1..=4 => {
            return Ok(Part {
                size,
                made: size,
                base: None,
            });
        }
        DISTANT => {
            let mut distance = Distance::default();
            let distance = loop {
                if let Some(distance) = distance.take(byte(&mut bytes)?)? {
                    break distance;
                }
            };
            at.checked_sub(distance).filter(|_| distance > 0)
        }
        NAMED => {
            let mut name = [0; ObjectId::BYTES];
            bytes.read_exact(&mut name)?;
            ObjectId::from_bytes(&name).map_or(Ok(None), |name| offset(index, &name))?
        }
        _ => return Err(SizeError::Damaged("it is of a kind that packs do not have")),
    };
    let base = base.ok_or(SizeError::Damaged("it leans on what its pack does not have"))?;
    let mut delta = ZlibDecoder::new(bytes).take(BEGINNING);
    number(LittleEndian::default(), &mut delta)?;
    Ok(Part {
        size,
        made: number(LittleEndian::default(), &mut delta)?,
        base: Some(base),
    })
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
fn loose(objects: &Path, id: &ObjectId) -> Result<Option<u64>, SizeError> {
    let name = id.to_string();
    let (directory, rest) = name.split_at(2);
    let file = match File::open(objects.join(directory).join(rest)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut beginning = Vec::new();
    let mut inflated = ZlibDecoder::new(BufReader::with_capacity(READ, file)).take(BEGINNING);
    inflated.read_to_end(&mut beginning)?;
    let head = beginning.split(|byte| *byte == 0).next().unwrap_or_default();
    let size = std::str::from_utf8(head).ok().and_then(|head| head.split_once(' '));
    let size = size.and_then(|(_, digits)| digits.parse().ok());
    size.map(Some)
        .ok_or(SizeError::Damaged("it does not say how large it is"))
}

fn number(mut number: LittleEndian, bytes: &mut impl io::Read) -> Result<u64, SizeError> {
    loop {
        if let Some(number) = number.take(byte(bytes)?)? {
            return Ok(number);
        }
    }
}

fn byte(bytes: &mut impl io::Read) -> io::Result<u8> {
    let mut byte = [0];
    bytes.read_exact(&mut byte)?;
    let [byte] = byte;
    Ok(byte)
}
