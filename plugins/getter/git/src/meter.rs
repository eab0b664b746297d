//! Measures a pack while it comes, before anything else reads it.
//!
//! Every object is inflated once, into nothing, so that what is counted is what is there. Of a delta the two sizes at its
//! beginning are read: they say how large the object is that it makes. What it makes, and what the names of objects are, is left
//! to `whole`, which gets with the pack where everything is; that there is no more of it than this allows is what this is for.
//!
//! A base is an object that was measured before, at a distance, or one that the cache has, by name: that is what we ask for.

mod fault;
mod object;

use flate2::{Decompress, FlushDecompress, Status};
use sha1::{Digest as _, Sha1};

use crate::id::ObjectId;
use crate::limits::{Limit, Limits};
use crate::pack::Packed;
use crate::varint::{Distance, LittleEndian};

pub use fault::PackFault;
pub(crate) use object::Stands;
use object::{Content, Entry, Opening};

/// The bytes before the first object.
const HEAD: usize = 12;
/// Where inflated bytes go.
const SCRATCH: usize = 16 << 10;

/// Tells which objects were there before.
pub(crate) type Bases = Box<dyn Fn(&ObjectId) -> bool + Send>;

/// What a pack has.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Its objects, by where they begin.
    pub(crate) entries: Vec<Entry>,
    /// The objects that it leans on, once for each that does.
    pub(crate) names: Vec<ObjectId>,
    /// The bytes that were counted of all of them, as [`Limits::total_bytes`] counts.
    pub(crate) total: u64,
}

/// Measures a pack while it comes.
pub(crate) struct Meter {
    limits: Limits,
    bases: Bases,
    state: State,
    /// Bytes taken.
    offset: u64,
    /// Where the object begins that is being read.
    start: u64,
    /// Objects read, by where they begin.
    entries: Vec<Entry>,
    names: Vec<ObjectId>,
    objects: u32,
    total: u64,
    hasher: Sha1,
    inflate: Decompress,
    scratch: Box<[u8]>,
}

#[derive(Debug)]
enum State {
    Head {
        bytes: [u8; HEAD],
        filled: usize,
    },
    Kind,
    Size {
        form: Form,
        size: LittleEndian,
    },
    Distant {
        size: u64,
        distance: Distance,
    },
    Named {
        size: u64,
        name: [u8; ObjectId::BYTES],
        filled: usize,
    },
    Content(Content),
    Trailer {
        bytes: [u8; ObjectId::BYTES],
        filled: usize,
    },
    End,
}

/// The form of an object in a pack.
#[derive(Clone, Copy, Debug)]
enum Form {
    Whole(Packed),
    /// A delta against an object at a distance.
    Distant,
    /// A delta against an object by its name.
    Named,
}

/// What came of some bytes of an object.
struct Chunk {
    eaten: usize,
    is_end: bool,
    /// Whether more bytes are needed.
    is_stuck: bool,
}

