//! Why something was not fetched.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::key::KeyError;
use crate::limits::Limit;
use crate::origin::Peer;
use crate::reach::Denial;
use crate::redirect::RedirectFault;
use crate::tls::TlsFault;
use crate::url::UrlError;

/// Where it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// The origin, or host and port.
    pub place: String,
    /// How many redirects led there.
    pub hop: u32,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        match self.hop {
            0 => Ok(()),
            1 => f.write_str(", after a redirect"),
            hop => write!(f, ", after {hop} redirects"),
        }
    }
}

/// Why something was not fetched, and where that came out.
///
/// Tells nothing that may be secret.
#[derive(Debug)]
pub struct NetError {
    /// Where.
    pub at: At,
    /// Why.
    pub fault: Fault,
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.fault)
    }
}

impl StdError for NetError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.fault.source()
    }
}

/// Why something was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection came about.
    #[error(transparent)]
    Dial(Arc<DialError>),
    /// TLS broke after it was agreed on: a server may refuse a client's certificate that late.
    #[error(transparent)]
    Tls(TlsFault),
    /// A limit was reached.
    #[error("it is refused at the limit {0}")]
    Limit(Limit),
    /// A redirect is not followed.
    #[error(transparent)]
    Redirect(RedirectFault),
    /// What was asked for cannot be.
    #[error(transparent)]
    Url(UrlError),
    /// A credential cannot be had.
    #[error("the credential: {0}")]
    Key(#[source] KeyError),
    /// It was answered with a failure.
    #[error("it answers {status}{}", later(*after))]
    Status {
        /// The status.
        status: StatusCode,
        /// When to ask again, if it says so.
        after: Option<Duration>,
        /// What it wants to see first.
        challenges: Challenges,
    },
    /// It was answered with what was not asked for.
    #[error("it answers {0}, which was not asked for")]
    Unasked(StatusCode),
    /// The answer is encoded, though that was not asked for.
    #[error("the answer is encoded ({0}), though that was not asked for; it is not decoded")]
    Coding(String),
    /// The answer only points elsewhere.
    #[error(
        "the answer points elsewhere by X-Terraform-Get, which is never followed; name as the source what it points to"
    )]
    TerraformGet,
    /// Nothing would tell a cut answer from a whole one.
    #[error("the answer does not tell how long it is, so that nobody could tell if it was cut")]
    Unframed,
    /// The answer ended too early.
    #[error("the answer was cut")]
    Truncated,
    /// A part of a download is not the one that was asked for.
    #[error("the answer is another part of the download than the one asked for")]
    Part,
    /// It is another by now than the request is about.
    #[error("it changed while it was asked for")]
    Changed,
    /// The other side does not keep to the protocol, or the connection broke.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// What was downloaded cannot be written.
    #[error("what is downloaded cannot be written: {0}")]
    File(#[source] io::Error),
}

fn later(after: Option<Duration>) -> String {
    after.map_or_else(String::new, |after| {
        format!(", and to ask again in {} s", after.as_secs())
    })
}

/// What a server wants to see before it answers, as it says it; printed nowhere.
#[derive(Clone, Default)]
pub struct Challenges(Vec<HeaderValue>);

impl Challenges {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(headers.get_all(WWW_AUTHENTICATE).iter().cloned().collect())
    }
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Challenges({})", self.0.len())
    }
}

/// What may be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The credential is missing or wrong.
    Auth,
    /// Who asks may not.
    Permission,
    /// There is nothing.
    Missing,
    /// It was asked too often.
    Busy,
    /// It cannot be reached now.
    Unavailable,
    /// It took too long.
    Timeout,
    /// It is more than what is taken.
    TooLarge,
    /// It is not permitted, or not set up: asking again changes nothing.
    Refused,
    /// The answer makes no sense.
    Broken,
}

