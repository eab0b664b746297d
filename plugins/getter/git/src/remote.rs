//! A repository on a server.

mod lineage;

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::advertised::{self, Advertised};
use crate::cache::Cache;
use crate::capabilities::{self, Capabilities, Greeting, Wanted};
use crate::commit::Commit;
use crate::compact::compact;
use crate::fault::GitError;
use crate::fetch::{self, Demand};
use crate::id::ObjectId;
use crate::limits::{Limit, Limits};
use crate::meter::{Bases, Measured, PackFault};
use crate::objects::{ObjectError, Objects};
use crate::revision::{Revision, RevisionError, Target};
use crate::transport::{Session, Transport};
use crate::tree::TreeError;
use crate::watch::{Nobody, Watch};
use crate::whole;
use crate::wire::{Clock, Packets, WireError};

/// The most objects that are asked for at once: 1 MiB of a request.
const WANTS: usize = 20_000;
/// What servers say when they do not hand out an object.
const NOT_SERVED: &str = "not our ref";

/// A repository on a server. One question at a time.
pub struct Remote {
    transport: Box<dyn Transport>,
    limits: Limits,
    /// What the server can, where each question stands by itself.
    known: Option<Capabilities>,
    watch: Arc<dyn Watch>,
}

impl Remote {
    /// Names a repository by the way to it. Nothing is asked yet.
    pub fn new(transport: Box<dyn Transport>, limits: Limits) -> Self {
        Self {
            transport,
            limits,
            known: None,
            watch: Arc::new(Nobody),
        }
    }

    /// Tells somebody how far each answer is.
    #[must_use]
    pub fn watched_by(self, watch: Arc<dyn Watch>) -> Self {
        Self { watch, ..self }
    }

    /// Finds out what some revisions are now, with one question for all of them, or none for commits. What the repository does
    /// not have is an error of its own, in its place.
    ///
    /// # Errors
    /// Fails if the server cannot be asked, or its answer cannot be read.
    pub async fn resolve(&mut self, revisions: &[Revision]) -> Result<Vec<Result<Target, RevisionError>>, GitError> {
        let mut prefixes = BTreeSet::new();
        for revision in revisions {
            revision.prefixes(&mut prefixes);
        }
        let found = if prefixes.is_empty() {
            Vec::new()
        } else {
            self.references(&prefixes, &|name| {
                revisions.iter().any(|revision| revision.concerns(name))
            })
            .await
            .map_err(|error| self.without_words(error))?
        };
        Ok(revisions.iter().map(|revision| revision.choose(&found)).collect())
    }

    /// Brings a commit with all its trees into the cache, and its files if the server cannot leave them out; asks for nothing if
    /// it is there. Of `known`, a commit that was fetched before, nothing comes again.
    ///
    /// A cache that turns out to be damaged is thrown away, and what neither the commit nor `known` has may be, whenever that has
    /// become many packs or large ones: objects that were opened before are to be dropped before, for libgit2 shares packs of one
    /// name.
    ///
    /// # Errors
    /// Fails if the server does not hand it out, or sends what is too much, damaged, or something else.
    pub async fn fetch(
        &mut self,
        cache: &Cache,
        target: &Target,
        known: Option<&ObjectId>,
    ) -> Result<Commit, GitError> {
        self.compact(cache, target, known).await?;
        match self.fetched(cache, target, known).await {
            Err(error) if is_damage(&error) => {
                let cleared = cache.clone();
                blocking(move || Ok(cleared.clear()?)).await?;
                self.fetched(cache, target, None).await
            }
            fetched => fetched,
        }
        .map_err(|error| self.without_words(error))
    }

    async fn fetched(&mut self, cache: &Cache, target: &Target, known: Option<&ObjectId>) -> Result<Commit, GitError> {
        if let Some(commit) = self.whole(cache, target).await? {
            return Ok(commit);
        }
        let mut wants = vec![target.id];
        wants.extend((target.id != target.commit).then_some(target.commit));
        let limits = self.limits;
        let mut haves = vec![None];
        if let Some(known) = known
            && self.holds(cache, *known).await?
        {
            haves.insert(0, Some(*known));
        }
        for have in haves {
            let demand = Demand::Commits { wants: &wants, have };
            self.bring(cache, demand, target.id, &limits).await?;
            if let Some(commit) = self.whole(cache, target).await? {
                return Ok(commit);
            }
        }
        Err(GitError::Object(ObjectError::Missing(target.commit)))
    }

