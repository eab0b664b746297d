//! One listing of one scope: in pages, or as the initial events of a watch.
//!
//! Each object is declared as its bytes arrive. Nothing is declared before the server has agreed to answer, so a way that it
//! does not know costs nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use k1s_kubernetes_watch::{Ask, Event, EventError, Object, Pieces, Way};
use k1s_source::{Code, Problem, Progress, SnapshotWriter};
use tokio::time::sleep;

use crate::config::Settings;
use crate::declare::Followed;
use crate::link::{JSON, Link, Stream};
use crate::trouble::Trouble;

/// The most bytes of an object in a page; one that is larger than the contract allows is still told of by name.
const OBJECT_BYTES: usize = 16 << 20;
/// How often it is said that the server is being waited for.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// After how many events it is said how far the listing is.
const SAID_EVERY: u64 = 256;
/// How long nothing may come of a listing, in the middle of it.
pub(crate) const LISTING_PATIENCE: Duration = Duration::from_secs(75);
/// How long the watch lasts that begins with initial events.
pub(crate) const WATCH: Duration = Duration::from_secs(290);

/// How much longer than a watch should last nothing may come of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
/// Why an object is no more.
pub(crate) const DELETED: &str = "deleted in the cluster";
/// The most objects that may be deleted between initial events.
const MOST_GONE: usize = 4096;

/// Why a listing came to nothing.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The cluster's fault.
    Trouble(Trouble),
    /// The host wants no more.
    Over(Problem),
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// A listing that is whole.
pub(crate) struct Listed {
    /// The resource version as of which it holds.
    pub(crate) at: String,
    /// The watch that goes on behind it, if it began as one.
    pub(crate) rest: Option<Stream>,
}

/// A listing under way.
pub(crate) struct Listing<'a, 'c> {
    pub(crate) link: &'a Link,
    pub(crate) settings: &'a Settings,
    pub(crate) followed: &'a Followed,
    pub(crate) out: &'a mut SnapshotWriter<'c>,
    pub(crate) progress: Progress,
    /// Objects that were deleted between initial events: namespace and name.
    pub(crate) gone: BTreeSet<(String, String)>,
}

impl Listing<'_, '_> {
    /// Lists in one way.
    pub(crate) async fn run(&mut self, way: Way) -> Result<Listed, Halt> {
        self.progress.phase = format!("listing {}", self.followed.part);
        if let Some(kind) = self.followed.kind_info() {
            self.out.kind(kind).await.map_err(Halt::Over)?;
        }
        let listed = match way {
            Way::Initial => self.initial().await?,
            Way::Pages => self.pages(Some(self.settings.page_size)).await?,
            Way::Whole => self.pages(None).await?,
        };
        // What was listed is another cluster's if that has taken its place by now.
        let link = self.link;
        self.awaiting(link.check_now()).await??;
        for (namespace, name) in std::mem::take(&mut self.gone) {
            let key = self.followed.key(&namespace, &name);
            let at = self.followed.at(&namespace, &name, &self.link.url);
            self.out.deleted(key, at, DELETED).await.map_err(Halt::Over)?;
        }
        Ok(listed)
    }

    async fn pages(&mut self, limit: Option<u32>) -> Result<Listed, Halt> {
        let (mut after, mut at) = (None, None);
        loop {
            let target = self.target(&Ask::Page { limit, after });
            let link = self.link;
            let mut answer = self.awaiting(link.ask(&target, JSON)).await??;
            let mut pieces = Pieces::new(OBJECT_BYTES);
            while let Some(chunk) = self.awaiting(answer.chunk()).await?? {
                self.progress.bytes += chunk.len() as u64;
                let mut input = &chunk[..];
                while let Some(object) = pieces.next(&mut input).map_err(Trouble::from)? {
                    let read = Object::read(&object, &self.followed.part.resource);
                    self.take(read).await?;
                }
                self.out.progress(self.progress.clone()).await.map_err(Halt::Over)?;
            }
            let page = pieces.finish().map_err(Trouble::from)?.metadata;
            self.progress.total = page.remaining_item_count.map(|rest| self.progress.done + rest);
            if page.resource_version.is_empty() {
                return Err(Trouble::Timeless.into());
            }
            if at.get_or_insert_with(|| page.resource_version.clone()) != &page.resource_version {
                return Err(Trouble::Torn.into());
            }
            if page.after.is_empty() {
                return Ok(Listed {
                    at: page.resource_version,
                    rest: None,
                });
            }
            after = Some(page.after);
        }
    }

    async fn initial(&mut self) -> Result<Listed, Halt> {
        let target = self.target(&Ask::Initial);
        let link = self.link;
        let mut stream = self.awaiting(link.listen(&target, LISTING_PATIENCE)).await??;
        loop {
            let line = match stream.waiting()? {
                Some(line) => line,
                None => self.awaiting(stream.line()).await??.ok_or(Trouble::Cut)?,
            };
            self.progress.bytes += line.len() as u64;
            let event = match Event::read(&line, &self.followed.part.resource) {
                Err(error) => {
                    self.take(Err(error)).await?;
                    continue;
                }
                Ok(event) => event,
            };
            match event {
                Event::Put(object) => self.take(Ok(object)).await?,
                Event::Gone(object) => self.forget(object)?,
                Event::Bookmark {
                    version,
                    is_end_of_initial: true,
                } => {
                    stream.set_patience(WATCH + PATIENCE);
                    return Ok(Listed {
                        at: version,
                        rest: Some(stream),
                    });
                }
                // The events before the end come in no order: this is no position.
                Event::Bookmark { .. } => {}
                Event::Refused(refusal) => return Err(Trouble::Refused(refusal).into()),
            }
            if self.progress.done.is_multiple_of(SAID_EVERY) {
                self.out.progress(self.progress.clone()).await.map_err(Halt::Over)?;
            }
        }
    }

    fn target(&self, ask: &Ask) -> String {
        ask.target(&self.followed.part, &self.settings.selectors, WATCH)
    }

    /// Declares an object; of one that cannot be read it is said that it is there.
    async fn take(&mut self, read: Result<Object, EventError>) -> Result<(), Halt> {
        let object = match read {
            Ok(object) => object,
            Err(EventError::Object {
                namespace,
                name,
                source,
                ..
            }) => {
                self.progress.done += 1;
                let key = self.followed.key(&namespace, &name);
                let at = self.followed.at(&namespace, &name, &self.link.url);
                let problem = Problem::new(Code::DataInvalid, source.to_string());
                return self.out.failed_object(key, at, problem).await.map_err(Halt::Over);
            }
            Err(error) => return Err(Trouble::from(error).into()),
        };
        self.progress.done += 1;
        if !self.gone.is_empty() {
            self.gone.remove(&(object.namespace.clone(), object.name.clone()));
        }
        if !self.followed.chooses(&object, self.settings) {
            return Ok(());
        }
        let (value, at) = self.followed.declared(object, self.settings, &self.link.url);
        self.out.distinct(value, at).await.map_err(Halt::Over)
    }

    /// Keeps in mind that an object is gone: it may be back before the listing ends.
    fn forget(&mut self, object: Object) -> Result<(), Halt> {
        if self.followed.chooses(&object, self.settings) {
            self.gone.insert((object.namespace, object.name));
        }
        match self.gone.len() > MOST_GONE {
            true => Err(Trouble::TooMuch.into()),
            false => Ok(()),
        }
    }

    /// Waits for the server, and says that it does.
    async fn awaiting<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Halt> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = sleep(SIGN_OF_LIFE) => self.out.progress(self.progress.clone()).await.map_err(Halt::Over)?,
            }
        }
    }
}
