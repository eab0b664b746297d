//! What all loops of one cluster share: the way to it, what is followed of it, and its pace.
//!
//! The discovering loop owns it and alone changes what is seen; the loops of scopes look, wait, and ask it to look again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use k1s_kubernetes_watch::discovery::Served;
use k1s_kubernetes_watch::{Part, Reach, Resource};
use k1s_source::{Gone, Scope};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};

use crate::config::{Settings, Target};
use crate::connect::{Connected, connect};
use crate::declare::Followed;
use crate::link::{Link, Pace};
use crate::look::{Forbidden, Seen, follows_by_name, look_over, name_of};
use crate::trouble::Trouble;

/// How often a cluster is asked what it serves, in case nobody says that it changed.
const EVERY: Duration = Duration::from_mins(1);
/// How long something must be missing before it is believed to be gone.
const DOUBT: Duration = Duration::from_secs(5);
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
    /// The number of the way to the cluster; 0 where there is none.
    pub(crate) fn link_number(&self) -> u64 {
        self.link.as_ref().map_or(0, |link| link.number)
    }

    /// What is seen after another look. What is missing is followed until it was missing for a while, and as long as the group
    /// it is of does not answer.
    fn next(&self, link: Arc<Link>, seen: Seen) -> (Self, Served, BTreeSet<Scope>) {
        let Seen {
            served,
            followed_by_scope: mut found,
            surplus,
            forbidden: _,
        } = seen;
        let now = Instant::now();
        let mut missed = BTreeMap::new();
        // Followed in the whole cluster instead of by namespace, or the other way round.
        let form = |part: &Part, by_namespace: bool| (name_of(&part.resource), by_namespace);
        let forms: BTreeSet<_> = found
            .values()
            .map(|followed| form(&followed.part, followed.part.namespace.is_some()))
            .collect();
        for (scope, followed) in self.followed_by_scope.iter() {
            if found.contains_key(scope) {
                continue;
            }
            if surplus.contains(scope) {
                // What is followed already goes before what is not.
                found.insert(scope.clone(), followed.clone());
                continue;
            }
            if forms.contains(&form(&followed.part, followed.part.namespace.is_none())) {
                continue;
            }
            let since = self.missed.get(scope).copied().unwrap_or(now);
            let is_uncertain = served.uncertain.contains(&followed.part.resource.group);
            if is_uncertain || now.duration_since(since) < DOUBT {
                missed.insert(scope.clone(), since);
                found.insert(scope.clone(), followed.clone());
            }
        }
        let view = Self {
            link: Some(link),
            followed_by_scope: Arc::new(found),
            missed: Arc::new(missed),
            looks: self.looks.saturating_add(1),
        };
        (view, served, surplus)
    }
}

/// Links are told apart by their numbers.
impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        self.link_number() == other.link_number() && self.followed_by_scope == other.followed_by_scope
    }
}

/// One cluster.
pub(crate) struct Cluster {
    pub(crate) target: Target,
    view: watch::Sender<View>,
    /// The last link that does no longer do.
    stale: AtomicU64,
    look: Notify,
    /// Added to by the loops of scopes, and looked after by the owner.
    forbidden: watch::Sender<Forbidden>,
    /// What the host held something of as the session began.
    held: watch::Sender<BTreeSet<Scope>>,
    listings: Semaphore,
    pace: Arc<Pace>,
    /// Held while a client is made, which may take a program that never ends.
    making: Arc<Semaphore>,
}

/// What a look at a cluster found.
pub(crate) struct Found {
    pub(crate) view: View,
    served: Served,
    surplus: BTreeSet<Scope>,
}

impl Cluster {
    pub(crate) fn new(target: Target, settings: &Settings) -> Self {
        Self {
            target,
            view: watch::Sender::default(),
            stale: AtomicU64::new(0),
            look: Notify::new(),
            forbidden: watch::Sender::default(),
            held: watch::Sender::default(),
            listings: Semaphore::new(LISTINGS),
            pace: Arc::new(Pace::new(settings.qps)),
            making: Arc::new(Semaphore::new(1)),
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

    /// Takes what the host holds something of as a session begins. What was followed by namespace goes on so, until the server
    /// has allowed more.
    pub(crate) fn holds(&self, scopes: &BTreeSet<Scope>, settings: &Settings) {
        let ours: BTreeSet<Scope> = scopes.iter().filter(|scope| self.has(scope)).cloned().collect();
        // What is asked by name anyway says nothing of what is allowed.
        if !follows_by_name(settings) {
            self.forbidden.send_modify(|forbidden| {
                let by_namespace = ours.iter().filter_map(|scope| self.part_of(scope)?.split_once('/'));
                for (kind, _) in by_namespace {
                    forbidden.entry(named(kind)).or_insert(None);
                }
            });
        }
        // Of what was opened since the session began nobody speaks any more.
        self.held.send_modify(|held| held.extend(ours));
    }

    /// Notes that a kind may not be asked for in the whole cluster. Only where nothing is held of it: what was read in the
    /// whole cluster waits for being allowed again.
    pub(crate) fn forbids(&self, part: &Part, scope: &Scope) {
        if part.namespace.is_some() || part.resource.reach == Reach::Cluster || self.held.borrow().contains(scope) {
            return;
        }
        let is_news = self.forbidden.send_if_modified(|forbidden| {
            forbidden
                .insert(name_of(&part.resource), Some(Instant::now()))
                .is_none()
        });
        if is_news {
            self.look_again();
        }
    }

    /// Has the cluster asked again for what is there, if namespaces that come or go change what is followed.
    pub(crate) fn namespaces_changed(&self) {
        if !self.forbidden.borrow().is_empty() {
            self.look_again();
        }
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
                let Connected { client, url } = connect(&self.target.place, &self.making).await?;
                Arc::new(Link::open(client, url, number + 1, Arc::clone(&self.pace)).await?)
            }
        };
        let forbidden = self.forbidden.borrow().clone();
        let looked = look_over(&link, &self.target.label, settings, forbidden.clone()).await;
        if let Err(trouble) = &looked
            && trouble.asks_for_renewal()
        {
            self.stale.fetch_max(link.number, Ordering::Relaxed);
        }
        let seen = looked?;
        self.forbidden.send_modify(|now| {
            // What was found to be forbidden meanwhile stays.
            now.retain(|kind, since| forbidden.get(kind) != Some(since));
            now.extend(seen.forbidden.clone());
        });
        let (view, served, surplus) = self.view.borrow().next(link, seen);
        Ok(Found { view, served, surplus })
    }

