//! A server that says what it is told to say, whatever it is asked.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use k1s_getter_git::{Limits, Pending, Remote, Reply, Session, Transport};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

/// What a server of git 2.39 says by itself.
pub(crate) const GREETING: &[&str] = &[
    "version 2",
    "agent=git/2.39.5",
    "ls-refs=unborn",
    "fetch=shallow wait-for-done filter",
    "server-option",
    "object-format=sha1",
];

/// What a server says.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) greeting: Vec<u8>,
    pub(crate) answer: Vec<u8>,
    pub(crate) then: Then,
}

/// What comes behind the answer.
#[derive(Clone)]
pub(crate) enum Then {
    /// The connection ends.
    End,
    /// This, again and again.
    Endless(Vec<u8>),
    /// Nothing, and the connection does not end.
    Silence,
}

impl Script {
    pub(crate) fn answering(answer: Vec<u8>) -> Self {
        Self {
            greeting: message(GREETING),
            answer,
            then: Then::End,
        }
    }

    pub(crate) fn remote(self) -> Remote {
        self.remote_within(Limits::default())
    }

    pub(crate) fn remote_within(self, limits: Limits) -> Remote {
        Remote::new(Box::new(self), limits)
    }
}

impl Transport for Script {
    fn open(&self) -> Pending<'_, Box<dyn Session>> {
        Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn Session>) })
    }

    fn is_stateless(&self) -> bool {
        false
    }
}

impl Session for Script {
    fn greeting(&mut self) -> Pending<'_, Reply<'_>> {
        Box::pin(async { Ok(Box::new(io::Cursor::new(self.greeting.clone())) as Reply<'_>) })
    }

    fn ask(self: Box<Self>, _: Vec<u8>) -> Pending<'static, Reply<'static>> {
        Box::pin(async {
            let answer = io::Cursor::new(self.answer);
            Ok(match self.then {
                Then::End => Box::new(answer) as Reply<'static>,
                Then::Endless(block) => Box::new(answer.chain(Endless { block, at: 0 })),
                Then::Silence => Box::new(answer.chain(Silence)),
            })
        })
    }
}

/// A block again and again.
struct Endless {
    block: Vec<u8>,
    at: usize,
}

impl AsyncRead for Endless {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while buffer.remaining() > 0 {
            let rest = &self.block[self.at..];
            let some = rest.len().min(buffer.remaining());
            buffer.put_slice(&rest[..some]);
            self.at = (self.at + some) % self.block.len();
        }
        Poll::Ready(Ok(()))
    }
}

/// Nothing, ever.
struct Silence;

impl AsyncRead for Silence {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// A byte at each tick.
pub(crate) struct Drip {
    pub(crate) ticks: tokio::time::Interval,
    pub(crate) byte: u8,
}

impl AsyncRead for Drip {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.ticks.poll_tick(context));
        buffer.put_slice(&[self.byte]);
        Poll::Ready(Ok(()))
    }
}

/// A packet.
pub(crate) fn packet(bytes: &[u8]) -> Vec<u8> {
    let mut packet = format!("{:04x}", bytes.len() + 4).into_bytes();
    packet.extend_from_slice(bytes);
    packet
}

/// Lines and their end.
pub(crate) fn message(lines: &[&str]) -> Vec<u8> {
    let mut bytes: Vec<u8> = lines
        .iter()
        .flat_map(|line| packet(format!("{line}\n").as_bytes()))
        .collect();
    bytes.extend_from_slice(b"0000");
    bytes
}

/// An answer to a fetch with a pack in it.
pub(crate) fn packed(pack: &[u8]) -> Vec<u8> {
    let mut bytes = packet(b"packfile\n");
    for chunk in pack.chunks(1_000) {
        bytes.extend(packet(&[&[1], chunk].concat()));
    }
    bytes.extend_from_slice(b"0000");
    bytes
}