impl NetError {
    /// Returns what may be done about it.
    pub fn class(&self) -> Class {
        match &self.fault {
            Fault::Dial(error) => error.class(),
            Fault::Tls(fault) => fault.class(),
            Fault::Limit(limit) if limit.is_time() => Class::Timeout,
            Fault::Limit(_) => Class::TooLarge,
            Fault::Status { status, .. } => status_class(*status),
            Fault::Key(_) => Class::Auth,
            Fault::Redirect(_) | Fault::Url(_) | Fault::TerraformGet => Class::Refused,
            Fault::Unasked(_) | Fault::Coding(_) | Fault::Unframed | Fault::Part => Class::Broken,
            Fault::Truncated | Fault::Changed | Fault::Connection(_) | Fault::File(_) => Class::Unavailable,
        }
    }

    /// Returns the values of `WWW-Authenticate`, if it was answered with a failure that has some.
    pub fn challenges(&self) -> impl Iterator<Item = &str> {
        let values = if let Fault::Status { challenges, .. } = &self.fault {
            challenges.0.as_slice()
        } else {
            &[]
        };
        values.iter().filter_map(|value| value.to_str().ok())
    }

    /// Returns how long to wait before it is asked again, if the server says so.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Fault::Status { after, .. } = self.fault {
            after
        } else {
            None
        }
    }
}

fn status_class(status: StatusCode) -> Class {
    match status.as_u16() {
        401 | 407 => Class::Auth,
        403 | 451 => Class::Permission,
        404 | 410 => Class::Missing,
        429 => Class::Busy,
        413 => Class::TooLarge,
        // It is another by now than the one that was asked for.
        412 | 416 => Class::Unavailable,
        408 | 504 => Class::Timeout,
        500..=599 => Class::Unavailable,
        _ => Class::Broken,
    }
}

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name cannot be resolved.
    #[error("the name cannot be resolved: {0}")]
    Name(#[source] io::Error),
    /// The name leads nowhere.
    #[error("the name has no address")]
    NoAddress,
    /// The host or port is none.
    #[error("it names no host and port to dial")]
    NoPeer,
    /// It may not be dialled.
    #[error("it leads to {address}, {denial}")]
    Denied {
        /// The address.
        address: IpAddr,
        /// Why not.
        denial: Denial,
    },
    /// Nobody answers there.
    #[error("{address} cannot be connected to: {source}")]
    Connect {
        /// The address, the last one where there are several.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// It took too long.
    #[error("it is given up at the limit {0}")]
    Limit(Limit),
    /// The proxy does not help.
    #[error("the proxy {proxy}: {fault}")]
    Proxy {
        /// The proxy.
        proxy: Peer,
        /// Why not.
        fault: ProxyFault,
    },
    /// TLS cannot be agreed on.
    #[error(transparent)]
    Tls(TlsFault),
}

impl DialError {
    fn class(&self) -> Class {
        match self {
            Self::Name(_) | Self::NoAddress | Self::Connect { .. } => Class::Unavailable,
            Self::NoPeer | Self::Denied { .. } => Class::Refused,
            Self::Limit(_) => Class::Timeout,
            Self::Tls(fault) => fault.class(),
            Self::Proxy { fault, .. } => match fault {
                ProxyFault::Dial(error) => error.class(),
                ProxyFault::Status(status) if status.as_u16() != 407 => Class::Unavailable,
                ProxyFault::Status(_) | ProxyFault::Login => Class::Auth,
                ProxyFault::Refused(_) | ProxyFault::Protocol(_) | ProxyFault::Connection(_) => Class::Unavailable,
            },
        }
    }
}

/// Why a proxy does not help.
#[derive(Debug, thiserror::Error)]
pub enum ProxyFault {
    /// It cannot be reached.
    #[error(transparent)]
    Dial(Box<DialError>),
    /// It answered `CONNECT` with a failure.
    #[error("it answers {0}")]
    Status(StatusCode),
    /// It does not take our user and password, or wants some.
    #[error("it wants another user and password")]
    Login,
    /// It answered with a failure of SOCKS5.
    #[error("it answers that {0}")]
    Refused(&'static str),
    /// It does not speak the protocol.
    #[error("it does not speak the protocol: {0}")]
    Protocol(&'static str),
    /// The connection to it broke.
    #[error("the connection failed: {0}")]
    Connection(String),
}

/// Returns what an error and its causes say, each once.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !told.ends_with(&text) {
            told = format!("{told}: {text}");
        }
        next = cause.source();
    }
    told
}
