//! Connections: names are resolved, addresses judged and dialled, proxies asked, TLS agreed on.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderValue, Uri};
use hyper_util::rt::TokioIo;
use k1s_getter_address::Login;
use tokio::time::timeout;

use crate::fault::{DialError, ProxyFault};
use crate::happy;
use crate::key::{basic, sensitive};
use crate::limits::{Limit, Limits};
use crate::origin::{Name, Origin, Peer, Scheme};
use crate::proxy::{Kind, Proxies, Proxy};
use crate::reach::{Denial, Names, Reach};
use crate::redirect::Standing;
use crate::socks::{self, Target};
use crate::tls::{HTTP_2, Tls, TlsFault};
use crate::tunnel;
use crate::wire::{Speech, Stream};

/// Finds the addresses of names.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// Returns the addresses of a host, those to be preferred first.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// Finds the addresses of names as this machine is set up to.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Resolve for SystemNames {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// What is needed to connect.
#[derive(Debug)]
pub(crate) struct Dialer {
    pub(crate) reach: Reach,
    pub(crate) proxies: Proxies,
    pub(crate) tls: Tls,
    pub(crate) limits: Limits,
    pub(crate) names: Arc<dyn Resolve>,
}

impl Dialer {
    /// Connects to a peer, for whatever is spoken with it.
    pub(crate) async fn peer(&self, peer: &Peer) -> Result<Stream, DialError> {
        match self.proxies.to(peer, None) {
            None => self.direct(peer).await,
            Some(proxy) => self.through(proxy, peer).await,
        }
    }

    /// Connects to an origin, ready for HTTP.
    async fn origin(&self, origin: &Origin, standing: Standing) -> Result<Stream, DialError> {
        if let Some(proxy) = self.forwarder(origin) {
            self.judge_literal(&origin.peer.name)?;
            let io = self.proxy(proxy).await.map_err(|fault| behind(proxy, fault))?;
            return Ok(io.speaking(Speech::Forwarded));
        }
        let io = match self.proxies.to(&origin.peer, Some(origin.scheme)) {
            None => self.direct(&origin.peer).await?,
            Some(proxy) => self.through(proxy, &origin.peer).await?,
        };
        match origin.scheme {
            Scheme::Http => Ok(io),
            Scheme::Https => {
                let greeted = self.within_handshake(self.tls.greet(origin, standing, io)).await?;
                let io = greeted.map_err(DialError::Tls)?;
                let is_http2 = io.get_ref().1.alpn_protocol() == Some(HTTP_2);
                let speech = if is_http2 { Speech::Http2 } else { Speech::Plain };
                Ok(Stream::new(io, speech))
            }
        }
    }

    /// Returns what a proxy that passes requests on is to be told, besides the request.
    pub(crate) fn forwarder_authorization(&self, origin: &Origin) -> Option<HeaderValue> {
        authorization(self.forwarder(origin)?.login.as_ref())
    }

    /// Returns the proxy to which requests for an origin are handed as they are: it finds the host's addresses, so that
    /// nothing may be left to judge here.
    fn forwarder(&self, origin: &Origin) -> Option<&Proxy> {
        let proxy = self.proxies.to(&origin.peer, Some(origin.scheme))?;
        let is_plain = origin.scheme == Scheme::Http;
        (is_plain && proxy.is_forwarding() && self.reach.names() == Names::Proxys).then_some(proxy)
    }

    async fn direct(&self, peer: &Peer) -> Result<Stream, DialError> {
        self.connect(peer, |address| self.reach.judge(address)).await
    }

    async fn connect(&self, peer: &Peer, judge: impl Fn(IpAddr) -> Result<(), Denial>) -> Result<Stream, DialError> {
        let connected = async {
            let addresses = self.permitted(&peer.name, judge).await?;
            happy::connect(&addresses, peer.port).await
        };
        let most = self.limits.dial;
        let connected = timeout(most, connected)
            .await
            .map_err(|_| DialError::Limit(Limit::Dial(most)))?;
        connected.map(|stream| Stream::new(stream, Speech::Plain))
    }

    /// Returns the addresses of a host that may be dialled; an error if none may.
    async fn permitted(
        &self,
        name: &Name,
        judge: impl Fn(IpAddr) -> Result<(), Denial>,
    ) -> Result<Vec<IpAddr>, DialError> {
        let addresses = match name.address() {
            Some(address) => vec![address],
            None => self.names.resolve(name.as_str()).await.map_err(DialError::Name)?,
        };
        let mut denied = DialError::NoAddress;
        let mut permitted = Vec::new();
        for address in addresses {
            match judge(address) {
                Ok(()) => permitted.push(address),
                Err(denial) => denied = DialError::Denied { address, denial },
            }
        }
        if permitted.is_empty() {
            Err(denied)
        } else {
            Ok(permitted)
        }
    }

