//! The loop of one scope: lists and watches as its `Course` says, and obeys the host in between.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k1s_kubernetes_watch::{Brought, Course, Next, Position, Settling, Verdict};
use k1s_source::{Changes, Code, Gone, Order, Problem, Progress, Scope, SnapshotWriter};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::cluster::{Cluster, View};
use crate::config::Settings;
use crate::declare::Followed;
use crate::early::Early;
use crate::link::{Link, Stream};
use crate::list::{Halt, Listed, Listing};
use crate::trouble::Trouble;
use crate::watch::{End, Told, Watch};

/// How many failures in a row are the network's own business; further ones are told, and the way is made anew.
const UNTOLD_FAILURES: u32 = 1;

/// The loop of one scope.
pub(crate) struct Follower<'a> {
    cluster: &'a Cluster,
    settings: &'a Settings,
    scope: &'a Scope,
    seen: watch::Receiver<View>,
    course: Course,
    /// The host's order that the next listing answers.
    order: Option<Order>,
    /// None before the first listing.
    told: Option<Told>,
    /// What a listing left open behind it.
    rest: Option<Stream>,
    /// The last link that led to another cluster than was told of.
    wrong: u64,
    /// What ends the next pause before its time.
    early: Early,
    standing: Standing,
    past: Past,
}

/// Whether the scope was ever followed in this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    /// It was not.
    None,
    /// It was listed, or went on from a position.
    Some,
}

/// What the host was told of the scope as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// That it is there, or nothing.
    There,
    /// That it is no more.
    Gone,
}

/// The way to a cluster, and what is followed over it.
struct Sight {
    link: Arc<Link>,
    followed: Followed,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(cluster: &'a Cluster, settings: &'a Settings, scope: &'a Scope) -> Self {
        Self {
            cluster,
            settings,
            scope,
            seen: cluster.seen(),
            course: Course::new(settings.way),
            order: None,
            told: None,
            rest: None,
            wrong: 0,
            early: Early::Never,
            standing: Standing::There,
            past: Past::None,
        }
    }

    /// Lists once.
    pub(crate) async fn list_once(mut self, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let listed = self.list_into(out).await;
        match listed {
            Ok(Listed { at, .. }) => match &self.told {
                Some(told) => out.token(told.followed.token(&told.identity, &at)),
                None => Ok(()),
            },
            Err(Halt::Trouble(trouble)) => Err(trouble.problem(self.scope.id())),
            Err(Halt::Over(problem)) => Err(problem),
        }
    }

