//! One watch of one scope: what its lines say is told in windows, with the position behind them.

use std::time::{Duration, Instant};

use k1s_kubernetes_watch::{Ask, Brought, Event, EventError, Position, Refusal, Settling};
use k1s_source::{Bytes, Changes, Code, Order, Problem};
use tokio::time::sleep_until;

use crate::cluster::Cluster;
use crate::config::Settings;
use crate::declare::Followed;
use crate::link::{Link, Stream};
use crate::list::{DELETED, PATIENCE, WATCH};
use crate::trouble::Trouble;

/// The most events of one window.
const WINDOW: usize = 1024;

/// How a watch ended.
pub(crate) enum End {
    /// The host orders a listing.
    Ordered(Order),
    /// The host wants no more.
    Stopped,
    /// The server ended it, as it does after a while.
    Done,
    /// The server ended it with a word.
    Refused(Refusal),
    /// It brought what cannot be read.
    Unreadable(EventError),
    /// It broke.
    Trouble(Trouble),
}

/// What a scope knows between its watches.
pub(crate) struct Told {
    pub(crate) settling: Settling,
    pub(crate) followed: Followed,
    /// Of the cluster that was listed.
    pub(crate) identity: String,
    /// The last position that was sent.
    pub(crate) sent: String,
    pub(crate) started: Instant,
}

/// A watch under way.
pub(crate) struct Watch<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) link: &'a Link,
    pub(crate) settings: &'a Settings,
    pub(crate) followed: &'a Followed,
    pub(crate) told: &'a mut Told,
    pub(crate) brought: Brought,
    /// Up to where it was heard.
    pub(crate) heard: String,
}

enum Heard {
    Line(Result<Option<Vec<u8>>, Trouble>),
    Order(Option<Order>),
    Due,
}

