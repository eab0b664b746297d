//! Counts what goes in and what comes out, and stops at the limits.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Seek, SeekFrom};

use crate::fault::ArchiveError;
use crate::limits::{Limit, Limits, RATIO_GRACE};

/// What was read of an archive, and what it became.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    packed: Cell<u64>,
    unpacked: Cell<u64>,
    /// The limit that was reached; readers tell it here because libraries between them and us wrap their errors.
    reached: Cell<Option<Limit>>,
    /// The first error of reading, which counts even if whoever takes the bytes passes over it; nothing is read after it.
    failure: RefCell<Option<io::Error>>,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            packed: Cell::new(0),
            unpacked: Cell::new(0),
            reached: Cell::new(None),
            failure: RefCell::new(None),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts packed bytes that are there, whether or not they are read.
    pub(crate) fn weigh(&self, packed: u64) {
        self.packed.set(self.packed.get().saturating_add(packed));
    }

    /// Returns why reading failed: a limit, if one was reached, or else the first error.
    pub(crate) fn explain(&self, error: io::Error) -> ArchiveError {
        match self.reached.get() {
            Some(limit) => ArchiveError::Limit(limit),
            None => ArchiveError::Damaged(self.failure.take().unwrap_or(error)),
        }
    }

    /// Fails if reading failed until now, whoever was told.
    pub(crate) fn outcome(&self) -> Result<(), ArchiveError> {
        let failure = self.failure.take();
        failure.map_or(Ok(()), |error| Err(self.explain(error)))
    }

    /// Stops at a limit.
    pub(crate) fn stop(&self, limit: Limit) -> io::Error {
        if self.reached.get().is_none() {
            self.reached.set(Some(limit));
        }
        self.fail(io::Error::other(limit))
    }

    /// Keeps an error of reading, and returns what to tell of it.
    fn fail(&self, error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::Interrupted {
            return error;
        }
        let told = io::Error::new(error.kind(), error.to_string());
        let mut failure = self.failure.borrow_mut();
        if failure.is_none() {
            *failure = Some(error);
        }
        told
    }

    /// Fails after a failure: decoders that go on behind one end as if all were well.
    fn admit(&self) -> io::Result<()> {
        match self.failure.borrow().as_ref() {
            None => Ok(()),
            Some(error) => Err(io::Error::new(error.kind(), "reading failed before")),
        }
    }

    fn unpack(&self, bytes: usize) -> io::Result<()> {
        let unpacked = self.unpacked.get().saturating_add(bytes as u64);
        self.unpacked.set(unpacked);
        if unpacked > self.limits.total_bytes {
            return Err(self.stop(Limit::TotalBytes(self.limits.total_bytes)));
        }
        if unpacked > RATIO_GRACE && unpacked / self.limits.ratio.max(1) > self.packed.get() {
            return Err(self.stop(Limit::Ratio(self.limits.ratio)));
        }
        Ok(())
    }
}

/// Counts packed bytes.
#[derive(Debug)]
pub(crate) struct Packed<'m, R> {
    pub(crate) inner: R,
    pub(crate) meter: &'m Meter,
}

impl<R: Read> Read for Packed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.meter.weigh(read as u64);
        Ok(read)
    }
}

impl<R: Seek> Seek for Packed<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// Counts unpacked bytes.
#[derive(Debug)]
pub(crate) struct Unpacked<'m, R> {
    pub(crate) inner: R,
    pub(crate) meter: &'m Meter,
}

impl<R: Read> Read for Unpacked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Some decoders take an empty buffer for the end of what they were asked for.
        if buffer.is_empty() {
            return Ok(0);
        }
        self.meter.admit()?;
        let read = self.inner.read(buffer).map_err(|error| self.meter.fail(error))?;
        self.meter.unpack(read)?;
        Ok(read)
    }
}

/// The bytes of one file.
pub(crate) struct Content<'m, R> {
    inner: R,
    meter: &'m Meter,
    read: u64,
}

impl<'m, R: Read> Content<'m, R> {
    pub(crate) fn new(inner: R, meter: &'m Meter) -> Self {
        Self { inner, meter, read: 0 }
    }

    /// Reads what nobody took, so that it is checked, too, and returns how long the file is.
    pub(crate) fn finish(mut self) -> Result<u64, ArchiveError> {
        let meter = self.meter;
        io::copy(&mut self, &mut io::sink()).map_err(|error| meter.explain(error))?;
        Ok(self.read)
    }
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.meter.admit()?;
        let read = self.inner.read(buffer).map_err(|error| self.meter.fail(error))?;
        self.read += read as u64;
        let limit = self.meter.limits.file_bytes;
        if self.read > limit {
            return Err(self.meter.stop(Limit::FileBytes(limit)));
        }
        Ok(read)
    }
}
