//! A client of the host's API, over TLS as any other.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use k1s_api::server::Endpoint;
use k1s_api::server::client::{Connection, connect};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::cost;

/// Longest wait for an answer or an event; a host that says nothing must not hang the measurement.
const PATIENCE: Duration = Duration::from_secs(120);

/// What clients run on: one thread, because the host needs the others.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// A connection that asks one thing after the other.
pub(super) struct Client {
    connection: Connection<String>,
}

impl Client {
    /// Connects to a host.
    pub(super) async fn connect(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let connection = connect(endpoint).await?;
        Ok(Self { connection })
    }

    /// Asks for a path, and returns the body as it came.
    pub(super) async fn get(&mut self, path: &str) -> anyhow::Result<Bytes> {
        let read = async { anyhow::Ok(self.ask(path).await?.into_body().collect().await?.to_bytes()) };
        timeout(PATIENCE, read)
            .await
            .with_context(|| format!("{path} takes too long"))?
    }

    /// The revision that a list of a path is of.
    pub(super) async fn revision(&mut self, path: &str) -> anyhow::Result<u64> {
        let list: Value = serde_json::from_slice(&self.get(&format!("{path}?limit=1")).await?)?;
        let revision = list.pointer("/metadata/resourceVersion").and_then(Value::as_str);
        Ok(revision.context("a list without revision")?.parse()?)
    }

    /// Watches a path from a revision on.
    pub(super) async fn watch(mut self, path: &str, from: u64) -> anyhow::Result<Watch> {
        let path = format!("{path}?watch=true&resourceVersion={from}");
        let response = timeout(PATIENCE, self.ask(&path))
            .await
            .context("a watch takes too long")??;
        Ok(Watch {
            body: response.into_body(),
            read: Vec::new(),
            _connection: self.connection,
        })
    }

    async fn ask(&mut self, path: &str) -> anyhow::Result<Response<Incoming>> {
        let request = Request::get(path)
            .header("accept", "application/json")
            .body(String::new())?;
        let response = self.connection.send(request).await?;
        ensure!(response.status() == StatusCode::OK, "{path}: {}", response.status());
        Ok(response)
    }
}

/// A watch.
pub(super) struct Watch {
    body: Incoming,
    read: Vec<u8>,
    /// Moves the bytes of the body.
    _connection: Connection<String>,
}

/// An event of a watch.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// When it was there to its end, by [`cost::now`].
    pub(super) at: Duration,
    pub(super) object: Value,
    kind: String,
}

impl Seen {
    /// Fails unless the event tells that an object of [`manifests`](crate::manifests) was changed to a revision.
    pub(super) fn ensure_changed(&self, name: &str, revision: u32) -> anyhow::Result<()> {
        let text = |pointer: &str| self.object.pointer(pointer).and_then(Value::as_str);
        let is_right = self.kind == "MODIFIED"
            && text("/metadata/name") == Some(name)
            && text("/data/revision") == Some(&format!("{revision:06}"));
        ensure!(
            is_right,
            "not the change of {name} to {revision}: {} {}",
            self.kind,
            self.object
        );
        Ok(())
    }
}

impl Watch {
    /// The next event.
    pub(super) async fn next(&mut self) -> anyhow::Result<Seen> {
        let line = timeout(PATIENCE, self.line()).await.context("no event comes")??;
        let at = cost::now();
        let mut event: Value = serde_json::from_slice(&line)?;
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let object = event
            .get_mut("object")
            .map(Value::take)
            .context("an event without object")?;
        Ok(Seen { at, object, kind })
    }

    /// The next line.
    async fn line(&mut self) -> anyhow::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                return Ok(self.read.drain(..=end).collect());
            }
            match self.body.frame().await {
                Some(frame) => self.read.extend(frame?.into_data().unwrap_or_default()),
                None => bail!("the host ended a watch"),
            }
        }
    }
}