    /// Follows until the host asks to stop.
    pub(crate) async fn run(mut self, changes: &mut Changes) -> Result<(), Problem> {
        let Some(order) = changes.order().await else {
            return Ok(());
        };
        self.begin(order, changes).await?;
        loop {
            let goes_on = match self.course.next() {
                Next::List(_) => self.list(changes).await?,
                Next::Watch { from } => self.watch(from, changes).await?,
                Next::Wait(time) | Next::Parked(time) => self.pause(time, changes).await,
                Next::Gone(time) => {
                    self.give_up(changes).await?;
                    self.early = Early::Served;
                    self.pause(time, changes).await
                }
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Takes the first order: to go on from a token, or to list.
    async fn begin(&mut self, order: Order, changes: &mut Changes) -> Result<(), Problem> {
        let Some(token) = order.token() else {
            self.order = Some(order);
            return Ok(());
        };
        let stored = Position::read(token).ok();
        let sight = self.sight().ok();
        let is_good = |position: &Position| {
            sight.as_ref().is_some_and(|Sight { link, followed }| {
                position.cluster == link.identity && position.api == followed.part.resource.version
            })
        };
        match stored.filter(is_good).zip(sight.as_ref()) {
            Some((Position { at, cluster, .. }, Sight { followed, .. })) => {
                self.past = Past::Some;
                self.told = Some(self.tell_from(followed.clone(), cluster, &at));
                self.course = Course::new(self.settings.way).resumed(at);
                changes.live().await
            }
            None => {
                let said = "the stored position is of another cluster, or of another version of the kind";
                changes.report(&Problem::new(Code::ResumeRejected, said)).await
            }
        }
    }

    fn tell_from(&self, followed: Followed, identity: String, at: &str) -> Told {
        Told {
            followed,
            settling: Settling::new(self.settings.delete_settle, at),
            identity,
            sent: at.to_owned(),
            started: Instant::now(),
        }
    }

    /// What is seen of the cluster now, if there is a way to it and it serves the scope.
    fn sight(&self) -> Result<Sight, Trouble> {
        let view = self.seen.borrow();
        let link = view.link.as_ref().filter(|link| link.number > self.wrong);
        let (link, followed) = (link.ok_or(Trouble::NoWay)?, view.followed_by_scope.get(self.scope));
        Ok(Sight {
            link: Arc::clone(link),
            followed: followed.ok_or(Trouble::NotServed)?.clone(),
        })
    }

    /// Takes it that there is no way now, or that the scope is not served; says which.
    fn blind(&mut self, trouble: &Trouble) {
        match trouble.verdict() {
            Some(verdict) => self.course.watch_refused(verdict, chance()),
            None => self.course.watch_broke(Brought::Nothing, chance()),
        }
        self.early = Early::Link(self.wrong);
    }

    /// Lists, and ends the listing that the host waits for.
    async fn list(&mut self, changes: &mut Changes) -> Result<bool, Problem> {
        if self.order.is_none()
            && let Err(trouble) = self.sight()
        {
            self.blind(&trouble);
            return Ok(true);
        }
        let order = self.order.take().unwrap_or_else(|| changes.relist());
        self.standing = Standing::There;
        let mut out = changes.begin(order);
        let listed = self.list_into(&mut out).await;
        match listed {
            Ok(Listed { at, rest }) => {
                if let Some(told) = &self.told {
                    out.token(told.followed.token(&told.identity, &at))?;
                }
                out.end(Ok(())).await?;
                self.rest = rest;
                self.course.listed(at);
            }
            Err(Halt::Over(problem)) => return Err(problem),
            Err(Halt::Trouble(trouble)) => {
                tracing::debug!(%trouble, scope = %self.scope, "a listing failed");
                out.end(Err(trouble.problem(self.scope.id()))).await?;
            }
        }
        Ok(true)
    }

    /// Lists in the way that the course says, and in the next where nothing was declared in the first.
    async fn list_into(&mut self, out: &mut SnapshotWriter<'_>) -> Result<Listed, Halt> {
        let _turn = self.cluster.turn_to_list().await?;
        self.rest = None;
        loop {
            let Next::List(way) = self.course.next() else {
                return Err(Trouble::Over.into());
            };
            let Sight { link, followed } = match self.sight() {
                Ok(sight) => sight,
                Err(trouble) => {
                    self.blind(&trouble);
                    return Err(trouble.into());
                }
            };
            // Each way that is tried begins with nothing declared.
            let mut listing = Listing {
                link: &link,
                settings: self.settings,
                followed: &followed,
                out,
                progress: Progress::default(),
                gone: BTreeSet::new(),
            };
            listing.out.root_identity(link.identity.as_str()).map_err(Halt::Over)?;
            let listed = listing.run(way).await;
            let declared = listing.progress.done;
            match listed {
                Ok(listed) => {
                    self.past = Past::Some;
                    self.told = Some(self.tell_from(followed, link.identity.clone(), &listed.at));
                    return Ok(listed);
                }
                Err(Halt::Over(problem)) => return Err(Halt::Over(problem)),
                Err(Halt::Trouble(trouble)) => {
                    match self.verdict(&trouble) {
                        Some(verdict) => self.course.listing_refused(verdict, chance()),
                        None => self.course.listing_broke(chance()),
                    }
                    self.heed(&trouble, &link, &followed);
                    let goes_on = matches!(self.course.next(), Next::List(_)) && declared == 0;
                    if !goes_on {
                        return Err(trouble.into());
                    }
                }
            }
        }
    }

    /// Watches, and takes what ended the watch.
    async fn watch(&mut self, from: String, changes: &mut Changes) -> Result<bool, Problem> {
        let Sight { link, followed } = match self.sight() {
            Ok(sight) => sight,
            Err(trouble) => {
                self.blind(&trouble);
                return Ok(true);
            }
        };
        // In another version every object reads differently.
        let told = self.told.take().filter(|told| told.followed == followed);
        let Some(mut told) = told else {
            self.course.ordered();
            return Ok(true);
        };
        if told.identity != link.identity {
            changes.report(&Trouble::OtherCluster.problem(self.scope.id())).await?;
            self.course.ordered();
            return Ok(true);
        }
        let began = Instant::now();
        let mut watch = Watch {
            cluster: self.cluster,
            link: &link,
            settings: self.settings,
            followed: &followed,
            told: &mut told,
            brought: Brought::Nothing,
            heard: from,
        };
        let end = watch.run(self.rest.take(), changes).await?;
        let (brought, heard) = (watch.brought, watch.heard);
        if brought == Brought::Something {
            self.course.advanced(&heard);
        }
        self.told = Some(told);
        match end {
            End::Stopped => return Ok(false),
            End::Ordered(order) => self.ordered(order),
            End::Done => self.course.watch_ended(began.elapsed(), brought, chance()),
            End::Refused(refusal) => {
                self.failed(Trouble::Refused(refusal), brought, (&link, &followed), changes)
                    .await?
            }
            End::Unreadable(error) => {
                self.course.watch_unreadable(chance());
                self.early = Early::Never;
                changes.report(&Trouble::from(error).problem(self.scope.id())).await?;
            }
            End::Trouble(Trouble::OtherCluster) => {
                changes.report(&Trouble::OtherCluster.problem(self.scope.id())).await?;
                self.heed(&Trouble::OtherCluster, &link, &followed);
                self.told = None;
                self.course.ordered();
            }
            End::Trouble(trouble) => self.failed(trouble, brought, (&link, &followed), changes).await?,
        }
        Ok(true)
    }

    async fn failed(
        &mut self,
        trouble: Trouble,
        brought: Brought,
        (link, followed): (&Link, &Followed),
        changes: &mut Changes,
    ) -> Result<(), Problem> {
        match self.verdict(&trouble) {
            Some(verdict) => self.course.watch_refused(verdict, chance()),
            None => self.course.watch_broke(brought, chance()),
        }
        tracing::debug!(%trouble, scope = %self.scope, "a watch ended");
        self.heed(&trouble, link, followed);
        let is_news = match self.course.next() {
            Next::Parked(_) => true,
            Next::Wait(_) => self.course.failures() > UNTOLD_FAILURES,
            Next::List(_) | Next::Watch { .. } | Next::Gone(_) => false,
        };
        if is_news {
            changes.report(&trouble.problem(self.scope.id())).await?;
        }
        Ok(())
    }

    /// What a trouble means for the course. A kind that is served, as far as is known, is only not there now.
    fn verdict(&self, trouble: &Trouble) -> Option<Verdict> {
        match trouble.verdict() {
            Some(Verdict::NotServed) => {
                self.cluster.look_again();
                Some(Verdict::Failing)
            }
            verdict => verdict,
        }
    }

    /// Has the way made anew where that may help, and notes what ends the pause before its time.
    fn heed(&mut self, trouble: &Trouble, link: &Link, followed: &Followed) {
        if trouble.verdict() == Some(Verdict::Forbidden) && self.past == Past::None {
            self.cluster.forbids(&followed.part, self.scope);
        }
        let is_repeated = trouble.is_about_the_way() && self.course.failures() > UNTOLD_FAILURES;
        if trouble.asks_for_renewal() || is_repeated {
            self.cluster.renew(link);
        }
        self.early = Early::after(trouble, link.number);
        if matches!(trouble, Trouble::OtherCluster) {
            self.wrong = self.wrong.max(link.number);
        }
    }

    /// Says that the kind is no more, once: what was deleted before is told first.
    async fn give_up(&mut self, changes: &mut Changes) -> Result<(), Problem> {
        if self.standing == Standing::Gone {
            return Ok(());
        }
        self.standing = Standing::Gone;
        let link = self.seen.borrow().link.clone();
        if let Some((mut told, link)) = self.told.take().zip(link) {
            let followed = told.followed.clone();
            let mut watch = Watch {
                cluster: self.cluster,
                link: &link,
                settings: self.settings,
                followed: &followed,
                told: &mut told,
                brought: Brought::Nothing,
                heard: String::new(),
            };
            watch.finish(changes).await?;
        }
        self.cluster.look_again();
        self.course.forget();
        let why = self
            .cluster
            .successor(self.scope)
            .map_or(Gone::Unsupported, Gone::ReplacedBy);
        changes.gone(why).await
    }

    fn ordered(&mut self, order: Order) {
        self.order = Some(order);
        self.course.ordered();
    }

    /// Waits for a while, for an order, or for what ends the wait before its time.
    async fn pause(&mut self, time: Duration, changes: &mut Changes) -> bool {
        let (early, scope) = (self.early, self.scope);
        let is_over = |view: &View| early.is_over(view, scope);
        let seen = &mut self.seen;
        let cut_short = async { seen.wait_for(is_over).await.is_ok() };
        let ordered = tokio::select! {
            biased;
            order = changes.order() => Some(order),
            () = sleep(time) => None,
            true = cut_short => None,
        };
        match ordered {
            Some(None) => return false,
            Some(Some(order)) => self.ordered(order),
            None => self.course.waited(),
        }
        true
    }
}

/// Any number: waits of many loops are to differ.
pub(crate) fn chance() -> u64 {
    RandomState::new().hash_one(0)
}
