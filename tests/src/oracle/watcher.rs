//! A client that lists once and then watches for good, from the revision that it has reached, whichever host answers.

use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use k1s_api::server::Endpoint;
use k1s_api::server::client::{Connection, connect};
use serde_json::Value;
use tokio::runtime::{self, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Event, EventKind, Journal};
use crate::eventually;

/// Pause before a host that does not answer is asked again.
const RETRY: Duration = Duration::from_millis(10);
/// Things told that may wait to be read; the watches wait when there are more.
const TOLD: usize = 4096;

/// The objects of one kind, everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    path: String,
}

impl Collection {
    /// Names it by its group, version and kind; the plural is made as Kubernetes does.
    #[must_use]
    pub fn new((group, version, kind): (&str, &str, &str)) -> Self {
        let kind = kind.to_lowercase();
        let plural = match kind.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None if kind.ends_with('s') => format!("{kind}es"),
            None => format!("{kind}s"),
        };
        let prefix = if group.is_empty() {
            "/api".to_owned()
        } else {
            format!("/apis/{group}")
        };
        Self {
            path: format!("{prefix}/{version}/{plural}"),
        }
    }
}

/// What collections hold at one time.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The objects.
    pub objects: Vec<Event>,
    /// The highest revision that a list told.
    pub revision: u64,
}

impl Listing {
    /// What a list of the API says; the revision is that of the youngest object.
    ///
    /// # Errors
    /// When something in it is no object of the API.
    pub fn of(items: Vec<Value>) -> anyhow::Result<Self> {
        let read = items.into_iter().map(|item| Event::new(EventKind::Listed, item));
        let objects: Vec<Event> = read.collect::<anyhow::Result<_>>()?;
        let revision = objects.iter().map(|object| object.revision).max();
        Ok(Self {
            objects,
            revision: revision.unwrap_or_default(),
        })
    }
}

enum Told {
    Listed(u64),
    Began,
    Event(Box<Event>),
    Fault(String),
}

