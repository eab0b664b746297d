//! `kubeconfig`: where the file is that kubectl takes, and a new token for it.

use std::path::PathBuf;
use std::sync::Arc;

use k1s_api::server::{Identity, IdentityError, Kubeconfig, KubeconfigError};
use k1s_store::clock::SystemClock;
use thiserror::Error;

use crate::cli::{KubeconfigArguments, Outcome, StoreFlags};
use crate::console::line;
use crate::data_directory::{OpenError, Place};
use crate::run::directories;
use crate::serving::{IDENTITY_DIRECTORY, KUBECONFIG_FILE};

/// Why there is none, or no new token.
#[derive(Debug, Error)]
pub(crate) enum KubeconfigVerbError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{} is missing: start k1s-sync-host over this store once, it makes it", path.display())]
    Missing { path: PathBuf },
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
}

/// Prints where the kubeconfig is, with a new token if asked for.
pub(crate) fn kubeconfig(arguments: &KubeconfigArguments) -> Result<Outcome, KubeconfigVerbError> {
    let flags = StoreFlags {
        data_dir: arguments.store.data_dir.clone(),
        ephemeral: false,
    };
    let place = Place::choose(&flags, &directories())?;
    let path = place.directory().join(KUBECONFIG_FILE);
    let identity = place.directory().join(IDENTITY_DIRECTORY);
    if arguments.rotate && identity.exists() {
        let identity = Identity::existing(&identity, Arc::new(SystemClock))?;
        Kubeconfig::new(identity, path.clone()).rotate()?;
        anstream::eprintln!("a new token is in it, the one before is refused from now on");
    } else if !path.exists() {
        return Err(KubeconfigVerbError::Missing { path });
    }
    line(&path.display().to_string());
    Ok(Outcome::Done)
}
