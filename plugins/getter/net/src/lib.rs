//! How bytes are asked for over a network.
//!
//! A [`Client`] sends requests of HTTP and dials plain streams (for `git://` and SSH), downloads into files that are ours,
//! and does each within a [`Reach`], [`Limits`], and what its [`Settings`] say of proxies, certificates and credentials.
//!
//! Decides nothing about what is fetched: it parses no answer, keeps none, asks again only where that cannot change what is
//! asked (a credential that was replaced, a download that was cut), and never waits for a server that said `Retry-After`.
//! Content codings are not undone, cookies not kept, and `X-Terraform-Get` and pages that point elsewhere not followed.
//!
//! Invariants:
//! - An address is judged at the moment it is dialled, on every hop and whatever name led to it; what is not judged is not
//!   dialled. Behind a proxy it is judged before the proxy is asked, or the settings say that the proxy decides.
//! - A credential, a header of the settings, and a client certificate go to the origin they were given for and to no other,
//!   and never along with a redirect that left it, even one that comes back. What was https never becomes http.
//! - Only an answer that came whole ends without an error. Each wait and each size has a limit with a name, which its error
//!   tells.
//! - Nothing that may be secret is printed: no query, no header, no path of a redirect, no text of an answer.
//!
//! What can be judged without a network is in modules that reach nothing ([`Reach`], redirects, netrc, `NO_PROXY`,
//! `Retry-After`, validators, ranges); the others are as thin as they can be.

#![forbid(unsafe_code)]

mod body;
mod client;
mod dial;
mod download;
mod exchange;
mod fault;
mod happy;
mod key;
mod limits;
mod netrc;
mod no_proxy;
mod origin;
mod proxy;
mod range;
mod reach;
mod redirect;
mod request;
mod retry;
mod settings;
mod socks;
mod tasks;
mod tls;
mod trust;
mod tunnel;
mod url;
mod validators;
mod wire;
mod zone;

pub use body::{Answer, Body};
pub use client::Client;
pub use dial::{Resolve, SystemNames};
pub use download::Download;
pub use fault::{At, Challenges, Class, DialError, Fault, NetError, ProxyFault};
pub use key::{Credential, Key, KeyError, Reference};
pub use limits::{Limit, Limits};
pub use netrc::{NETRC_BYTES, Netrc, NetrcError};
pub use no_proxy::NoProxy;
pub use origin::{Name, NameError, Origin, Peer, Scheme};
pub use proxy::{Proxies, Proxy, ProxyError};
pub use reach::{Denial, Network, NetworkError, Reach};
pub use redirect::{Crossing, RedirectFault};
pub use request::{Length, Request};
pub use retry::{RETRY_AFTER_MOST, retry_after};
pub use settings::{Settings, SettingsError};
pub use tls::TlsFault;
pub use trust::{Identity, Trust, TrustError};
pub use url::{Url, UrlError};
pub use validators::{ETag, LastModified, Validators, ValidatorsError};
pub use wire::Stream;
pub use zone::Zone;