impl Watch<'_> {
    /// Watches until something ends it. `stream` is one that was opened before.
    pub(crate) async fn run(&mut self, stream: Option<Stream>, changes: &mut Changes) -> Result<End, Problem> {
        let opened = match stream {
            Some(stream) => Ok(stream),
            None => tokio::select! {
                biased;
                order = changes.order() => return Ok(ended_by(order)),
                opened = self.open() => opened,
            },
        };
        let mut stream = match opened {
            Ok(stream) => stream,
            Err(trouble) => return Ok(End::Trouble(trouble)),
        };
        changes.live().await?;
        loop {
            let due = self.told.settling.next_due().map(|due| self.told.started + due);
            let heard = tokio::select! {
                biased;
                order = changes.order() => Heard::Order(order),
                line = stream.line() => Heard::Line(line),
                () = at(due) => Heard::Due,
            };
            let line = match heard {
                Heard::Order(order) => return Ok(ended_by(order)),
                Heard::Line(Ok(None)) => return Ok(End::Done),
                Heard::Line(Ok(line)) => line,
                Heard::Line(Err(trouble)) => return Ok(End::Trouble(trouble)),
                Heard::Due => None,
            };
            if let Some(end) = self.window(line, &mut stream, changes).await? {
                return Ok(end);
            }
        }
    }

    async fn open(&self) -> Result<Stream, Trouble> {
        let ask = Ask::Watch {
            from: self.heard.clone(),
        };
        let target = ask.target(&self.followed.part, &self.settings.selectors, WATCH);
        self.link.listen(&target, WATCH + PATIENCE).await
    }

    /// Tells a line, those that have come behind it, and the deletes whose time has come.
    async fn window(
        &mut self,
        mut line: Option<Vec<u8>>,
        stream: &mut Stream,
        changes: &mut Changes,
    ) -> Result<Option<End>, Problem> {
        let mut window = changes.window();
        let mut events = 0;
        let end = loop {
            let Some(bytes) = line else { break None };
            match Event::read(&bytes, &self.followed.part.resource) {
                Err(EventError::Object {
                    namespace,
                    name,
                    version,
                    source,
                }) => {
                    self.told.settling.put(&namespace, &name, &version);
                    let key = self.followed.key(&namespace, &name);
                    let at = self.followed.at(&namespace, &name, &self.link.url);
                    window
                        .failed_object(key, at, Problem::new(Code::DataInvalid, source.to_string()))
                        .await?;
                    self.hear(version);
                }
                Err(error) => break Some(End::Unreadable(error)),
                Ok(Event::Refused(refusal)) => break Some(End::Refused(refusal)),
                Ok(Event::Bookmark { version, .. }) if is_before(&version, &self.heard) => {
                    break Some(End::Trouble(Trouble::Behind));
                }
                Ok(Event::Bookmark { version, .. }) => self.hear(version),
                Ok(Event::Put(object)) => {
                    let version = object.version.clone();
                    self.told.settling.put(&object.namespace, &object.name, &version);
                    if self.followed.chooses(&object, self.settings) {
                        let (value, at) = self.followed.declared(object, self.settings, &self.link.url);
                        window.object(value, at).await?;
                    }
                    self.hear(version);
                    self.notice();
                }
                Ok(Event::Gone(object)) => {
                    let version = object.version.clone();
                    if self.followed.chooses(&object, self.settings) {
                        let now = self.told.started.elapsed();
                        self.told.settling.gone(&object.namespace, &object.name, &version, now);
                    }
                    self.hear(version);
                    self.notice();
                }
            }
            events += 1;
            if events >= WINDOW {
                break None;
            }
            match stream.waiting() {
                Ok(next) => line = next,
                Err(trouble) => break Some(End::Trouble(trouble)),
            }
        };
        let now = self.told.started.elapsed();
        if self.told.settling.next_due().is_none_or(|due| due > now) {
            let token = self.token();
            window.send(token).await?;
            return Ok(end);
        }
        // What was put in this window may be among the deletes.
        window.send(None).await?;
        match self.tell_deletes(now, changes).await? {
            Ok(()) => Ok(end),
            Err(trouble) => Ok(Some(End::Trouble(trouble))),
        }
    }

    /// Tells what waits, whatever its time: nothing more will be heard of it.
    pub(crate) async fn finish(&mut self, changes: &mut Changes) -> Result<(), Problem> {
        if self.told.settling.next_due().is_some()
            && let Err(trouble) = self.tell_all_deletes(changes).await?
        {
            tracing::warn!(%trouble, "what was deleted last is not told");
        }
        Ok(())
    }

    /// Tells the deletes that have settled by `now`, and the position behind them, if the cluster is the one that was
    /// listed.
    async fn tell_deletes(&mut self, now: Duration, changes: &mut Changes) -> Result<Result<(), Trouble>, Problem> {
        match self.link.check().await {
            Ok(()) => self.send_deletes(now, changes).await.map(Ok),
            Err(trouble) => Ok(Err(trouble)),
        }
    }

    async fn tell_all_deletes(&mut self, changes: &mut Changes) -> Result<Result<(), Trouble>, Problem> {
        match self.link.check_now().await {
            Ok(()) => self.send_deletes(Duration::MAX, changes).await.map(Ok),
            Err(trouble) => Ok(Err(trouble)),
        }
    }

    async fn send_deletes(&mut self, now: Duration, changes: &mut Changes) -> Result<(), Problem> {
        let mut window = changes.window();
        for due in self.told.settling.take_due(now) {
            let key = self.followed.key(&due.namespace, &due.name);
            let at = self.followed.at(&due.namespace, &due.name, &self.link.url);
            window.deleted(key, at, DELETED);
        }
        let token = self.token();
        window.send(token).await
    }

    fn hear(&mut self, version: String) {
        if self.heard == version {
            return;
        }
        self.told.settling.heard(&version);
        self.heard = version;
        self.brought = Brought::Something;
    }

    /// A definition that changed changes what the cluster serves, a namespace what is followed.
    fn notice(&self) {
        let resource = &self.followed.part.resource;
        if resource.is_definitions() {
            self.cluster.look_again();
        } else if resource.is_namespaces() {
            self.cluster.namespaces_changed();
        }
    }

    /// The token to send, if it is another one than before.
    fn token(&mut self) -> Option<Bytes> {
        let position = self.told.settling.position();
        if position == self.told.sent {
            return None;
        }
        position.clone_into(&mut self.told.sent);
        Some(self.followed.token(&self.told.identity, position))
    }
}

impl Followed {
    /// Makes the token of a position.
    pub(crate) fn token(&self, identity: &str, at: &str) -> Bytes {
        let position = Position {
            cluster: identity.to_owned(),
            api: self.part.resource.version.clone(),
            at: at.to_owned(),
        };
        position.to_token().into()
    }
}

/// Whether a resource version is before another, where both are numbers as Kubernetes' own are.
fn is_before(one: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<u128>().ok();
    number(one).zip(number(other)).is_some_and(|(one, other)| one < other)
}

fn ended_by(order: Option<Order>) -> End {
    order.map_or(End::Stopped, End::Ordered)
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
