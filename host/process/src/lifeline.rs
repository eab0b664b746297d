//! The pipe that tells a child that its host is gone: its read end is the child's stdin, its only write end is here.
//!
//! Nothing is ever written. When the host closes the write end, or dies in any way, the child reads the end of its
//! stdin and exits. Both ends are close-on-exec, so no other child can hold the write end open.

use std::io::{self, PipeReader, PipeWriter};

/// The write end; dropping it is the signal.
#[derive(Debug)]
pub(crate) struct Lifeline {
    _write_end: PipeWriter,
}

impl Lifeline {
    /// Makes the pipe and returns its read end for the child's stdin.
    pub(crate) fn new() -> io::Result<(PipeReader, Self)> {
        let (read_end, write_end) = io::pipe()?;
        Ok((read_end, Self { _write_end: write_end }))
    }
}
