//! Who writes into a cluster, and reads what is there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Cluster, Endpoint};
use crate::authority::Leaf;
use crate::upstream::Upstream;

/// Longest wait for an answer of a busy server.
const DEADLINE: Duration = Duration::from_secs(60);
/// How many write at once: more than two cores serve only wait for each other.
const WRITERS: usize = 4;
const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";

/// What is asked of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Nothing: what is there is read.
    Read,
    /// An object is made in a collection.
    Create(Value),
    /// An object becomes another.
    Replace(Value),
    /// Fields of an object become others.
    Merge(Value),
    /// An object, or all of a collection, is deleted.
    Delete,
}

/// A change of a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The path, with the query if there is one.
    pub path: String,
    /// What becomes of it.
    pub verb: Verb,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The document; a text if it was none.
    pub body: Value,
}

/// A connection to a cluster, made when it is needed, that asks one thing after the other.
#[derive(Debug)]
pub struct Client {
    runtime: Runtime,
    token: Option<String>,
    wire: Wire,
}

/// The connection of a client.
#[derive(Debug)]
struct Wire {
    upstream: Upstream,
    requests: Option<SendRequest<Full<Bytes>>>,
    drivers: JoinSet<()>,
}

impl Wire {
    /// Sends a request over the connection there is, or a new one.
    async fn send(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>> {
        let open = self.requests.take().filter(|requests| !requests.is_closed());
        let mut requests = match open {
            Some(requests) => requests,
            None => {
                let (requests, driver) = self.upstream.connect().await?;
                // What ends it, the request that suffers from it tells.
                self.drivers.spawn(async { drop(driver.await) });
                requests
            }
        };
        requests.ready().await?;
        let response = requests.send_request(request).await?;
        self.requests = Some(requests);
        Ok(response)
    }
}

impl Cluster {
    /// Makes many changes, which have to succeed, in no order.
    ///
    /// # Errors
    /// When one does not.
    pub fn write_all(&self, writes: &[Write]) -> anyhow::Result<()> {
        let next = AtomicUsize::new(0);
        let work = || -> anyhow::Result<()> {
            let mut client = self.client()?;
            while let Some(write) = writes.get(next.fetch_add(1, Ordering::Relaxed)) {
                client.done(&write.path, &write.verb)?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(work)).collect();
            let mut ended = writers.into_iter().map(|writer| writer.join());
            ended.try_for_each(|outcome| outcome.map_err(|_| anyhow!("a writer panicked"))?)
        })
    }
}

impl Endpoint {
    /// A client with a token.
    ///
    /// # Errors
    /// When the system gives it nothing to run on.
    pub fn client(&self, token: &str) -> anyhow::Result<Client> {
        Client::new(Upstream::new(self.address, &self.authority, None)?, Some(token))
    }

    /// A client with a certificate.
    ///
    /// # Errors
    /// As [`Endpoint::client`].
    pub fn client_with(&self, certificate: &Leaf) -> anyhow::Result<Client> {
        Client::new(Upstream::new(self.address, &self.authority, Some(certificate))?, None)
    }
}

