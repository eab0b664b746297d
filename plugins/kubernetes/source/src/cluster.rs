//! What all loops of one cluster share: the way to it, what is followed of it, and its pace.
//!
//! The discovering loop owns it and alone changes what is seen; the loops of scopes look, wait, and ask it to look again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use k1s_kubernetes_watch::discovery::{ACCEPT, PATHS, Served};
use k1s_kubernetes_watch::{Part, Reach, Resource};
use k1s_source::{Gone, Scope};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};

use crate::config::{Settings, Target};
use crate::connect::{Connected, connect};
use crate::declare::Followed;
use crate::link::{Link, Pace};
use crate::trouble::Trouble;

/// How often a cluster is asked what it serves, in case nobody says that it changed.
const EVERY: Duration = Duration::from_mins(1);
/// How long something must be missing before it is believed to be gone.
const DOUBT: Duration = Duration::from_secs(5);
/// The most namespaces that are followed each by itself, where all are named.
const NAMED: usize = 16;
/// The most scopes of all clusters, a little less than a host takes.
const SCOPES: usize = 4000;
/// The longest id of a scope in bytes.
const SCOPE_BYTES: usize = 256;
/// The most listings of one cluster at a time: each holds an object, its connection some buffers.
const LISTINGS: usize = 4;

/// What is known of a cluster.
#[derive(Clone, Default)]
pub(crate) struct View {
    pub(crate) link: Option<Arc<Link>>,
    pub(crate) followed_by_scope: Arc<BTreeMap<Scope, Followed>>,
    /// What the last look did not find, and when it was missed first: a server that begins does not know everything.
    missed: Arc<BTreeMap<Scope, Instant>>,
    /// How often the cluster was looked at.
    looks: u32,
}

impl View {
    /// What is seen after another look. What is missing is followed until it was missing for a while, and as long as the group
    /// it is of does not answer.
    fn next(&self, link: Arc<Link>, mut found: BTreeMap<Scope, Followed>, served: &Served) -> Self {
        let now = Instant::now();
        let mut missed = BTreeMap::new();
        for (scope, followed) in self.followed_by_scope.iter() {
            if found.contains_key(scope) {
                continue;
            }
            let since = self.missed.get(scope).copied().unwrap_or(now);
            let is_uncertain = served.uncertain.contains(&followed.part.resource.group);
            if is_uncertain || now.duration_since(since) < DOUBT {
                missed.insert(scope.clone(), since);
                found.insert(scope.clone(), followed.clone());
            }
        }
        Self {
            link: Some(link),
            followed_by_scope: Arc::new(found),
            missed: Arc::new(missed),
            looks: self.looks.saturating_add(1),
        }
    }
}

/// Links are told apart by their numbers.
impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        let number = |view: &Self| view.link.as_ref().map(|link| link.number);
        number(self) == number(other) && self.followed_by_scope == other.followed_by_scope
    }
}

/// One cluster.
pub(crate) struct Cluster {
    pub(crate) target: Target,
    view: watch::Sender<View>,
    /// The last link that does no longer do.
    stale: AtomicU64,
    look: Notify,
    listings: Semaphore,
    pace: Arc<Pace>,
}

/// What a look at a cluster found.
pub(crate) struct Found {
    pub(crate) view: View,
    served: Served,
}

impl Cluster {
    pub(crate) fn new(target: Target, settings: &Settings) -> Self {
        Self {
            target,
            view: watch::Sender::default(),
            stale: AtomicU64::new(0),
            look: Notify::new(),
            listings: Semaphore::new(LISTINGS),
            pace: Arc::new(Pace::new(settings.qps)),
        }
    }

    /// Returns what is seen of the cluster from here on.
    pub(crate) fn seen(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// Waits until another listing may begin.
    pub(crate) async fn turn_to_list(&self) -> Result<SemaphorePermit<'_>, Trouble> {
        self.listings.acquire().await.map_err(|_| Trouble::Over)
    }

    /// Has the way to the cluster made anew, unless it was since `link`.
    pub(crate) fn renew(&self, link: &Link) {
        self.stale.fetch_max(link.number, Ordering::Relaxed);
        self.look.notify_one();
    }

    /// Has the cluster asked again for what it serves.
    pub(crate) fn look_again(&self) {
        self.look.notify_one();
    }

    /// Returns after how long to look again, if nobody asks for it before.
    pub(crate) fn next_look(&self) -> Duration {
        let view = self.view.borrow();
        match view.missed.is_empty() && view.looks > 1 {
            true => EVERY,
            false => DOUBT,
        }
    }

    /// Waits until someone asks for another look.
    pub(crate) async fn asked_to_look(&self) {
        self.look.notified().await;
    }