/// The watches of some collections. Dropping it ends them.
#[derive(Debug)]
pub struct Watcher {
    kubeconfig: PathBuf,
    collections: Vec<Collection>,
    told: mpsc::Receiver<Told>,
    journal: Journal,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Begins to watch with the host whose API a kubeconfig tells; neither has to be there yet.
    ///
    /// # Errors
    /// When the system allows no thread.
    pub fn start(kubeconfig: &Path, collections: Vec<Collection>) -> anyhow::Result<Self> {
        let runtime = runtime()?;
        let (tell, told) = mpsc::channel(TOLD);
        let (stop, stopped) = oneshot::channel();
        let watches = collections.clone().into_iter().map(|collection| Watch {
            kubeconfig: kubeconfig.to_owned(),
            collection,
            tell: tell.clone(),
            reached: None,
        });
        let watches: Vec<Watch> = watches.collect();
        let thread = thread::Builder::new().name("watcher".to_owned()).spawn(move || {
            runtime.block_on(async {
                let mut tasks: JoinSet<()> = watches.into_iter().map(Watch::run).collect();
                tokio::select! {
                    _ = stopped => {}
                    () = async { while tasks.join_next().await.is_some() {} } => {}
                }
            });
        })?;
        Ok(Self {
            kubeconfig: kubeconfig.to_owned(),
            collections,
            told,
            journal: Journal::default(),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// What was told so far.
    pub fn journal(&mut self) -> &Journal {
        while let Ok(told) = self.told.try_recv() {
            match told {
                Told::Listed(revision) => self.journal.begun = self.journal.begun.max(revision),
                Told::Began => self.journal.watches += 1,
                Told::Event(event) => self.journal.events.push(*event),
                Told::Fault(fault) => self.journal.faults.push(fault),
            }
        }
        &self.journal
    }

    /// Waits until every collection is watched for the `times`th time.
    ///
    /// # Errors
    /// When that is not so by `deadline`.
    pub fn until_watching(&mut self, times: usize, deadline: Duration) -> anyhow::Result<()> {
        let wanted = self.collections.len() * times;
        eventually(deadline, "everything is watched", || {
            Ok((self.journal().watches >= wanted).then_some(()))
        })
    }

    /// Lists the collections, from a host that has to run.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn list(&self) -> anyhow::Result<Listing> {
        runtime()?.block_on(async {
            let mut connection = connect(&Endpoint::read(&self.kubeconfig)?).await?;
            let mut listing = Listing::default();
            for collection in &self.collections {
                let (objects, revision) = list(&mut connection, collection).await?;
                listing.objects.extend(objects);
                listing.revision = listing.revision.max(revision);
            }
            Ok(listing)
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed when it happened.
            thread.join().ok();
        }
    }
}

fn runtime() -> anyhow::Result<Runtime> {
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_all().build().context("a runtime")
}

/// Why a watch goes no further.
enum Stop {
    /// The host is not there, or not ready, or went away: it is asked again.
    Away,
    /// This must not happen.
    Fault(anyhow::Error),
    /// Nobody listens.
    Unheard,
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Fault(error)
    }
}

struct Watch {
    kubeconfig: PathBuf,
    collection: Collection,
    tell: mpsc::Sender<Told>,
    reached: Option<u64>,
}

impl Watch {
    async fn run(mut self) {
        loop {
            match self.follow().await {
                Ok(()) | Err(Stop::Away) => sleep(RETRY).await,
                Err(Stop::Unheard) => return,
                Err(Stop::Fault(error)) => {
                    let fault = Told::Fault(format!("{}: {error:#}", self.collection.path));
                    // Whoever does not listen does not care.
                    self.tell.send(fault).await.ok();
                    return;
                }
            }
        }
    }

    /// Watches until the host ends it or goes away.
    async fn follow(&mut self) -> Result<(), Stop> {
        let endpoint = Endpoint::read(&self.kubeconfig).map_err(|_| Stop::Away)?;
        let mut connection = connect(&endpoint).await.map_err(|_| Stop::Away)?;
        let reached = match self.reached {
            Some(reached) => reached,
            None => self.begin(&mut connection).await?,
        };
        let path = format!("{}?watch=1&resourceVersion={reached}", self.collection.path);
        let request = Request::get(path).body(Full::default()).context("a request")?;
        let response = connection.send(request).await.map_err(|_| Stop::Away)?;
        match response.status() {
            StatusCode::OK => {}
            // A kind that comes with its definition, of a host that has just begun.
            StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE => return Err(Stop::Away),
            status => return Err(Stop::Fault(anyhow::anyhow!("{status} to a watch from {reached}"))),
        }
        self.say(Told::Began).await?;
        let (mut body, mut text) = (response.into_body(), Vec::new());
        while let Some(Ok(frame)) = body.frame().await {
            text.extend(frame.into_data().unwrap_or_default());
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                let event = event(&line)?;
                self.reached = Some(event.revision);
                self.say(Told::Event(Box::new(event))).await?;
            }
        }
        Err(Stop::Away)
    }

    async fn begin(&mut self, connection: &mut Connection<Full<Bytes>>) -> Result<u64, Stop> {
        let (objects, revision) = list(connection, &self.collection).await.map_err(|_| Stop::Away)?;
        // To watch from 0 means to be told the state first, as Kubernetes has it.
        if revision == 0 {
            return Err(Stop::Away);
        }
        self.say(Told::Listed(revision)).await?;
        for object in objects {
            self.say(Told::Event(Box::new(object))).await?;
        }
        self.reached = Some(revision);
        Ok(revision)
    }

    async fn say(&self, told: Told) -> Result<(), Stop> {
        self.tell.send(told).await.map_err(|_| Stop::Unheard)
    }
}

async fn list(connection: &mut Connection<Full<Bytes>>, collection: &Collection) -> anyhow::Result<(Vec<Event>, u64)> {
    let response = connection
        .send(Request::get(&collection.path).body(Full::default())?)
        .await?;
    ensure!(
        response.status() == StatusCode::OK,
        "{}: {}",
        collection.path,
        response.status()
    );
    let body = response.into_body().collect().await?.to_bytes();
    let mut list: Value = serde_json::from_slice(&body)?;
    let revision = list.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    let revision = revision.context("a list without a revision")?.parse()?;
    let items = list.get_mut("items").map(Value::take).unwrap_or_default();
    let Value::Array(items) = items else {
        bail!("a list without items")
    };
    let read = items.into_iter().map(|item| Event::new(EventKind::Listed, item));
    Ok((read.collect::<anyhow::Result<_>>()?, revision))
}

fn event(line: &[u8]) -> anyhow::Result<Event> {
    let mut line: Value = serde_json::from_slice(line)?;
    let object = line.get_mut("object").map(Value::take).unwrap_or_default();
    let kind = match line.get("type").and_then(Value::as_str) {
        Some("ADDED") => EventKind::Added,
        Some("MODIFIED") => EventKind::Modified,
        Some("DELETED") => EventKind::Deleted,
        other => bail!("a watch was told {other:?} {object}"),
    };
    Event::new(kind, object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_are_those_of_kubernetes() {
        for (kind, path) in [
            (("", "v1", "ConfigMap"), "/api/v1/configmaps"),
            (
                ("networking.k8s.io", "v1", "Ingress"),
                "/apis/networking.k8s.io/v1/ingresses",
            ),
            (
                ("networking.k8s.io", "v1", "NetworkPolicy"),
                "/apis/networking.k8s.io/v1/networkpolicies",
            ),
        ] {
            assert_eq!(Collection::new(kind).path, path);
        }
    }
}
