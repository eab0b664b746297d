//! Packets of an answer, counted and timed.

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, timeout_at};

use crate::limits::{Limit, Limits};
use crate::packet::{self, Packet, PacketFault};
use crate::transport::Reply;

/// How much is read at once.
const CHUNK: usize = 64 << 10;
/// The most bytes of a server's own words that are shown.
const WORDS: usize = 200;

/// An answer cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// More than a limit.
    #[error("the answer is refused at the limit {0}")]
    Limit(Limit),
    /// It is no packet.
    #[error("the answer cannot be read: {0}")]
    Packet(#[source] PacketFault),
    /// It ends in the middle.
    #[error("the answer is cut")]
    Cut,
    /// The transport failed.
    #[error("the answer cannot be read on: {0}")]
    Read(#[source] io::Error),
    /// The server refuses, in its own words.
    #[error("the server says: {0}")]
    Refused(String),
    /// The server refuses, in words that may repeat what it was told in confidence.
    #[error("the server refuses; what it says is not shown, because it may repeat secrets")]
    RefusedUnheard,
    /// It is not what it should be at this place.
    #[error("the answer has {0}")]
    Unexpected(&'static str),
}

/// The time that one request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    end: Instant,
    total: Duration,
    idle: Duration,
}

impl Clock {
    pub(crate) fn start(limits: &Limits) -> Self {
        Self {
            end: Instant::now() + limits.total,
            total: limits.total,
            idle: limits.idle,
        }
    }

    /// Waits for something of a server, no longer than it may take.
    pub(crate) async fn wait<F: Future>(&self, something: F) -> Result<F::Output, Limit> {
        let idle = Instant::now() + self.idle;
        let limit = if idle < self.end {
            Limit::Idle(self.idle)
        } else {
            Limit::Total(self.total)
        };
        timeout_at(idle.min(self.end), something).await.map_err(|_| limit)
    }
}

/// Packets of an answer.
pub(crate) struct Packets<'r> {
    reply: Reply<'r>,
    clock: Clock,
    buffer: Vec<u8>,
    /// Where the next packet begins.
    at: usize,
    /// What is left of [`Limits::reply_bytes`].
    left: u64,
    limit: Limit,
}

impl<'r> Packets<'r> {
    pub(crate) fn new(reply: Reply<'r>, clock: Clock, limits: &Limits) -> Self {
        Self {
            reply,
            clock,
            buffer: Vec::new(),
            at: 0,
            left: limits.reply_bytes,
            limit: Limit::ReplyBytes(limits.reply_bytes),
        }
    }

    /// Returns the next packet, counted as part of an answer that is no pack; a server's refusal is an error.
    pub(crate) async fn next(&mut self) -> Result<Packet<'_>, WireError> {
        let length = self.fill().await? as u64;
        self.left = self.left.checked_sub(length).ok_or(WireError::Limit(self.limit))?;
        let packet = self.take();
        if let Packet::Line(line) = packet
            && let Some(words) = line.strip_prefix(b"ERR ")
        {
            return Err(WireError::Refused(shown(words)));
        }
        Ok(packet)
    }

    /// Returns the next packet of a part that is counted elsewhere.
    pub(crate) async fn next_of_pack(&mut self) -> Result<Packet<'_>, WireError> {
        self.fill().await?;
        Ok(self.take())
    }

    /// Counts bytes of a part that is counted elsewhere as part of the answer after all.
    pub(crate) fn count(&mut self, bytes: usize) -> Result<(), WireError> {
        self.left = self
            .left
            .checked_sub(bytes as u64)
            .ok_or(WireError::Limit(self.limit))?;
        Ok(())
    }

    /// Waits for the end of the answer, behind its last packet.
    pub(crate) async fn finish(mut self) -> Result<(), WireError> {
        if self.buffer.len() == self.at {
            match self.read().await {
                Err(WireError::Cut) => return Ok(()),
                Ok(()) => {}
                Err(error) => return Err(error),
            }
        }
        Err(WireError::Unexpected("something behind its end"))
    }

    fn take(&mut self) -> Packet<'_> {
        let bytes = self.buffer.get(self.at..).unwrap_or_default();
        let length = packet::length(bytes).ok().flatten().unwrap_or_default();
        self.at += length;
        packet::packet(bytes.get(..length).unwrap_or_default())
    }

    /// Reads until a whole packet is there, and returns its length.
    async fn fill(&mut self) -> Result<usize, WireError> {
        loop {
            let there = self.buffer.get(self.at..).unwrap_or_default();
            match packet::length(there).map_err(WireError::Packet)? {
                Some(length) if length <= there.len() => return Ok(length),
                Some(_) | None => self.read().await?,
            }
        }
    }

    async fn read(&mut self) -> Result<(), WireError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.reserve(CHUNK);
        let mut limited = (&mut self.reply).take(CHUNK as u64);
        let read = self.clock.wait(limited.read_buf(&mut self.buffer)).await;
        match read.map_err(WireError::Limit)?.map_err(WireError::Read)? {
            0 => Err(WireError::Cut),
            _ => Ok(()),
        }
    }
}

/// A server's own words, short and printable.
pub(crate) fn shown(words: &[u8]) -> String {
    let text = String::from_utf8_lossy(words);
    let printable = text
        .trim()
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    let mut shown: String = printable.take(WORDS).collect();
    if text.trim().chars().nth(WORDS).is_some() {
        shown.push('…');
    }
    shown
}
