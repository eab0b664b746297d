//! The way to a server, which is somebody else's.

use std::error::Error;
use std::fmt;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

/// What a transport will have done.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, TransportError>> + Send + 'a>>;

/// The bytes of an answer; errors of reading them are the transport's own.
pub type Reply<'a> = Box<dyn AsyncRead + Send + Unpin + 'a>;

/// A connection that somebody made.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The way to `git-upload-pack` of one repository.
///
/// Whatever an implementation does of its own is its own to limit: which addresses it connects to, redirects, credentials. It
/// asks for version 2 of the protocol.
pub trait Transport: Send + Sync {
    /// Begins a conversation.
    fn open(&self) -> Pending<'_, Box<dyn Session>>;

    /// Returns whether each question stands by itself, as over HTTP, so that what the server can is asked once only.
    fn is_stateless(&self) -> bool;

    /// Returns whether the server may be told secrets, which its own words could repeat: over HTTP they go along with each
    /// question.
    fn is_told_secrets(&self) -> bool {
        self.is_stateless()
    }
}

/// A conversation: what the server can, perhaps, and one question.
pub trait Session: Send {
    /// Returns what the server says by itself. Over HTTP this is the answer to `GET …/info/refs?service=git-upload-pack`.
    fn greeting(&mut self) -> Pending<'_, Reply<'_>>;

    /// Asks and returns the answer. Over HTTP this is `POST …/git-upload-pack`.
    fn ask(self: Box<Self>, request: Vec<u8>) -> Pending<'static, Reply<'static>>;
}

/// Connects to one server.
pub trait Dial: Send + Sync {
    /// Makes a connection.
    fn dial(&self) -> Pending<'_, Box<dyn Stream>>;
}

/// A transport failed, for reasons of its own, which are the source of this and speak for themselves.
#[derive(Debug)]
pub struct TransportError(Box<dyn Error + Send + Sync>);

impl TransportError {
    /// Takes over an error of a transport.
    pub fn new(source: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(source))
    }

    /// Returns the error of the transport, to be looked at by whoever made it.
    pub fn get(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.0.as_ref()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
