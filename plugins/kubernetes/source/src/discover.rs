//! Finds out which scopes the clusters have, and looks again whenever that may have changed.
//!
//! Each cluster is looked at by a loop of its own, so that one that does not answer holds up no other. What a look found is
//! shown to the loops of the scopes first, and then the scopes are opened.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use k1s_kubernetes_watch::Backoff;
use k1s_source::{Code, Gone, Problem, Retry, Scope, Scopes};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::cluster::{Cluster, Found};
use crate::config::Settings;
use crate::follow::chance;
use crate::trouble::Trouble;

/// The shortest time between two looks.
const LEAST: Duration = Duration::from_secs(1);
/// A way to a cluster that was made anew before that did not help; the next is made later and later.
const LASTING: Duration = Duration::from_mins(1);
/// The most looks whose results wait.
const LOOKS: usize = 4;

/// What a look led to.
struct Look {
    index: usize,
    result: Result<Found, Trouble>,
}

/// Follows the clusters until the host asks to stop.
pub(crate) async fn discover(clusters: &[Cluster], settings: &Settings, scopes: &mut Scopes) -> Result<(), Problem> {
    let held: BTreeSet<Scope> = scopes.unopened().cloned().collect();
    clusters.iter().for_each(|cluster| cluster.holds(&held, settings));
    let (found, mut looks) = mpsc::channel(LOOKS);
    let loops = clusters
        .iter()
        .enumerate()
        .map(|(index, cluster)| keep_looking(index, cluster, settings, found.clone()));
    let all = join_all(loops);
    let mut all = std::pin::pin!(all);
    let mut told = Told::new(clusters, settings);
    loop {
        let next = async {
            tokio::select! {
                look = looks.recv() => look,
                _ = &mut all => None,
            }
        };
        // Before every cluster was looked at once, the source does not seem to rest.
        let look = match told.is_complete() {
            true => match scopes.until(next).await {
                Some(look) => look,
                None => return Ok(()),
            },
            false => match scopes.working(next).await {
                Some(look) => look,
                None => return Ok(()),
            },
        };
        let Some(look) = look else { return Ok(()) };
        told.take(look, scopes).await?;
    }
}

async fn keep_looking(index: usize, cluster: &Cluster, settings: &Settings, found: mpsc::Sender<Look>) {
    let mut backoff = Backoff::default();
    let (mut link, mut since) = (0, Instant::now());
    loop {
        let result = cluster.look(settings).await;
        let rest = match &result {
            Ok(found) => {
                cluster.show(found.view.clone());
                let lasted = since.elapsed() >= LASTING;
                let last = std::mem::replace(&mut link, found.view.link_number());
                match (last == link, lasted) {
                    (false, false) if last > 0 => {
                        since = Instant::now();
                        backoff.failed(chance(), None)
                    }
                    (false, _) => {
                        since = Instant::now();
                        LEAST
                    }
                    (true, true) => {
                        backoff.succeeded();
                        LEAST
                    }
                    (true, false) => LEAST,
                }
            }
            Err(_) => backoff.failed(chance(), None),
        };
        if found.send(Look { index, result }).await.is_err() {
            return;
        }
        sleep(rest).await;
        tokio::select! {
            () = cluster.asked_to_look() => {}
            () = sleep(cluster.next_look()) => {}
        }
    }
}

/// What was told of the looks.
struct Told<'a> {
    clusters: &'a [Cluster],
    settings: &'a Settings,
    /// Whether each cluster was looked at.
    looked: Vec<Looked>,
    /// Whether nothing was opened.
    nothing: bool,
}

#[derive(Clone, Debug)]
enum Looked {
    Not,
    Failed(Problem),
    Found,
}

impl<'a> Told<'a> {
    fn new(clusters: &'a [Cluster], settings: &'a Settings) -> Self {
        Self {
            clusters,
            settings,
            looked: vec![Looked::Not; clusters.len()],
            nothing: true,
        }
    }

    fn is_complete(&self) -> bool {
        !self.looked.iter().any(|looked| matches!(looked, Looked::Not))
    }

    /// Opens what was found and tells what is gone.
    ///
    /// # Errors
    /// Fails when every cluster was looked at and one never answered; what was opened stays open.
    async fn take(&mut self, look: Look, scopes: &mut Scopes) -> Result<(), Problem> {
        let Some(cluster) = self.clusters.get(look.index) else {
            return Ok(());
        };
        let result = match look.result {
            Ok(found) => {
                self.open(cluster, &found, scopes).await?;
                Looked::Found
            }
            Err(trouble) => {
                tracing::warn!(cluster = cluster.target.label, %trouble, "the cluster cannot be looked at");
                Looked::Failed(trouble.problem(&cluster.target.label))
            }
        };
        if let Some(looked) = self.looked.get_mut(look.index)
            && !matches!((&*looked, &result), (Looked::Found, Looked::Failed(_)))
        {
            *looked = result;
        }
        let failed = self.looked.iter().find_map(|looked| match looked {
            Looked::Failed(problem) => Some(problem.clone()),
            Looked::Not | Looked::Found => None,
        });
        match failed {
            Some(problem) if self.is_complete() => Err(problem),
            None if self.is_complete() && self.nothing => {
                Err(Problem::new(Code::ConfigInvalid, "no cluster serves a kind that is chosen").retry(Retry::Backoff))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn open(&mut self, cluster: &Cluster, found: &Found, scopes: &mut Scopes) -> Result<(), Problem> {
        let gone = |scope: &Scope| match self.clusters.iter().any(|cluster| cluster.has(scope)) {
            true => cluster.gone(scope, found, self.settings),
            false => Some(Gone::Deselected),
        };
        let unopened: Vec<(Scope, Gone)> = scopes
            .unopened()
            .filter_map(|scope| Some((scope.clone(), gone(scope)?)))
            .collect();
        // First, so that a scope which takes over their objects finds them given up.
        for (scope, why) in unopened {
            scopes.gone(&scope, why).await?;
        }
        for scope in found.view.followed_by_scope.keys() {
            self.nothing = false;
            scopes.open(scope.clone()).await?;
        }
        Ok(())
    }
}