impl Client {
    fn new(upstream: Upstream, token: Option<&str>) -> anyhow::Result<Self> {
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            token: token.map(str::to_owned),
            wire: Wire {
                upstream,
                requests: None,
                drivers: JoinSet::new(),
            },
        })
    }

    /// Asks, and returns whatever is answered.
    ///
    /// # Errors
    /// When nothing is, in time.
    pub fn ask(&mut self, path: &str, verb: &Verb) -> anyhow::Result<Answer> {
        let request = self.request(path, verb)?;
        let exchange = async |connection: &mut Wire| {
            let response = connection.send(request).await?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            let text = || Value::from(String::from_utf8_lossy(&body));
            anyhow::Ok(Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: serde_json::from_slice(&body).unwrap_or_else(|_| text()),
            })
        };
        let wire = &mut self.wire;
        let answer = self.runtime.block_on(async { timeout(DEADLINE, exchange(wire)).await });
        answer
            .with_context(|| format!("{path} is not answered"))?
            .with_context(|| path.to_owned())
    }

    /// Reads so many lines of an answer that may have no end, such as a watch's, and then lets the connection go.
    ///
    /// # Errors
    /// When it ends before, or there are not so many in time.
    pub fn lines(&mut self, path: &str, count: usize) -> anyhow::Result<Vec<Value>> {
        let request = self.request(path, &Verb::Read)?;
        let mut text = Vec::new();
        let exchange = async |connection: &mut Wire, text: &mut Vec<u8>| {
            let mut body = connection.send(request).await?.into_body();
            while text.iter().filter(|byte| **byte == b'\n').count() < count {
                let frame = body.frame().await.context("it ends")??;
                text.extend_from_slice(&frame.into_data().unwrap_or_default());
            }
            connection.requests = None;
            anyhow::Ok(())
        };
        let wire = &mut self.wire;
        let read = self
            .runtime
            .block_on(async { timeout(DEADLINE, exchange(wire, &mut text)).await });
        let told = || format!("{path}: {}", String::from_utf8_lossy(&text));
        read.with_context(told)?.with_context(told)?;
        let lines = text.split(|byte| *byte == b'\n').take(count);
        lines.map(|line| Ok(serde_json::from_slice(line)?)).collect()
    }

    fn request(&self, path: &str, verb: &Verb) -> anyhow::Result<Request<Full<Bytes>>> {
        let (method, kind, body) = match verb {
            Verb::Read => (Method::GET, JSON, None),
            Verb::Create(object) => (Method::POST, JSON, Some(object)),
            Verb::Replace(object) => (Method::PUT, JSON, Some(object)),
            Verb::Merge(patch) => (Method::PATCH, MERGE, Some(patch)),
            Verb::Delete => (Method::DELETE, JSON, None),
        };
        let body = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.wire.upstream.address.to_string())
            .header(CONTENT_TYPE, kind);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        Ok(request.body(Full::from(body))?)
    }

    /// Asks for something that has to succeed.
    ///
    /// # Errors
    /// When it does not; the error shows what was answered.
    pub fn done(&mut self, path: &str, verb: &Verb) -> anyhow::Result<Value> {
        let answer = self.ask(path, verb)?;
        ensure!((200..300).contains(&answer.status), "{path}: {answer:?}");
        Ok(answer.body)
    }

    /// Reads an object, if it is there.
    ///
    /// # Errors
    /// When it cannot be said.
    pub fn get(&mut self, path: &str) -> anyhow::Result<Option<Value>> {
        let answer = self.ask(path, &Verb::Read)?;
        ensure!(matches!(answer.status, 200 | 404), "{path}: {answer:?}");
        Ok((answer.status == 200).then_some(answer.body))
    }

    /// Reads a whole collection.
    ///
    /// # Errors
    /// When it is none.
    pub fn list(&mut self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut list = self.done(path, &Verb::Read)?;
        let items = list.get_mut("items").map(Value::take);
        match items {
            Some(Value::Array(items)) => Ok(items),
            // An empty one may be told so.
            Some(Value::Null) => Ok(Vec::new()),
            Some(other) => Err(anyhow!("{path} has {other}")),
            None => Err(anyhow!("{path} is no list")),
        }
    }

    /// Makes an object in a collection.
    ///
    /// # Errors
    /// When it is refused.
    pub fn create(&mut self, path: &str, object: Value) -> anyhow::Result<Value> {
        self.done(path, &Verb::Create(object))
    }

    /// Makes a namespace with labels.
    ///
    /// # Errors
    /// When it is refused.
    pub fn namespace(&mut self, name: &str, labels: Value) -> anyhow::Result<()> {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        self.create("/api/v1/namespaces", namespace).map(drop)
    }

    /// Deletes a namespace with all objects of some collections in it, as the controller of namespaces does.
    ///
    /// # Errors
    /// When something is refused.
    pub fn remove_namespace(&mut self, name: &str, collections: &[&str]) -> anyhow::Result<()> {
        let path = format!("/api/v1/namespaces/{name}");
        let mut namespace = self.done(&path, &Verb::Delete)?;
        for collection in collections {
            let (group, resource) = collection.rsplit_once('/').unwrap_or(("api/v1", collection));
            self.done(&format!("/{group}/namespaces/{name}/{resource}"), &Verb::Delete)?;
        }
        namespace["spec"]["finalizers"] = json!([]);
        self.done(&format!("{path}/finalize"), &Verb::Replace(namespace))
            .map(drop)
    }
}