    /// Returns whether a scope is one of this cluster, followed or not.
    pub(crate) fn has(&self, scope: &Scope) -> bool {
        self.part_of(scope).is_some()
    }

    /// Returns the scope that follows in the whole cluster what this one followed in a namespace, if there is one now.
    pub(crate) fn successor(&self, scope: &Scope) -> Option<Scope> {
        let (kind, _) = self.part_of(scope)?.split_once('/')?;
        let everywhere = Scope::new(format!("{}/{kind}", self.target.label));
        let is_followed = self.view.borrow().followed_by_scope.contains_key(&everywhere);
        is_followed.then_some(everywhere)
    }

    fn part_of<'s>(&self, scope: &'s Scope) -> Option<&'s str> {
        scope.id().strip_prefix(&self.target.label)?.strip_prefix('/')
    }

    /// Returns why a scope that the host knows and that is not followed is no more; none where that is not known, or the
    /// scope is another cluster's.
    pub(crate) fn gone(&self, scope: &Scope, found: &Found, settings: &Settings) -> Option<Gone> {
        let name = self.part_of(scope)?;
        if found.view.followed_by_scope.contains_key(scope) || found.surplus.contains(scope) {
            return None;
        }
        let (kind, namespace) = name
            .split_once('/')
            .map_or((name, None), |(kind, namespace)| (kind, Some(namespace)));
        let (group, plural) = named(kind);
        if found.served.uncertain.contains(&group) {
            return None;
        }
        let everywhere = Scope::new(format!("{}/{kind}", self.target.label));
        if namespace.is_some() && found.view.followed_by_scope.contains_key(&everywhere) {
            return Some(Gone::ReplacedBy(everywhere));
        }
        let is_served = found
            .served
            .resources
            .iter()
            .any(|other| (&other.group, &other.plural) == (&group, &plural));
        let resource = Resource {
            group,
            plural,
            version: String::new(),
            kind: String::new(),
            reach: Reach::Namespaced,
        };
        match settings.kinds.extent(&resource) {
            // One look may be at a server that has just begun.
            Some(_) if !is_served && found.view.looks < 2 => None,
            Some(_) if !is_served => Some(Gone::Unsupported),
            Some(_) | None => Some(Gone::Deselected),
        }
    }
}

/// Group and plural of a kind as it stands in a scope.
fn named(kind: &str) -> (String, String) {
    let (plural, group) = kind.split_once('.').unwrap_or((kind, ""));
    (group.to_owned(), plural.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;
    use crate::config::Config;

    fn cluster(config: Value, held: &[&str]) -> Cluster {
        let config: Config = serde_json::from_value(config).unwrap();
        let settings = config.check(Path::new("/")).unwrap();
        let cluster = Cluster::new(settings.targets[0].clone(), &settings);
        cluster.holds(&held.iter().copied().map(Scope::new).collect(), &settings);
        // As it is when the clusters are looked at anew within a session.
        cluster.holds(&BTreeSet::new(), &settings);
        cluster
    }

    fn services(namespace: Option<&str>) -> Part {
        Part {
            resource: Resource {
                group: String::new(),
                plural: "services".to_owned(),
                version: "v1".to_owned(),
                kind: "Service".to_owned(),
                reach: Reach::Namespaced,
            },
            namespace: namespace.map(str::to_owned),
        }
    }

    fn forbidden(cluster: &Cluster) -> Vec<String> {
        let forbidden = cluster.forbidden.borrow();
        forbidden
            .keys()
            .map(|(group, plural)| format!("{plural}.{group}"))
            .collect()
    }

    #[test]
    fn only_what_nothing_is_held_of_is_followed_by_namespace_when_it_is_forbidden() {
        let everywhere = Scope::new("current/services");
        let new = cluster(json!({}), &["current/pods", "other/services/n"]);
        new.forbids(&services(Some("n")), &Scope::new("current/services/n"));
        assert_eq!(forbidden(&new), [""; 0], "one namespace says nothing of the others");
        new.forbids(&services(None), &everywhere);
        assert_eq!(forbidden(&new), ["services."]);

        let known = cluster(json!({}), &["current/services"]);
        known.forbids(&services(None), &everywhere);
        assert_eq!(
            forbidden(&known),
            [""; 0],
            "what was read before waits for being allowed again"
        );
    }

    #[test]
    fn what_was_followed_by_namespace_is_so_after_a_restart() {
        let held = ["current/jobs.batch/a", "current/jobs.batch/b", "current/pods"];
        assert_eq!(forbidden(&cluster(json!({}), &held)), ["jobs.batch"]);
        let by_name = json!({"namespaces": {"allow": ["a", "b"]}});
        assert_eq!(
            forbidden(&cluster(by_name, &held)),
            [""; 0],
            "they are followed so anyway"
        );
    }
}
