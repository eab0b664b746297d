//! What stands between a source and a cluster: it remembers what was asked, and fails as it is told.
//!
//! Speaks HTTP/1.1 over TLS to both sides, each request on a connection of its own to the cluster. Tokens go through, client
//! certificates do not. One thread owns everything; a [`Proxy`] sends it orders and waits until they are done.
//!
//! # Invariants
//! - Which request fails, and how, follows from the rules and from the order in which requests come; nothing is left to chance.

mod asked;
mod body;
mod fault;
mod relay;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

pub use asked::{Asked, Kind};
pub use fault::{Fault, Part, Refusal, Rule, Skew};

use crate::authority::{Authority, Good, Leaf};
use crate::cluster::{Cluster, Endpoint};
use crate::eventually;
use crate::upstream::Upstream;

/// Longest wait for something to be asked.
const DEADLINE: Duration = Duration::from_secs(120);
/// Orders that wait: whoever gives one waits for it.
const ORDERS: usize = 1;

/// The certificate that a proxy shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// One of the cluster's authority.
    Trusted,
    /// One that was good, once.
    Expired,
    /// One that nobody knows.
    Strange,
}

/// A proxy before a cluster. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    endpoint: Endpoint,
    orders: mpsc::Sender<Order>,
}

/// What a proxy is told, each with whom to tell when it is done.
#[derive(Debug)]
enum Order {
    Follow(Vec<Rule>, oneshot::Sender<()>),
    Tell(oneshot::Sender<Vec<Asked>>),
    Cut(Kind, oneshot::Sender<usize>),
    Show(Face, oneshot::Sender<()>),
}

/// What a proxy shows, by its face.
struct Faces {
    trusted: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
    strange: Arc<ServerConfig>,
}

impl Proxy {
    /// Starts a proxy that does nothing but listen and pass on.
    ///
    /// # Errors
    /// When there is no port, or no certificate can be made.
    pub fn before(cluster: &Cluster) -> anyhow::Result<Self> {
        let behind = cluster.endpoint();
        let upstream = Upstream::new(behind.address, &behind.authority, None)?;
        let authority = cluster.authority();
        let faces = Faces {
            trusted: face(&authority.server(Good::Always)?)?,
            expired: face(&authority.server(Good::Once)?)?,
            strange: face(&Authority::new()?.server(Good::Always)?)?,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (orders, received) = mpsc::channel(ORDERS);
        thread::spawn(move || {
            let served = LocalSet::new().block_on(&runtime, relay::serve(listener, upstream, faces, received));
            if let Err(error) = served {
                eprintln!("a proxy ended: {error:#}");
            }
        });
        let authority = behind.authority;
        Ok(Self {
            endpoint: Endpoint { address, authority },
            orders,
        })
    }

    /// Where it listens, and who vouches for it.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// Follows rules from now on, instead of those before. Of several that are for a request, the first one counts.
    ///
    /// # Errors
    /// When the proxy has ended.
    pub fn follow(&self, rules: impl IntoIterator<Item = Rule>) -> anyhow::Result<()> {
        let rules = rules.into_iter().collect();
        self.order(|done| Order::Follow(rules, done))
    }

    /// Everything that was asked so far, in its order.
    ///
    /// # Errors
    /// When the proxy has ended.
    pub fn asked(&self) -> anyhow::Result<Vec<Asked>> {
        self.order(Order::Tell)
    }

    /// How often something of a kind was asked so far.
    ///
    /// # Errors
    /// When the proxy has ended.
    pub fn count(&self, kind: Kind) -> anyhow::Result<usize> {
        Ok(self.asked()?.iter().filter(|asked| asked.kind == kind).count())
    }

    /// Waits until what was asked, and what came of it, is so.
    ///
    /// # Errors
    /// When it is not in time; the error shows what was asked.
    pub fn until(&self, what: &str, is_so: impl Fn(&[Asked]) -> bool) -> anyhow::Result<()> {
        let outcome = eventually(DEADLINE, what, || Ok(is_so(&self.asked()?).then_some(())));
        outcome.with_context(|| {
            let lines = self.asked().unwrap_or_default();
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })
    }

    /// Breaks every connection on which an answer of a kind is on its way, and returns how many there were.
    ///
    /// # Errors
    /// When the proxy has ended.
    pub fn cut(&self, kind: Kind) -> anyhow::Result<usize> {
        self.order(|done| Order::Cut(kind, done))
    }

    /// Breaks every connection, and shows another certificate from now on.
    ///
    /// # Errors
    /// When the proxy has ended.
    pub fn show(&self, face: Face) -> anyhow::Result<()> {
        self.order(|done| Order::Show(face, done))
    }

    fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> anyhow::Result<T> {
        let (done, wait) = oneshot::channel();
        let sent = self.orders.blocking_send(order(done));
        sent.map_err(|_| anyhow::anyhow!("the proxy has ended"))?;
        wait.blocking_recv().context("the proxy has ended")
    }
}

impl Faces {
    fn of(&self, face: Face) -> Arc<ServerConfig> {
        Arc::clone(match face {
            Face::Trusted => &self.trusted,
            Face::Expired => &self.expired,
            Face::Strange => &self.strange,
        })
    }
}

fn face(leaf: &Leaf) -> anyhow::Result<Arc<ServerConfig>> {
    let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
