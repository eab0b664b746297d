//! Hears how a plugin speaks HTTP/2, beside what is done with it.
//!
//! When a connection fails, the library that speaks HTTP/2 says so to whatever call it has just then, in one of several ways
//! or none; whether the plugin went away or spoke nonsense cannot be told from that. Here it can: frames are followed by their
//! heads, which are nine bytes each, and nothing is kept of them.
//!
//! Invariant: what is read and written is passed on as it is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use k1s_source_proto::limits::FRAME_BYTES;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

/// Length of the head of a frame in bytes (RFC 9113, 4.1).
const HEAD_BYTES: usize = 9;
/// The frame by which a side gives up a call (RFC 9113, 6.4).
const RST_STREAM: u8 = 3;
/// The frame that each side says first (RFC 9113, 3.4).
const SETTINGS: u8 = 4;
/// A frame of the connection, as the two around it: it is of no stream (RFC 9113, 6).
const PING: u8 = 6;
/// The frame that may be of a stream or of none.
const WINDOW_UPDATE: u8 = 8;
/// The last frame that the standard has; those not named here are of a stream.
const CONTINUATION: u8 = 9;
/// The bits of a head that name its stream.
const STREAM_BITS: u32 = 0x7fff_ffff;
/// The frame by which a side says that it ends the connection in order.
const GOAWAY: u8 = 7;

/// Most bytes that are heard of a plugin that has gone.
const LAST_WORDS_BYTES: usize = 4096;

/// How a connection was left, as far as was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parting {
    /// The plugin did not end it: if it failed, then for what the plugin said.
    None,
    /// The plugin went away or said that it would, or gave up a call.
    Left,
    /// What the plugin said is no HTTP/2.
    Nonsense,
}

/// What was heard on one connection; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hearing(Arc<AtomicU8>);

impl Hearing {
    const LEFT: u8 = 1;
    const NONSENSE: u8 = 2;

    /// How the connection was left.
    pub(crate) fn parting(&self) -> Parting {
        match self.0.load(Ordering::Acquire) {
            Self::LEFT => Parting::Left,
            Self::NONSENSE => Parting::Nonsense,
            _ => Parting::None,
        }
    }

    /// What was noticed first is what counts.
    fn note(&self, what: u8) {
        match self.0.compare_exchange(0, what, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) | Err(_) => {}
        }
    }
}

/// A stream that is listened to.
#[derive(Debug)]
pub(crate) struct Heard {
    stream: UnixStream,
    hearing: Hearing,
    frames: Frames,
}

impl Heard {
    pub(crate) fn new(stream: UnixStream) -> (Self, Hearing) {
        let hearing = Hearing::default();
        let heard = Self {
            stream,
            hearing: hearing.clone(),
            frames: Frames::default(),
        };
        (heard, hearing)
    }
}

/// Where in the frames of a stream its reader is.
#[derive(Debug, Default)]
struct Frames {
    head: [u8; HEAD_BYTES],
    /// Bytes of the head that have come.
    filled: usize,
    /// Bytes of the frame behind the head that have not come.
    rest: usize,
    is_greeted: bool,
}

impl Frames {
    /// Follows what came; says what was found in it that matters.
    fn follow(&mut self, mut bytes: &[u8]) -> Parting {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let skipped = self.rest.min(bytes.len());
                self.rest -= skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            for (byte, place) in bytes.iter().zip(self.head.iter_mut().skip(self.filled)) {
                *place = *byte;
            }
            let taken = bytes.len().min(HEAD_BYTES - self.filled);
            self.filled += taken;
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.filled < HEAD_BYTES {
                return Parting::None;
            }
            self.filled = 0;
            match self.judge() {
                Parting::None => {}
                parting @ (Parting::Left | Parting::Nonsense) => return parting,
            }
        }
        Parting::None
    }

    /// Reads a head that is whole.
    fn judge(&mut self) -> Parting {
        let [high, middle, low, kind, _flags, stream @ ..] = self.head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        let is_first = !std::mem::replace(&mut self.is_greeted, true);
        let is_of_connection = u32::from_be_bytes(stream) & STREAM_BITS == 0;
        let is_misplaced = match kind {
            SETTINGS | PING | GOAWAY => !is_of_connection,
            WINDOW_UPDATE => false,
            kind if kind <= CONTINUATION => is_of_connection,
            // Extensions: whoever does not know them passes over them.
            _ => false,
        };
        if length > FRAME_BYTES || is_misplaced || (is_first && kind != SETTINGS) {
            return Parting::Nonsense;
        }
        self.rest = usize::try_from(length).unwrap_or(usize::MAX);
        match kind {
            GOAWAY | RST_STREAM => Parting::Left,
            _ => Parting::None,
        }
    }
}

impl Heard {
    /// Hears what came; nothing is the end.
    fn hear(&mut self, came: &[u8]) {
        match self.frames.follow(came) {
            Parting::None if came.is_empty() => self.hearing.note(Hearing::LEFT),
            Parting::None => {}
            Parting::Left => self.hearing.note(Hearing::LEFT),
            Parting::Nonsense => self.hearing.note(Hearing::NONSENSE),
        }
    }

    /// A plugin that takes nothing any more has gone; what it said before that has not been read, and nobody else will.
    fn written<T>(&mut self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(_)) = &outcome {
            let mut last_words = [0; LAST_WORDS_BYTES];
            // Asked directly: the runtime may not have noticed yet that there is anything.
            let length = rustix::io::read(&self.stream, &mut last_words).unwrap_or_default();
            self.hear(last_words.get(..length).unwrap_or_default());
            self.hearing.note(Hearing::LEFT);
        }
        outcome
    }
}

impl AsyncRead for Heard {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let room = buf.remaining();
        let outcome = ready!(Pin::new(&mut this.stream).poll_read(cx, buf));
        if room > 0 {
            this.hear(buf.filled().get(before..).unwrap_or_default());
        }
        Poll::Ready(outcome)
    }
}

impl AsyncWrite for Heard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        this.written(outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.written(outcome)
    }
}
