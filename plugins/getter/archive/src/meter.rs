//! Counts what goes in and what comes out, and stops at the limits.

use std::cell::Cell;
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
    /// Whether reading failed, as opposed to whoever takes the bytes.
    failed: Cell<bool>,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            packed: Cell::new(0),
            unpacked: Cell::new(0),
            reached: Cell::new(None),
            failed: Cell::new(false),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts packed bytes that are there, whether or not they are read.
    pub(crate) fn weigh(&self, packed: u64) {
        self.packed.set(self.packed.get().saturating_add(packed));
    }

    /// Returns why reading failed: a limit, if one was reached.
    pub(crate) fn explain(&self, error: io::Error) -> ArchiveError {
        match self.reached.get() {
            Some(limit) => ArchiveError::Limit(limit),
            None => ArchiveError::Damaged(error),
        }
    }

    /// Returns why handing out an entry failed.
    pub(crate) fn explain_taker(&self, error: io::Error) -> ArchiveError {
        if self.failed.get() {
            self.explain(error)
        } else {
            ArchiveError::Taker(error)
        }
    }

    /// Stops at a limit.
    pub(crate) fn stop(&self, limit: Limit) -> io::Error {
        self.reached.set(Some(limit));
        self.failed.set(true);
        io::Error::other(limit)
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
        let read = self.inner.read(buffer).inspect_err(|_| self.meter.failed.set(true))?;
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
        let read = self.inner.read(buffer).inspect_err(|_| self.meter.failed.set(true))?;
        self.read += read as u64;
        let limit = self.meter.limits.file_bytes;
        if self.read > limit {
            return Err(self.meter.stop(Limit::FileBytes(limit)));
        }
        Ok(read)
    }
}
