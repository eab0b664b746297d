//! Makes of a pack that was measured one of the same objects without deltas.
//!
//! Deltas do not come further than this. Each is inflated and applied once, however many lean on what it makes, so that the work
//! is what [`Limits::total_bytes`] counts; whoever reads the objects later applies none. The bases that wait for the rest of what
//! leans on them are within [`Limits::held_bytes`]: of what leans on an object, that with most behind it comes last, when the
//! object itself is not needed any more.
//!
//! An object that a pack has twice is refused, for libgit2 takes it for one that is not there yet.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use flate2::bufread::ZlibDecoder;

use crate::delta::apply;
use crate::fault::GitError;
use crate::id::ObjectId;
use crate::limits::{Limit, Limits};
use crate::meter::{Measured, PackFault, Stands};
use crate::objects::Objects;
use crate::pack::{PackWriter, Packed};

/// How much of a pack is read at once.
const CHUNK: usize = 8 << 10;

/// Writes a pack of the objects of one that was measured, none of which leans on another. What is named as a base is taken from
/// `bases`.
pub(crate) fn write(
    pack: &File,
    measured: &Measured,
    bases: &Objects,
    limits: &Limits,
    to: &mut File,
) -> Result<(), GitError> {
    let count = u32::try_from(measured.entries.len()).unwrap_or(u32::MAX);
    let mut whole = Whole {
        pack,
        measured,
        leaning: leaning(measured),
        to: PackWriter::begin(to, count).map_err(GitError::Spool)?,
        seen: BTreeSet::new(),
        held_bytes: limits.held_bytes,
    };
    for (at, entry) in measured.entries.iter().enumerate() {
        match entry.stands {
            Stands::Whole(kind) => {
                let bytes = whole.inflated(at)?;
                whole.grow(at, kind, bytes)?;
            }
            Stands::UponNamed(name) => {
                let id = measured.names.get(name).ok_or(PackFault::Cut)?;
                let (kind, base) = bases.any(id)?;
                let bytes = apply(&base, &whole.inflated(at)?)?;
                drop(base);
                whole.grow(at, kind, bytes)?;
            }
            Stands::Upon(_) => {}
        }
    }
    whole.to.finish().map_err(GitError::Spool)
}

/// A delta, by what it leans on and how many deltas lean on what it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Leaning {
    base: usize,
    weight: usize,
    at: usize,
}

/// Returns the deltas upon objects of the pack, with those upon the same object in a row, the one with most behind it last.
fn leaning(measured: &Measured) -> Vec<Leaning> {
    let mut weights = vec![0_usize; measured.entries.len()];
    let mut leaning = Vec::new();
    // What leans on an object stands behind it.
    for (at, entry) in measured.entries.iter().enumerate().rev() {
        if let Stands::Upon(base) = entry.stands {
            let weight = weights.get(at).copied().unwrap_or_default();
            if let Some(sum) = weights.get_mut(base) {
                *sum += weight + 1;
            }
            leaning.push(Leaning { base, weight, at });
        }
    }
    leaning.sort_unstable();
    leaning
}

/// A pack without deltas while it is made.
struct Whole<'p> {
    pack: &'p File,
    measured: &'p Measured,
    leaning: Vec<Leaning>,
    to: PackWriter<'p>,
    seen: BTreeSet<ObjectId>,
    held_bytes: u64,
}

/// An object on which deltas lean that are still to be applied.
struct Base {
    bytes: Vec<u8>,
    left: Range<usize>,
}

impl Whole<'_> {
    /// Writes an object, and all that leans on it.
    fn grow(&mut self, at: usize, kind: Packed, bytes: Vec<u8>) -> Result<(), GitError> {
        let mut held = 0_u64;
        let mut bases = Vec::new();
        let mut next = Some((at, bytes));
        loop {
            if let Some((at, bytes)) = next.take() {
                self.put(kind, &bytes)?;
                held += bytes.len() as u64;
                if held > self.held_bytes {
                    return Err(PackFault::Limit(Limit::HeldBytes(self.held_bytes)).into());
                }
                let left = self.leaning_on(at);
                bases.push(Base { bytes, left });
            }
            let Some(base) = bases.last_mut() else {
                return Ok(());
            };
            if let Some(delta) = base.left.next().and_then(|place| self.leaning.get(place)) {
                next = Some((delta.at, apply(&base.bytes, &self.inflated(delta.at)?)?));
            }
            if base.left.is_empty() {
                held -= base.bytes.len() as u64;
                bases.pop();
            }
        }
    }

    fn put(&mut self, kind: Packed, bytes: &[u8]) -> Result<(), GitError> {
        let id = kind.id(bytes);
        if !self.seen.insert(id) {
            return Err(PackFault::Twice(id).into());
        }
        self.to.object(kind, bytes).map_err(GitError::Spool)
    }

    /// Returns where in the list those stand that lean on an object.
    fn leaning_on(&self, base: usize) -> Range<usize> {
        let from = self.leaning.partition_point(|delta| delta.base < base);
        let behind = self.leaning.get(from..).unwrap_or_default();
        from..from + behind.partition_point(|delta| delta.base == base)
    }

    /// Inflates an object, or a delta.
    fn inflated(&self, at: usize) -> Result<Vec<u8>, GitError> {
        let entry = self.measured.entries.get(at).ok_or(PackFault::Cut)?;
        let place = Place {
            file: self.pack,
            offset: entry.content,
        };
        let mut bytes = Vec::with_capacity(usize::try_from(entry.said).map_err(|_| PackFault::Number)?);
        let reader = ZlibDecoder::new(BufReader::with_capacity(CHUNK, place));
        reader
            .take(entry.said)
            .read_to_end(&mut bytes)
            .map_err(GitError::Spool)?;
        Ok(bytes)
    }
}

/// A file from some place on.
struct Place<'f> {
    file: &'f File,
    offset: u64,
}

impl Read for Place<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
