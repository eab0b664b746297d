//! One object of a pack while its bytes come.

use super::PackFault;
use crate::pack::Packed;
use crate::varint::LittleEndian;

/// An object that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Where it begins.
    pub(super) offset: u64,
    /// Where its deflated bytes begin, or those of its delta.
    pub(crate) content: u64,
    /// How many they are once they are inflated.
    pub(crate) said: u64,
    /// How large the object is, with its delta applied.
    pub(super) size: u64,
    pub(super) depth: u32,
    /// What it needs.
    pub(crate) stands: Stands,
}

/// How an object stands in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// By itself.
    Whole(Packed),
    /// As a delta upon an earlier object, by its number.
    Upon(usize),
    /// As a delta upon an object that was there before, by the number of its name.
    UponNamed(usize),
}

/// What is known of an object before its bytes come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) offset: u64,
    pub(super) content: u64,
    pub(super) said: u64,
    pub(super) depth: u32,
    pub(super) stands: Stands,
    /// The size of its base, if that is in the pack.
    pub(super) base: Option<u64>,
}

/// An object whose bytes come.
#[derive(Debug)]
pub(super) struct Content {
    opening: Opening,
    inflated: u64,
    /// Of a delta.
    sizes: Option<Sizes>,
}

/// What has been read of a delta's beginning.
#[derive(Clone, Copy, Debug)]
enum Sizes {
    Base(LittleEndian),
    Result(LittleEndian),
    Read(u64),
}

impl Content {
    pub(super) fn new(opening: Opening) -> Self {
        Self {
            opening,
            inflated: 0,
            sizes: match opening.stands {
                Stands::Whole(_) => None,
                Stands::Upon(_) | Stands::UponNamed(_) => Some(Sizes::Base(LittleEndian::default())),
            },
        }
    }

    /// Takes inflated bytes, and returns the sizes that count once they are known: of what a delta makes, and of its base if
    /// that has not been counted.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<[Option<u64>; 2], PackFault> {
        self.inflated += bytes.len() as u64;
        if self.inflated > self.opening.said {
            return Err(PackFault::Length {
                said: self.opening.said,
                is_longer: true,
            });
        }
        let mut known = [None; 2];
        let Some(sizes) = &mut self.sizes else {
            return Ok(known);
        };
        for byte in bytes {
            match sizes.take(*byte, self.opening.base)? {
                Some(Part::Base(size)) => known[0] = Some(size),
                Some(Part::Result(size)) => known[1] = Some(size),
                None => {}
            }
            if matches!(sizes, Sizes::Read(_)) {
                break;
            }
        }
        Ok(known)
    }

    /// Ends the object.
    pub(super) fn entry(&self) -> Result<Entry, PackFault> {
        let Opening {
            offset,
            content,
            said,
            depth,
            stands,
            base: _,
        } = self.opening;
        let size = match self.sizes {
            None => Some(said),
            Some(Sizes::Read(size)) => Some(size),
            Some(Sizes::Base(_) | Sizes::Result(_)) => None,
        };
        match size.filter(|_| self.inflated == said) {
            Some(size) => Ok(Entry {
                offset,
                content,
                said,
                size,
                depth,
                stands,
            }),
            None => Err(PackFault::Length { said, is_longer: false }),
        }
    }
}

/// A size that is known.
enum Part {
    Base(u64),
    Result(u64),
}

impl Sizes {
    /// Takes a byte of the sizes at the beginning of a delta, whose base has a size or only the delta tells it, and returns one
    /// that counts once it is known.
    fn take(&mut self, byte: u8, base: Option<u64>) -> Result<Option<Part>, PackFault> {
        match self {
            Self::Base(size) => {
                let Some(size) = size.take(byte)? else {
                    return Ok(None);
                };
                *self = Self::Result(LittleEndian::default());
                match base {
                    None => Ok(Some(Part::Base(size))),
                    Some(base) if base == size => Ok(None),
                    Some(_) => Err(PackFault::Base("is of another size than it was made for")),
                }
            }
            Self::Result(size) => {
                let Some(size) = size.take(byte)? else {
                    return Ok(None);
                };
                *self = Self::Read(size);
                Ok(Some(Part::Result(size)))
            }
            Self::Read(_) => Ok(None),
        }
    }
}