    fn judge_literal(&self, name: &Name) -> Result<(), DialError> {
        let Some(address) = name.address() else {
            return Ok(());
        };
        self.reach
            .judge(address)
            .map_err(|denial| DialError::Denied { address, denial })
    }

    /// Connects through a proxy.
    async fn through(&self, proxy: &Proxy, peer: &Peer) -> Result<Stream, DialError> {
        let target = self.target(proxy, &peer.name).await?;
        let opened = async {
            let io = self.proxy(proxy).await?;
            let opened = timeout(self.limits.handshake, open(proxy, io, &target, peer.port)).await;
            opened.unwrap_or_else(|_| {
                let limit = Limit::Handshake(self.limits.handshake);
                Err(ProxyFault::Dial(Box::new(DialError::Limit(limit))))
            })
        };
        opened.await.map_err(|fault| behind(proxy, fault))
    }

    /// Decides what a proxy is asked for: an address that was judged, or a name where it may judge.
    async fn target(&self, proxy: &Proxy, name: &Name) -> Result<Target, DialError> {
        self.judge_literal(name)?;
        let is_theirs = name.address().is_none() && proxy.is_resolving() && self.reach.names() == Names::Proxys;
        if is_theirs {
            return Ok(Target::Name(name.to_string()));
        }
        let most = self.limits.dial;
        let permitted = timeout(most, self.permitted(name, |address| self.reach.judge(address)));
        let permitted = permitted.await.map_err(|_| DialError::Limit(Limit::Dial(most)))??;
        permitted
            .first()
            .map(|address| Target::Address(*address))
            .ok_or(DialError::NoAddress)
    }

    /// Connects to a proxy itself.
    async fn proxy(&self, proxy: &Proxy) -> Result<Stream, ProxyFault> {
        let wrap = |error| ProxyFault::Dial(Box::new(error));
        let io = self
            .connect(&proxy.peer, |address| self.reach.judge_proxy(address))
            .await
            .map_err(wrap)?;
        match proxy.kind {
            Kind::Http | Kind::Socks5 | Kind::Socks5h => Ok(io),
            Kind::Https => {
                let greeted = self.within_handshake(self.tls.greet_proxy(&proxy.peer.name, io)).await;
                let greeted = greeted
                    .and_then(|greeted| greeted.map_err(DialError::Tls))
                    .map_err(wrap)?;
                Ok(Stream::new(greeted, Speech::Plain))
            }
        }
    }

    async fn within_handshake<T>(
        &self,
        greeted: impl Future<Output = Result<T, TlsFault>>,
    ) -> Result<Result<T, TlsFault>, DialError> {
        let most: Duration = self.limits.handshake;
        timeout(most, greeted)
            .await
            .map_err(|_| DialError::Limit(Limit::Handshake(most)))
    }
}

async fn open(proxy: &Proxy, mut io: Stream, target: &Target, port: u16) -> Result<Stream, ProxyFault> {
    match proxy.kind {
        Kind::Http | Kind::Https => {
            let host = match target {
                Target::Address(IpAddr::V6(address)) => format!("[{address}]"),
                Target::Address(IpAddr::V4(address)) => address.to_string(),
                Target::Name(name) => name.clone(),
            };
            let authority = format!("{host}:{port}");
            let opened = tunnel::open(io, &authority, authorization(proxy.login.as_ref())).await?;
            Ok(Stream::new(opened, Speech::Plain))
        }
        Kind::Socks5 | Kind::Socks5h => {
            socks::greet(&mut io, target, port, proxy.login.as_ref()).await?;
            Ok(io)
        }
    }
}

/// Returns user and password for a proxy; they were checked when they were read.
fn authorization(login: Option<&Login>) -> Option<HeaderValue> {
    let login = login?;
    let value = basic(&login.user, login.password.as_ref()).ok()?;
    sensitive(&value).ok()
}

fn behind(proxy: &Proxy, fault: ProxyFault) -> DialError {
    DialError::Proxy {
        proxy: proxy.peer.clone(),
        fault,
    }
}

/// Connects for the library that keeps connections.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) dialer: Arc<Dialer>,
    /// Of those who ask by it.
    pub(crate) standing: Standing,
}

/// Why no connection came about, in a form that the library hands through.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Undialled(pub(crate) Arc<DialError>);

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = Undialled;
    type Future = BoxFuture<'static, Result<Self::Response, Undialled>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Undialled>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { dialer, standing } = self.clone();
        Box::pin(async move {
            let dialled = match origin_of(&uri) {
                Some(origin) => dialer.origin(&origin, standing).await,
                None => Err(DialError::NoPeer),
            };
            dialled.map(TokioIo::new).map_err(|error| Undialled(Arc::new(error)))
        })
    }
}

fn origin_of(uri: &Uri) -> Option<Origin> {
    let scheme = match uri.scheme_str()? {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    let port = uri.port_u16().unwrap_or(scheme.port());
    let peer = Peer::new(uri.host()?, port).ok()?;
    Some(Origin { scheme, peer })
}