    /// Brings files into the cache, as far as they are not there.
    ///
    /// # Errors
    /// As of [`Self::fetch`].
    pub async fn fetch_blobs(&mut self, cache: &Cache, ids: &[ObjectId]) -> Result<(), GitError> {
        let missing = self.missing(cache, ids).await?;
        // Of several answers together no more is taken than of one.
        let mut left = self.limits;
        for wants in missing.chunks(WANTS) {
            let Some(first) = wants.first() else { continue };
            let brought = self.bring(cache, Demand::Objects(wants), *first, &left).await;
            let brought = brought.map_err(|error| self.without_words(of_all(error, &self.limits)))?;
            left.pack_bytes = left.pack_bytes.saturating_sub(brought.pack_bytes);
            left.total_bytes = left.total_bytes.saturating_sub(brought.total_bytes);
        }
        match self.missing(cache, &missing).await?.first() {
            Some(id) => Err(GitError::Object(ObjectError::Missing(*id))),
            None => Ok(()),
        }
    }

    /// Asks for objects and takes in what comes.
    async fn bring(
        &mut self,
        cache: &Cache,
        demand: Demand<'_>,
        named: ObjectId,
        limits: &Limits,
    ) -> Result<Brought, GitError> {
        let limits = *limits;
        let bases: Bases = match demand {
            Demand::Commits { have: Some(_), .. } => {
                let objects = opened(cache, &limits).await?;
                Box::new(move |id| objects.has(id).unwrap_or(false))
            }
            Demand::Commits { have: None, .. } | Demand::Objects(_) => Box::new(|_| false),
        };
        // Whether files can be left out may have changed since the last poll.
        self.known = None;
        let talk = self.begin(&|_| false).await?;
        let mut spool = cache.spool().map_err(GitError::Spool)?;
        let (packets, received) = match &talk.greeting {
            Greeting::Newer(capabilities) => {
                let mut packets = ask(talk.session, talk.clock, &limits, fetch::request(capabilities, demand)).await?;
                let received = fetch::receive(&mut packets, &limits, bases, &mut spool, &*self.watch).await;
                (packets, received)
            }
            Greeting::Older(_) if matches!(demand, Demand::Objects(_)) => return Err(GitError::NotServed(named)),
            Greeting::Older(older) => {
                let request = older.request(&named).map_err(GitError::Unsupported)?;
                let mut packets = ask(talk.session, talk.clock, &limits, request).await?;
                let received = older.receive(&mut packets, &limits, &mut spool, &*self.watch).await;
                (packets, received)
            }
        };
        let measured = received.map_err(|error| not_served(&error, named).unwrap_or(error))?;
        self.finish(packets).await?;
        let brought = Brought {
            pack_bytes: spool.metadata().map_err(GitError::Spool)?.len(),
            total_bytes: measured.total,
        };
        let cache = cache.clone();
        blocking(move || take_in(&cache, &spool, &measured, &limits)).await?;
        Ok(brought)
    }

    /// Leaves out the words of a server that is told secrets, which it may repeat.
    fn without_words(&self, error: GitError) -> GitError {
        let is_said = matches!(error, GitError::Wire(WireError::Refused(_)));
        if is_said && self.transport.is_told_secrets() {
            return GitError::Wire(WireError::RefusedUnheard);
        }
        error
    }

