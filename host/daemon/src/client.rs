//! The verbs' way to a store: the API of the host that runs over it, or the same API in process, over the file of a host
//! that has stopped. Both answer the same, so no verb knows which it was.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use k1s_api::server::Endpoint;
use k1s_api::server::client::{Connection, connect};
use k1s_store::engine::EngineError;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::time::timeout;

use crate::cli::{StoreDirectory, StoreFlags};
use crate::data_directory::{OpenError, Place};
use crate::run::directories;
use crate::serving::KUBECONFIG_FILE;

mod failure;
mod local;
mod watch;

pub(crate) use failure::ClientError;
use local::Local;
pub(crate) use watch::{ChangeKind, Watch};

/// How long an answer that is no watch may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Objects asked for at a time.
const PAGE: usize = 500;
/// How one object, or a list, is asked for.
pub(crate) const JSON: &str = "application/json";
/// How a table is asked for.
pub(crate) const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A way to a store.
pub(crate) struct Client {
    way: Way,
}

enum Way {
    Remote(Box<Connection<Full<Bytes>>>),
    Local(Box<Local>),
}

impl Client {
    /// Finds the way to the store of a directory.
    ///
    /// # Errors
    /// When there is no store, or another process holds it whose API cannot be reached.
    pub(crate) async fn open(directory: &StoreDirectory) -> Result<Self, ClientError> {
        let flags = StoreFlags {
            data_dir: directory.data_dir.clone(),
            ephemeral: false,
        };
        let place = Place::choose(&flags, &directories())?;
        let way = match place.open_existing() {
            Ok(store) => Way::Local(Box::new(Local::new(store)?)),
            Err(OpenError::Engine(held @ EngineError::Locked { .. })) => {
                let endpoint = Endpoint::read(&place.directory().join(KUBECONFIG_FILE));
                let endpoint = endpoint.map_err(|source| ClientError::NoApi {
                    held: held.to_string(),
                    why: source.to_string(),
                })?;
                let connection = connect(&endpoint).await.map_err(|source| ClientError::NoApi {
                    held: held.to_string(),
                    why: source.to_string(),
                })?;
                Way::Remote(Box::new(connection))
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { way })
    }

    /// Reads one document.
    ///
    /// # Errors
    /// When the API refuses, or cannot be talked to.
    pub(crate) async fn get(&mut self, path: &str, accept: &str) -> Result<Value, ClientError> {
        let request = Request::get(path).header(ACCEPT, accept).body(Full::default())?;
        self.answer(request).await
    }

    /// Reads a list in pages; `each` is handed one page after the other.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn pages(
        &mut self,
        path: &str,
        parameters: &[(&str, &str)],
        accept: &str,
        mut each: impl FnMut(Value),
    ) -> Result<(), ClientError> {
        let limit = PAGE.to_string();
        let mut token = String::new();
        loop {
            let paging = [("limit", limit.as_str()), ("continue", token.as_str())];
            let pairs = paging.iter().chain(parameters).filter(|(_, value)| !value.is_empty());
            let page = self.get(&with_query(path, pairs), accept).await?;
            let next = page.pointer("/metadata/continue").and_then(Value::as_str);
            token = next.unwrap_or_default().to_owned();
            each(page);
            if token.is_empty() {
                return Ok(());
            }
        }
    }

    /// Changes an object by a merge patch.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn patch(&mut self, path: &str, patch: &Value) -> Result<Value, ClientError> {
        self.write(Method::PATCH, path, MERGE_PATCH, patch).await
    }

    /// Posts to a subresource.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.write(Method::POST, path, JSON, body).await
    }

    async fn write(&mut self, method: Method, path: &str, kind: &str, body: &Value) -> Result<Value, ClientError> {
        let request = Request::builder()
            .method(method)
            .uri(with_query(path, &[("fieldManager", user().as_str())]))
            .header(ACCEPT, JSON)
            .header(CONTENT_TYPE, kind)
            .body(Full::from(body.to_string()))?;
        self.answer(request).await
    }

    /// Follows a collection.
    ///
    /// # Errors
    /// When no host runs, or as [`Client::get`].
    pub(crate) async fn watch(&mut self, path: &str, accept: &str) -> Result<Watch<'_>, ClientError> {
        let Way::Remote(connection) = &mut self.way else {
            return Err(ClientError::NoDaemon);
        };
        let request = Request::get(path).header(ACCEPT, accept).body(Full::default())?;
        let answered = timeout(ANSWER_TIMEOUT, connection.send(request)).await;
        let response = answered.map_err(|_| ClientError::Silent)??;
        let status = response.status();
        if status.is_success() {
            return Ok(Watch::new(response.into_body(), connection));
        }
        Err(refusal(status, &whole(response).await?))
    }

    async fn answer(&mut self, request: Request<Full<Bytes>>) -> Result<Value, ClientError> {
        let answered = timeout(ANSWER_TIMEOUT, self.exchange(request)).await;
        let (status, body) = answered.map_err(|_| ClientError::Silent)??;
        if status.is_success() {
            return Ok(serde_json::from_slice(&body)?);
        }
        Err(refusal(status, &body))
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), ClientError> {
        match &mut self.way {
            Way::Remote(connection) => {
                let response = connection.send(request).await?;
                Ok((response.status(), whole(response).await?))
            }
            Way::Local(local) => local.exchange(request).await,
        }
    }

    /// Closes the store, if this opened it.
    ///
    /// # Errors
    /// When what was written last is not durable.
    pub(crate) fn close(self) -> Result<(), ClientError> {
        match self.way {
            Way::Remote(_) => Ok(()),
            Way::Local(local) => local.close(),
        }
    }
}

/// A name as a segment of a path.
pub(crate) fn segment(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// A path with parameters.
pub(crate) fn with_query<'p>(path: &str, parameters: impl IntoIterator<Item = &'p (&'p str, &'p str)>) -> String {
    let encoded = |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    let parameters: Vec<String> = parameters.into_iter().map(encoded).collect();
    format!("{path}?{}", parameters.join("&"))
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, ClientError> {
    let collected = response.into_body().collect().await;
    Ok(collected
        .map_err(|error| ClientError::Cut(error.to_string()))?
        .to_bytes())
}

fn refusal(status: StatusCode, body: &[u8]) -> ClientError {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |field: &str| said.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    ClientError::Refused {
        status,
        message: match text("message") {
            message if message.is_empty() => status.to_string(),
            message => message,
        },
    }
}

/// Whom a command is recorded under.
fn user() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|variable| std::env::var(variable).ok().filter(|name| !name.is_empty()));
    name.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
