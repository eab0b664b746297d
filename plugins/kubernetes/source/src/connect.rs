//! A client of one cluster, made as its kubeconfig says.
//!
//! Reads files and may run a program that gives credentials, so it works on a thread that may wait. Made anew it reads all of
//! it anew: that is how a renewed certificate or another address is taken.

use std::sync::Arc;
use std::time::Duration;

use kube::client::ClientBuilder;
use kube::config::{ExecInteractiveMode, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::config::Place;
use crate::trouble::Trouble;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How long it may take to have credentials.
const MAKE: Duration = Duration::from_mins(1);
const TOO_LONG: &str = "the program that gives the credentials takes longer than a minute";

/// A client and the address it asks.
pub(crate) struct Connected {
    pub(crate) client: Client,
    /// Scheme, host and port; no credentials.
    pub(crate) url: String,
}

/// Makes a client; asks nothing of the cluster. One is made at a time, also where nobody waits for the last any more.
pub(crate) async fn connect(place: &Place, making: &Arc<Semaphore>) -> Result<Connected, Trouble> {
    let place = place.clone();
    let turn = Arc::clone(making).try_acquire_owned();
    let turn = turn.map_err(|_| Trouble::Credentials(TOO_LONG.to_owned()))?;
    let made = spawn_blocking(move || {
        let _turn = turn;
        let mut config = Handle::current().block_on(config(&place))?;
        config.connect_timeout = Some(CONNECT);
        // When to ask again is ours to say.
        config.default_retry = false;
        let url = address(&config);
        let builder = ClientBuilder::try_from(config).map_err(|error| Trouble::kube(&error))?;
        Ok(Connected {
            client: builder.build(),
            url,
        })
    });
    let made = timeout(MAKE, made)
        .await
        .map_err(|_| Trouble::Credentials(TOO_LONG.to_owned()))?;
    made.unwrap_or(Err(Trouble::Over))
}

async fn config(place: &Place) -> Result<Config, Trouble> {
    match place {
        Place::InCluster => Config::incluster().map_err(|error| Trouble::in_cluster(&error)),
        Place::Kubeconfig { path, context } => {
            let kubeconfig = match path {
                Some(path) => Kubeconfig::read_from(path),
                None => Kubeconfig::read(),
            };
            let options = KubeConfigOptions {
                context: context.clone(),
                ..KubeConfigOptions::default()
            };
            let mut kubeconfig = kubeconfig.map_err(|error| Trouble::kubeconfig(&error))?;
            let users = kubeconfig
                .auth_infos
                .iter_mut()
                .filter_map(|user| user.auth_info.as_mut());
            for exec in users.filter_map(|user| user.exec.as_mut()) {
                // Standard input is the host's lifeline: nobody is there who could answer.
                exec.interactive_mode = Some(ExecInteractiveMode::Never);
            }
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
            config.map_err(|error| Trouble::kubeconfig(&error))
        }
    }
}

fn address(config: &Config) -> String {
    let url = &config.cluster_url;
    let scheme = url.scheme_str().unwrap_or("https");
    match (url.host(), url.port_u16()) {
        (Some(host), Some(port)) => format!("{scheme}://{host}:{port}"),
        (Some(host), None) => format!("{scheme}://{host}"),
        (None, _) => String::new(),
    }
}
