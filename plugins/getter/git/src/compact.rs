//! One pack of many: each fetch brings a pack, and what is not reached any more stays in those that were.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use git2::ObjectType;
use sha1::{Digest as _, Sha1};

use crate::cache::{Cache, CacheError};
use crate::fault::GitError;
use crate::id::ObjectId;
use crate::limits::Limits;
use crate::objects::Objects;

/// More packs than these become one: libgit2 looks into each of them for each object.
const PACKS: usize = 64;

/// Makes one pack of many, if they are many: with what `targets` reach, as far as it is there, and nothing else. Nobody may read
/// meanwhile.
pub(crate) fn compact(cache: &Cache, targets: &[ObjectId], limits: &Limits) -> Result<(), GitError> {
    let before = cache.pack_names().map_err(CacheError::Copy)?;
    if before.len() <= PACKS {
        return Ok(());
    }
    let objects = cache.objects(limits)?;
    let mut reached = BTreeMap::new();
    for target in targets {
        reach(&objects, target, &mut reached)?;
    }
    let mut spool = cache.spool().map_err(GitError::Spool)?;
    write(&objects, &reached, &mut spool)?;
    let made = cache.take_in(spool)?;
    for name in before.iter().filter(|name| **name != made) {
        cache.remove(name).map_err(CacheError::Copy)?;
    }
    Ok(())
}

/// Notes all that a tag or commit leads to and is there.
fn reach(objects: &Objects, id: &ObjectId, reached: &mut BTreeMap<ObjectId, Packed>) -> Result<(), GitError> {
    let commit = objects.peel_through(id, |tag| reached.extend([(*tag, Packed::Tag)]))?;
    reached.insert(commit, Packed::Commit);
    let mut members = BTreeSet::new();
    let trees = objects.trees(&objects.commit(&commit)?.tree, &mut members)?;
    reached.extend(trees.into_iter().map(|tree| (tree, Packed::Tree)));
    for file in members {
        if objects.has(&file)? {
            reached.insert(file, Packed::Blob);
        }
    }
    Ok(())
}

/// The kinds of objects, by their numbers in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packed {
    Commit = 1,
    Tree = 2,
    Blob = 3,
    Tag = 4,
}

impl Packed {
    fn kind(self) -> ObjectType {
        match self {
            Self::Commit => ObjectType::Commit,
            Self::Tree => ObjectType::Tree,
            Self::Blob => ObjectType::Blob,
            Self::Tag => ObjectType::Tag,
        }
    }
}

/// Writes a pack of objects that stand by themselves.
fn write(objects: &Objects, reached: &BTreeMap<ObjectId, Packed>, spool: &mut File) -> Result<(), GitError> {
    let count = u32::try_from(reached.len()).unwrap_or(u32::MAX);
    let mut pack = Hashed {
        inner: io::BufWriter::new(spool),
        hasher: Sha1::new(),
    };
    let head = [b"PACK".as_slice(), &2_u32.to_be_bytes(), &count.to_be_bytes()].concat();
    pack.write_all(&head).map_err(GitError::Spool)?;
    for (id, packed) in reached {
        let bytes = objects.bytes(id, packed.kind())?;
        pack.object(*packed, &bytes).map_err(GitError::Spool)?;
    }
    let Hashed { mut inner, hasher } = pack;
    inner.write_all(&hasher.finalize()).map_err(GitError::Spool)?;
    inner.flush().map_err(GitError::Spool)
}

/// What is written, and its hash.
struct Hashed<W> {
    inner: W,
    hasher: Sha1,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Hashed<W> {
    fn object(&mut self, packed: Packed, bytes: &[u8]) -> io::Result<()> {
        let mut size = bytes.len();
        let low = u8::try_from(size & 0x0f).unwrap_or_default();
        let mut byte = (packed as u8) << 4 | low;
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
}