    /// Asks for references.
    async fn references(
        &mut self,
        prefixes: &BTreeSet<String>,
        is_wanted: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Vec<Advertised>, GitError> {
        let limits = self.limits;
        let talk = self.begin(is_wanted).await?;
        let capabilities = match talk.greeting {
            Greeting::Older(older) => return Ok(older.references),
            Greeting::Newer(capabilities) => capabilities,
        };
        let request = advertised::request(&capabilities, prefixes);
        let mut packets = ask(talk.session, talk.clock, &limits, request).await?;
        let read = advertised::read(&mut packets, &limits, |reference| is_wanted(reference.name.as_str())).await?;
        self.finish(packets).await?;
        self.known = self.transport.is_stateless().then_some(capabilities);
        Ok(read)
    }

    /// Begins a conversation. What the server can is forgotten, unless its answer turns out to be one.
    async fn begin(&mut self, is_wanted: &(dyn Fn(&str) -> bool + Sync)) -> Result<Talk, GitError> {
        let clock = Clock::start(&self.limits);
        let mut session = clock.wait(self.transport.open()).await.map_err(GitError::Limit)??;
        let greeting = match self.known.take() {
            Some(capabilities) => Greeting::Newer(capabilities),
            None => {
                let reply = clock.wait(session.greeting()).await.map_err(GitError::Limit)??;
                let mut packets = Packets::new(reply, clock, &self.limits);
                let wanted = Wanted {
                    limits: &self.limits,
                    is_wanted,
                };
                let greeting = capabilities::read(&mut packets, &wanted).await?;
                self.finish(packets).await?;
                greeting
            }
        };
        Ok(Talk {
            session,
            clock,
            greeting,
        })
    }

    /// Waits for the end of an answer where the connection goes on behind it, so that it can be used again.
    async fn finish(&self, packets: Packets<'_>) -> Result<(), WireError> {
        if self.transport.is_stateless() {
            packets.finish().await?;
        }
        Ok(())
    }

    /// Returns the commit of a target if it is in the cache with all its trees.
    async fn whole(&self, cache: &Cache, target: &Target) -> Result<Option<Commit>, GitError> {
        let (cache, limits, target) = (cache.clone(), self.limits, target.clone());
        blocking(move || {
            let objects = cache.objects(&limits)?;
            for id in [&target.id, &target.commit] {
                if !objects.has(id)? {
                    return Ok(None);
                }
            }
            if objects.peel(&target.id)? != target.commit {
                return Err(GitError::Misled(target.id));
            }
            let commit = objects.commit(&target.commit)?;
            match objects.trees(&commit.tree, &mut BTreeSet::new()) {
                Ok(_) => Ok(Some(commit)),
                Err(TreeError::Object(ObjectError::Missing(_))) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Makes one pack of many: of what was fetched before and, if it is there, of what is to be fetched now.
    async fn compact(&self, cache: &Cache, target: &Target, known: Option<&ObjectId>) -> Result<(), GitError> {
        let (cache, limits) = (cache.clone(), self.limits);
        let (known, target) = (known.copied(), target.id);
        blocking(move || compact(&cache, known.as_ref(), &target, &limits)).await
    }

    /// Returns whether a commit that was fetched before is in the cache.
    async fn holds(&self, cache: &Cache, id: ObjectId) -> Result<bool, GitError> {
        let target = Target {
            reference: None,
            id,
            commit: id,
        };
        self.whole(cache, &target).await.map(|commit| commit.is_some())
    }

    async fn missing(&self, cache: &Cache, ids: &[ObjectId]) -> Result<Vec<ObjectId>, GitError> {
        let (cache, limits, ids) = (cache.clone(), self.limits, BTreeSet::from_iter(ids.iter().copied()));
        blocking(move || {
            let objects = cache.objects(&limits)?;
            let mut missing = Vec::new();
            for id in ids {
                if !objects.has(&id)? {
                    missing.push(id);
                }
            }
            Ok(missing)
        })
        .await
    }
}

/// How much came with an answer.
struct Brought {
    pack_bytes: u64,
    total_bytes: u64,
}

/// Names the limit of all answers where what was left of it was too little.
fn of_all(error: GitError, limits: &Limits) -> GitError {
    if let GitError::Pack(PackFault::Limit(limit)) = &error {
        let all = [
            Limit::PackBytes(limits.pack_bytes),
            Limit::TotalBytes(limits.total_bytes),
        ];
        let same = |all: &Limit| std::mem::discriminant(all) == std::mem::discriminant(limit);
        if let Some(all) = all.into_iter().find(same) {
            return PackFault::Limit(all).into();
        }
    }
    error
}

/// A conversation that has begun.
struct Talk {
    session: Box<dyn Session>,
    clock: Clock,
    greeting: Greeting,
}

/// Asks the one question of a conversation.
async fn ask(
    session: Box<dyn Session>,
    clock: Clock,
    limits: &Limits,
    request: Vec<u8>,
) -> Result<Packets<'static>, GitError> {
    let asked = clock.wait(session.ask(request)).await;
    Ok(Packets::new(asked.map_err(GitError::Limit)??, clock, limits))
}

/// Tells a refusal to hand out an object from others; if the server does not say which, it is `named`.
fn not_served(error: &GitError, named: ObjectId) -> Option<GitError> {
    let GitError::Wire(WireError::Refused(words)) = error else {
        return None;
    };
    let told = words.split(' ').find_map(|word| ObjectId::parse(word.as_bytes()));
    words
        .contains(NOT_SERVED)
        .then(|| GitError::NotServed(told.unwrap_or(named)))
}

/// Returns whether what is in a cache is not what it was; what a server sent is not that, however odd.
fn is_damage(error: &GitError) -> bool {
    matches!(
        error,
        GitError::Object(ObjectError::Damaged { .. }) | GitError::Tree(TreeError::Object(ObjectError::Damaged { .. }))
    )
}

/// Takes a pack that was measured into a cache.
fn take_in(cache: &Cache, pack: &File, measured: &Measured, limits: &Limits) -> Result<(), GitError> {
    let mut made = cache.spool().map_err(GitError::Spool)?;
    whole::write(pack, measured, &cache.objects(limits)?, limits, &mut made)?;
    Ok(cache.take_in(made).map(drop)?)
}

async fn opened(cache: &Cache, limits: &Limits) -> Result<Objects, GitError> {
    let (cache, limits) = (cache.clone(), *limits);
    blocking(move || Ok(cache.objects(&limits)?)).await
}

/// Does work that waits for the disk where that holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    spawn_blocking(work).await.map_err(|_| GitError::Ending)?
}
