//! A program that runs on a server, as a stream.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use russh::client::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::fault::{SshError, shown};
use crate::login::Judge;

/// How many bytes of what a program complains are kept, for the error.
const COMPLAINT: usize = 1 << 10;

/// A program that runs on a server, for as long as this is held: what is written is told to it, what it says is read, and its end
/// is the end of that, or an error of reading which has [`Ended`] in it.
pub struct Program {
    /// The connection, which ends with this.
    _handle: Handle<Judge>,
    input: Pin<Box<dyn AsyncWrite + Send>>,
    output: Output,
    /// What it said and is not read yet.
    rest: Bytes,
    complaint: Vec<u8>,
    status: Option<u32>,
}

/// A program ended in another way than well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server says: {}", if .said.is_empty() { "nothing, and ends" } else { .said.as_str() })]
pub struct Ended {
    /// The code with which it ended, if it ended by itself.
    pub status: Option<u32>,
    /// What it complained about, short and printable.
    pub said: String,
}

type Waiting = Pin<Box<dyn Future<Output = (ChannelReadHalf, Option<ChannelMsg>)> + Send>>;

/// Where what a program says comes from.
enum Output {
    Waiting(Waiting),
    Over,
}

impl Program {
    pub(crate) async fn start(
        handle: Handle<Judge>,
        command: &str,
        environment: &[(&str, &str)],
    ) -> Result<Self, SshError> {
        let mut channel: Channel<Msg> = handle.channel_open_session().await?;
        for (name, value) in environment {
            // Whether it is allowed is not asked: what it says is not needed.
            channel.set_env(false, *name, *value).await?;
        }
        channel.exec(true, command).await?;
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => break,
                Some(ChannelMsg::WindowAdjusted { .. }) => {}
                Some(_) | None => return Err(SshError::NotRun),
            }
        }
        let input = Box::pin(channel.make_writer());
        let (output, _) = channel.split();
        Ok(Self {
            _handle: handle,
            input,
            output: Output::Waiting(next(output)),
            rest: Bytes::new(),
            complaint: Vec::new(),
            status: None,
        })
    }

    /// Takes what came, and returns whether that was the end.
    fn take(&mut self, message: Option<ChannelMsg>) -> Arrived {
        match message {
            Some(ChannelMsg::Data { data }) => self.rest = data,
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                let room = COMPLAINT.saturating_sub(self.complaint.len());
                self.complaint.extend(data.iter().take(room));
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => self.status = Some(exit_status),
            Some(ChannelMsg::Close) | None => return Arrived::End,
            Some(_) => {}
        }
        Arrived::Something
    }

    fn end(&self) -> io::Result<()> {
        if self.status == Some(0) {
            return Ok(());
        }
        Err(io::Error::other(Ended {
            status: self.status,
            said: shown(&self.complaint),
        }))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrived {
    Something,
    End,
}

fn next(mut output: ChannelReadHalf) -> Waiting {
    Box::pin(async move {
        let message = output.wait().await;
        (output, message)
    })
}

impl AsyncRead for Program {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            let Output::Waiting(waiting) = &mut self.output else {
                return Poll::Ready(self.end());
            };
            let (output, message) = ready!(waiting.as_mut().poll(context));
            self.output = match self.take(message) {
                Arrived::Something => Output::Waiting(next(output)),
                Arrived::End => Output::Over,
            };
        }
        let length = self.rest.len().min(buffer.remaining());
        buffer.put_slice(self.rest.get(..length).unwrap_or_default());
        self.rest.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Program {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.input.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.as_mut().poll_shutdown(context)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