impl Meter {
    pub(crate) fn new(limits: Limits, bases: Bases) -> Self {
        Self {
            limits,
            bases,
            state: State::Head {
                bytes: [0; HEAD],
                filled: 0,
            },
            offset: 0,
            start: 0,
            entries: Vec::new(),
            names: Vec::new(),
            objects: 0,
            total: 0,
            hasher: Sha1::new(),
            inflate: Decompress::new(true),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
        }
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), PackFault> {
        if self.offset.saturating_add(bytes.len() as u64) > self.limits.pack_bytes {
            return Err(PackFault::Limit(Limit::PackBytes(self.limits.pack_bytes)));
        }
        while let Some(first) = bytes.first() {
            let is_summed = !matches!(self.state, State::Trailer { .. });
            let used = self.step(*first, bytes)?;
            if is_summed {
                self.hasher.update(bytes.get(..used).unwrap_or_default());
            }
            self.offset += used as u64;
            bytes = bytes.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    /// Returns how many objects there are so far, and how many the pack says it has.
    pub(crate) fn counted(&self) -> (u64, u64) {
        (self.entries.len() as u64, u64::from(self.objects))
    }

    /// Ends the pack and returns what it has.
    pub(crate) fn finish(self) -> Result<Measured, PackFault> {
        match self.state {
            State::End => Ok(Measured {
                entries: self.entries,
                names: self.names,
                total: self.total,
            }),
            State::Head { .. }
            | State::Kind
            | State::Size { .. }
            | State::Distant { .. }
            | State::Named { .. }
            | State::Content(_)
            | State::Trailer { .. } => Err(PackFault::Cut),
        }
    }

    /// Takes some of the bytes, at least one, and returns how many.
    fn step(&mut self, first: u8, bytes: &[u8]) -> Result<usize, PackFault> {
        match &mut self.state {
            State::Head { bytes: head, filled } => {
                if let Some(byte) = head.get_mut(*filled) {
                    *byte = first;
                }
                *filled += 1;
                if *filled == HEAD {
                    let head = *head;
                    self.begin(head)?;
                }
                Ok(1)
            }
            State::Kind => self.kind(first).map(|()| 1),
            State::Size { form, size } => {
                let form = *form;
                if let Some(size) = size.take(first)? {
                    self.sized(form, size)?;
                }
                Ok(1)
            }
            State::Distant { size, distance } => {
                let size = *size;
                if let Some(distance) = distance.take(first)? {
                    let (at, base) = self.base(distance)?;
                    self.content(size, Stands::Upon(at), Some(base));
                }
                Ok(1)
            }
            State::Named { size, name, filled } => {
                if let Some(byte) = name.get_mut(*filled) {
                    *byte = first;
                }
                *filled += 1;
                if *filled == name.len() {
                    let (size, name) = (*size, *name);
                    self.named(size, &name)?;
                }
                Ok(1)
            }
            State::Content(_) => self.inflate(bytes),
            State::Trailer { bytes: sum, filled } => {
                if let Some(byte) = sum.get_mut(*filled) {
                    *byte = first;
                }
                *filled += 1;
                if *filled == sum.len() {
                    if self.hasher.finalize_reset().as_slice() != sum.as_slice() {
                        return Err(PackFault::Sum);
                    }
                    self.state = State::End;
                }
                Ok(1)
            }
            State::End => Err(PackFault::Behind),
        }
    }

    fn begin(&mut self, head: [u8; HEAD]) -> Result<(), PackFault> {
        let [b'P', b'A', b'C', b'K', 0, 0, 0, 2, count @ ..] = head else {
            return Err(PackFault::Head);
        };
        self.objects = u32::from_be_bytes(count);
        if self.objects > self.limits.objects {
            return Err(PackFault::Limit(Limit::Objects(self.limits.objects)));
        }
        self.next();
        Ok(())
    }

    /// Goes on to the next object, or to the end.
    fn next(&mut self) {
        self.state = if self.entries.len() < self.objects as usize {
            State::Kind
        } else {
            State::Trailer {
                bytes: [0; ObjectId::BYTES],
                filled: 0,
            }
        };
    }

    fn kind(&mut self, byte: u8) -> Result<(), PackFault> {
        self.start = self.offset;
        let form = match byte >> 4 & 7 {
            6 => Form::Distant,
            7 => Form::Named,
            kind => Form::Whole(Packed::numbered(kind).ok_or(PackFault::Kind(kind))?),
        };
        let low = u64::from(byte & 0x0f);
        if byte & 0x80 == 0 {
            return self.sized(form, low);
        }
        self.state = State::Size {
            form,
            size: LittleEndian::after(low, 4),
        };
        Ok(())
    }

    /// Counts the bytes of an object or a delta before they come.
    fn sized(&mut self, form: Form, size: u64) -> Result<(), PackFault> {
        self.count(size)?;
        match form {
            Form::Whole(kind) => self.content(size, Stands::Whole(kind), None),
            Form::Distant => {
                self.state = State::Distant {
                    size,
                    distance: Distance::default(),
                };
            }
            Form::Named => {
                self.state = State::Named {
                    size,
                    name: [0; ObjectId::BYTES],
                    filled: 0,
                };
            }
        }
        Ok(())
    }

    fn count(&mut self, size: u64) -> Result<(), PackFault> {
        if size > self.limits.object_bytes {
            return Err(PackFault::Limit(Limit::ObjectBytes(self.limits.object_bytes)));
        }
        self.total = self.total.saturating_add(size);
        if self.total > self.limits.total_bytes {
            return Err(PackFault::Limit(Limit::TotalBytes(self.limits.total_bytes)));
        }
        Ok(())
    }

    /// Finds what a delta is made against.
    fn base(&self, distance: u64) -> Result<(usize, Entry), PackFault> {
        let missing = PackFault::Base("is not there");
        let Some(offset) = self.start.checked_sub(distance).filter(|_| distance > 0) else {
            return Err(missing);
        };
        let found = self.entries.binary_search_by_key(&offset, |entry| entry.offset);
        let found = found.ok().and_then(|at| Some((at, self.entries.get(at)?)));
        let (at, base) = found.ok_or(missing)?;
        if base.depth >= self.limits.delta_depth {
            return Err(PackFault::Limit(Limit::DeltaDepth(self.limits.delta_depth)));
        }
        Ok((at, *base))
    }

    /// Begins a delta against an object that was there before, and which stands by itself when the pack is taken in.
    fn named(&mut self, size: u64, name: &[u8]) -> Result<(), PackFault> {
        match ObjectId::from_bytes(name) {
            Some(id) if (self.bases)(&id) => {
                self.names.push(id);
                self.content(size, Stands::UponNamed(self.names.len() - 1), None);
            }
            Some(id) => return Err(PackFault::Named(id)),
            None => return Err(PackFault::Cut),
        }
        Ok(())
    }

    /// Goes on to the bytes of an object, which begin behind the one that is looked at.
    fn content(&mut self, said: u64, stands: Stands, base: Option<Entry>) {
        self.inflate.reset(true);
        self.state = State::Content(Content::new(Opening {
            offset: self.start,
            content: self.offset + 1,
            said,
            depth: match stands {
                Stands::Whole(_) => 0,
                Stands::Upon(_) | Stands::UponNamed(_) => base.map_or(1, |base| base.depth + 1),
            },
            stands,
            base: base.map(|base| base.size),
        }));
    }

    /// Inflates some bytes of an object and returns how many of them were used.
    fn inflate(&mut self, bytes: &[u8]) -> Result<usize, PackFault> {
        let mut used = 0;
        loop {
            let chunk = self.chunk(bytes.get(used..).unwrap_or_default())?;
            used += chunk.eaten;
            if chunk.is_end || chunk.is_stuck {
                return Ok(used);
            }
        }
    }

    /// Inflates as much as the scratch holds.
    fn chunk(&mut self, bytes: &[u8]) -> Result<Chunk, PackFault> {
        let State::Content(content) = &mut self.state else {
            return Err(PackFault::Cut);
        };
        let before = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(bytes, &mut self.scratch, FlushDecompress::None)
            .map_err(PackFault::Inflate)?;
        let moved = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        let eaten = moved(self.inflate.total_in(), before.0);
        let made = moved(self.inflate.total_out(), before.1);
        let announced = content.take(self.scratch.get(..made).unwrap_or_default())?;
        let is_end = status == Status::StreamEnd;
        let done = if is_end { Some(content.entry()?) } else { None };
        for size in announced.into_iter().flatten() {
            self.count(size)?;
        }
        if let Some(entry) = done {
            self.entries.push(entry);
            self.next();
        }
        let is_stuck = eaten == 0 && made == 0;
        if is_stuck && !is_end && !bytes.is_empty() {
            return Err(PackFault::Cut);
        }
        Ok(Chunk {
            eaten,
            is_end,
            is_stuck,
        })
    }
}
