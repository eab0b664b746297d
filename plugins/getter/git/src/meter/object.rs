//! One object of a pack while its bytes come.

use super::PackFault;
use crate::varint::LittleEndian;

/// An object that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) depth: u32,
}

/// An object whose bytes come.
#[derive(Debug)]
pub(super) struct Content {
    said: u64,
    inflated: u64,
    delta: Option<Delta>,
}

/// A delta whose bytes come.
#[derive(Debug)]
pub(super) struct Delta {
    /// The size of its base, if that is in the pack.
    base: Option<u64>,
    /// Of the object that it makes.
    depth: u32,
    sizes: Sizes,
}

/// What has been read of a delta's beginning.
#[derive(Clone, Copy, Debug)]
enum Sizes {
    Base(LittleEndian),
    Result(LittleEndian),
    Read(u64),
}

impl Content {
    /// Begins an object that says how long it is.
    pub(super) fn new(said: u64, delta: Option<Delta>) -> Self {
        Self {
            said,
            inflated: 0,
            delta,
        }
    }

    /// Takes inflated bytes, and returns the sizes that count once they are known: of what a delta makes, and of its base if
    /// that has not been counted.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<[Option<u64>; 2], PackFault> {
        self.inflated += bytes.len() as u64;
        if self.inflated > self.said {
            return Err(PackFault::Length {
                said: self.said,
                is_longer: true,
            });
        }
        let Some(delta) = &mut self.delta else {
            return Ok([None; 2]);
        };
        let mut sizes = [None; 2];
        for byte in bytes {
            match delta.take(*byte)? {
                Some(Part::Base(size)) => sizes[0] = Some(size),
                Some(Part::Result(size)) => sizes[1] = Some(size),
                None => {}
            }
            if matches!(delta.sizes, Sizes::Read(_)) {
                break;
            }
        }
        Ok(sizes)
    }

    /// Ends the object, which begins at `offset`.
    pub(super) fn entry(&self, offset: u64) -> Result<Entry, PackFault> {
        let shorter = PackFault::Length {
            said: self.said,
            is_longer: false,
        };
        if self.inflated != self.said {
            return Err(shorter);
        }
        match &self.delta {
            None => Ok(Entry {
                offset,
                size: self.said,
                depth: 0,
            }),
            Some(Delta {
                depth,
                sizes: Sizes::Read(size),
                ..
            }) => Ok(Entry {
                offset,
                size: *size,
                depth: *depth,
            }),
            Some(_) => Err(shorter),
        }
    }
}

/// A size that is known.
enum Part {
    Base(u64),
    Result(u64),
}

impl Delta {
    /// Begins a delta against a base of this size, or of one that only the delta tells.
    pub(super) fn new(base: Option<u64>, depth: u32) -> Self {
        Self {
            base,
            depth,
            sizes: Sizes::Base(LittleEndian::default()),
        }
    }

    /// Takes a byte of the sizes at the beginning, and returns one that counts once it is known.
    fn take(&mut self, byte: u8) -> Result<Option<Part>, PackFault> {
        match &mut self.sizes {
            Sizes::Base(size) => {
                let Some(size) = size.take(byte)? else {
                    return Ok(None);
                };
                self.sizes = Sizes::Result(LittleEndian::default());
                match self.base {
                    None => Ok(Some(Part::Base(size))),
                    Some(base) if base == size => Ok(None),
                    Some(_) => Err(PackFault::Base("is of another size than it was made for")),
                }
            }
            Sizes::Result(size) => {
                let Some(size) = size.take(byte)? else {
                    return Ok(None);
                };
                self.sizes = Sizes::Read(size);
                Ok(Some(Part::Result(size)))
            }
            Sizes::Read(_) => Ok(None),
        }
    }
}
