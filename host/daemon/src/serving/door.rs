//! Opening the port: who the host is, where it listens, and the file that tells clients both.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k1s_api::server::{
    Ensured, Identity, IdentityError, Kubeconfig, KubeconfigError, ListenError, Listener, Loopback, NotLoopback, Tls,
    TlsError, TokenGate, Wish,
};
use k1s_object::InstanceId;
use k1s_store::clock::SystemClock;
use thiserror::Error;

/// What the API is known by, in the directory of its store.
pub(crate) const IDENTITY_DIRECTORY: &str = "api";
/// What clients are given, in the same directory.
pub(crate) const KUBECONFIG_FILE: &str = "kubeconfig";

/// An open port, and who may come in.
#[derive(Debug)]
pub(crate) struct Door {
    pub(super) listener: Listener,
    pub(super) tls: Tls,
    pub(super) gate: TokenGate,
    /// The file that clients are given.
    pub(crate) kubeconfig: PathBuf,
    /// What a person should know of it.
    pub(crate) notes: Vec<String>,
}

/// Why the API cannot be served.
#[derive(Debug, Error)]
pub(crate) enum DoorError {
    #[error("the API cannot be served: {0}")]
    Identity(#[from] IdentityError),
    #[error("the API cannot be served: {0}; see options.api")]
    Listen(#[from] ListenError),
    #[error("the API cannot be served: {0}")]
    Address(#[from] NotLoopback),
    #[error("the API cannot be served: {0}")]
    Tls(#[from] TlsError),
    #[error("the API cannot be served: {0}")]
    Kubeconfig(#[from] KubeconfigError),
}

impl Door {
    /// Opens a port with what `directory` keeps of earlier runs; has to be called inside a runtime.
    pub(crate) fn open(directory: &Path, instance: &InstanceId, port: Option<NonZeroU16>) -> Result<Self, DoorError> {
        let identity = Identity::open(&directory.join(IDENTITY_DIRECTORY), instance, Arc::new(SystemClock))?;
        let wish = match port {
            Some(port) => Wish::Exactly(Loopback::try_from(SocketAddr::from((Ipv4Addr::LOCALHOST, port.get())))?),
            None => Wish::Kept,
        };
        let bound = Listener::bind(&identity, wish)?;
        let path = directory.join(KUBECONFIG_FILE);
        let kubeconfig = Kubeconfig::new(identity.clone(), path.clone());
        let mut notes: Vec<String> = identity.warning().into_iter().collect();
        let moved = bound.changed.map(|changed| {
            format!(
                "the API was at {} and is at {} now; clients need {} as it is now",
                changed.from,
                changed.to,
                path.display()
            )
        });
        notes.extend(moved);
        match kubeconfig.ensure()? {
            Ensured::Unchanged | Ensured::Readdressed | Ensured::NewToken => {}
        }
        Ok(Self {
            listener: bound.listener,
            tls: Tls::new(&identity)?,
            gate: identity.gate(),
            kubeconfig: path,
            notes,
        })
    }

    /// Where the API is.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.listener.address())
    }
}
