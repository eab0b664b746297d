//! Why a verb got no answer.

use http::StatusCode;
use k1s_api::server::client::RequestError;
use k1s_store::StoreError;
use k1s_sync_engine::id::SourceName;
use thiserror::Error;

use crate::data_directory::OpenError;

/// Why a verb got no answer.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    /// There is no store, or it cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Another process holds the store, and serves no API that could be asked.
    #[error(
        "{held}, and its API cannot be asked: {why}; a run with --once, or with options.api.enabled: false, serves none: \
         wait for its end"
    )]
    NoApi {
        /// Who holds it.
        held: String,
        /// Why it cannot be asked.
        why: String,
    },
    /// The verb needs a host that runs.
    #[error("no daemon runs over this store: start k1s-sync-host first")]
    NoDaemon,
    /// The store does not know the source.
    #[error("no source {source_name} in this store{}", there_are(known))]
    NoSource {
        /// The source.
        source_name: SourceName,
        /// Those that it knows.
        known: Vec<String>,
    },
    /// The API said no.
    #[error("{message}")]
    Refused {
        /// How.
        status: StatusCode,
        /// Why, in its words.
        message: String,
    },
    /// The host stopped, or its token was rotated.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The host takes too long.
    #[error("the host does not answer")]
    Silent,
    /// The answer ended before its end.
    #[error("the answer was cut off: {0}; does the host still run?")]
    Cut(String),
    /// What came is not what the API says.
    #[error("the answer makes no sense: {0}")]
    Senseless(#[from] serde_json::Error),
    /// What was asked for cannot be put into a request.
    #[error("the request cannot be made: {0}")]
    Unspeakable(#[from] http::Error),
    /// What came cannot be written as YAML.
    #[error(transparent)]
    Yaml(#[from] k1s_yaml::EmitError),
    /// The store, opened here, failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sources that an error about an unknown one offers.
const OFFERED: usize = 5;

fn there_are(known: &[String]) -> String {
    match known {
        [] => String::new(),
        known => format!("; there are {}", known[..known.len().min(OFFERED)].join(", ")),
    }
}