    /// Shows what was found.
    pub(crate) fn show(&self, view: View) {
        self.view.send_if_modified(|last| {
            let is_other = *last != view;
            *last = view;
            is_other
        });
    }

    /// Looks what the cluster serves, over a way made anew where the last does no longer do.
    pub(crate) async fn look(&self, settings: &Settings) -> Result<Found, Trouble> {
        let last = self.view.borrow().link.clone();
        let number = last.as_ref().map_or(0, |link| link.number);
        let link = match last.filter(|link| link.number > self.stale.load(Ordering::Relaxed)) {
            Some(link) => link,
            None => {
                let Connected { client, url } = connect(&self.target.place).await?;
                Arc::new(Link::open(client, url, number + 1, Arc::clone(&self.pace)).await?)
            }
        };
        let looked = self.look_over(&link, settings).await;
        if let Err(trouble) = &looked
            && trouble.asks_for_renewal()
        {
            self.stale.fetch_max(link.number, Ordering::Relaxed);
        }
        let (served, followed_by_scope) = looked?;
        let view = self.view.borrow().next(link, followed_by_scope, &served);
        Ok(Found { view, served })
    }

    async fn look_over(
        &self,
        link: &Link,
        settings: &Settings,
    ) -> Result<(Served, BTreeMap<Scope, Followed>), Trouble> {
        let mut served = Served::default();
        for path in PATHS {
            served.add(&link.read(path, ACCEPT).await?)?;
        }
        let followed = served
            .resources
            .iter()
            .flat_map(|resource| followed(resource, settings));
        let mut scoped = followed.filter_map(|followed| Some((self.scope(&followed.part)?, followed)));
        let followed_by_scope = scoped.by_ref().take(SCOPES / settings.targets.len().max(1)).collect();
        let surplus = scoped.count();
        if surplus > 0 {
            tracing::warn!(
                surplus,
                "there are more kinds and namespaces than can be followed: choose fewer"
            );
        }
        Ok((served, followed_by_scope))
    }

    /// Returns the scope of a part; none where its names are too long to be one.
    fn scope(&self, part: &Part) -> Option<Scope> {
        let id = format!("{}/{part}", self.target.label);
        if id.len() > SCOPE_BYTES {
            tracing::warn!(
                id,
                "the names are too long for it to be followed; a short `name` of the cluster may help"
            );
            return None;
        }
        Some(Scope::new(id))
    }

    /// Returns whether a scope is one of this cluster, followed or not.
    pub(crate) fn has(&self, scope: &Scope) -> bool {
        self.part_of(scope).is_some()
    }

    fn part_of<'s>(&self, scope: &'s Scope) -> Option<&'s str> {
        scope.id().strip_prefix(&self.target.label)?.strip_prefix('/')
    }

    /// Returns why a scope that the host knows and that is not followed is no more; none where that is not known, or the
    /// scope is another cluster's.
    pub(crate) fn gone(&self, scope: &Scope, found: &Found, settings: &Settings) -> Option<Gone> {
        let name = self.part_of(scope)?;
        if found.view.followed_by_scope.contains_key(scope) {
            return None;
        }
        let kind = name.split_once('/').map_or(name, |(kind, _)| kind);
        let (plural, group) = kind.split_once('.').unwrap_or((kind, ""));
        if found.served.uncertain.contains(group) {
            return None;
        }
        let resource = Resource {
            group: group.to_owned(),
            plural: plural.to_owned(),
            version: String::new(),
            kind: String::new(),
            reach: Reach::Namespaced,
        };
        let is_served = found
            .served
            .resources
            .iter()
            .any(|other| (&other.group, &other.plural) == (&resource.group, &resource.plural));
        match settings.kinds.extent(&resource) {
            // One look may be at a server that has just begun.
            Some(_) if !is_served && found.view.looks < 2 => None,
            Some(_) if !is_served => Some(Gone::Unsupported),
            Some(_) | None => Some(Gone::Deselected),
        }
    }
}

/// The parts of a kind that are followed: one for each namespace where they are all named, else one for all.
fn followed(resource: &Resource, settings: &Settings) -> Vec<Followed> {
    let Some(extent) = settings.kinds.extent(resource) else {
        return Vec::new();
    };
    let named = match resource.reach {
        Reach::Namespaced => settings.namespaces.named().filter(|names| names.len() <= NAMED),
        Reach::Cluster => None,
    };
    let followed = |namespace: Option<&str>| Followed {
        part: Part {
            resource: resource.clone(),
            namespace: namespace.map(str::to_owned),
        },
        extent,
    };
    match named {
        Some(namespaces) => namespaces
            .into_iter()
            .map(|namespace| followed(Some(namespace)))
            .collect(),
        None => vec![followed(None)],
    }
}
