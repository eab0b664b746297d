//! Writing packs: objects that stand by themselves, without deltas.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use git2::ObjectType;
use sha1::{Digest as _, Sha1};

use crate::id::ObjectId;

/// The kinds of objects, by their numbers in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    Commit = 1,
    Tree = 2,
    Blob = 3,
    Tag = 4,
}

impl Packed {
    /// Returns the kind that has a number.
    pub(crate) fn numbered(number: u8) -> Option<Self> {
        [Self::Commit, Self::Tree, Self::Blob, Self::Tag]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }

    /// Returns the kind that libgit2 calls so.
    pub(crate) fn of(kind: ObjectType) -> Option<Self> {
        match kind {
            ObjectType::Commit => Some(Self::Commit),
            ObjectType::Tree => Some(Self::Tree),
            ObjectType::Blob => Some(Self::Blob),
            ObjectType::Tag => Some(Self::Tag),
            ObjectType::Any => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    /// Returns the name of an object of this kind.
    pub(crate) fn id(self, bytes: &[u8]) -> ObjectId {
        let mut hasher = Sha1::new();
        hasher.update(format!("{} {}\0", self.name(), bytes.len()));
        hasher.update(bytes);
        ObjectId::of_sum(hasher.finalize().into())
    }
}

/// A pack while it is written.
pub(crate) struct PackWriter<'f> {
    inner: BufWriter<&'f mut File>,
    hasher: Sha1,
}

impl<'f> PackWriter<'f> {
    /// Begins a pack of so many objects, which has to get as many.
    pub(crate) fn begin(file: &'f mut File, count: u32) -> io::Result<Self> {
        let mut pack = Self {
            inner: BufWriter::new(file),
            hasher: Sha1::new(),
        };
        pack.write_all(&[b"PACK".as_slice(), &2_u32.to_be_bytes(), &count.to_be_bytes()].concat())?;
        Ok(pack)
    }

    /// Adds an object.
    pub(crate) fn object(&mut self, kind: Packed, bytes: &[u8]) -> io::Result<()> {
        let mut size = bytes.len();
        let low = u8::try_from(size & 0x0f).unwrap_or_default();
        let mut byte = (kind as u8) << 4 | low;
        size >>= 4;
        while size > 0 {
            self.write_all(&[byte | 0x80])?;
            byte = u8::try_from(size & 0x7f).unwrap_or_default();
            size >>= 7;
        }
        self.write_all(&[byte])?;
        let mut encoder = ZlibEncoder::new(&mut *self, Compression::fast());
        encoder.write_all(bytes)?;
        encoder.finish()?;
        Ok(())
    }

    /// Ends the pack.
    pub(crate) fn finish(self) -> io::Result<()> {
        let Self { mut inner, hasher } = self;
        inner.write_all(&hasher.finalize())?;
        inner.flush()
    }
}

impl Write for PackWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
