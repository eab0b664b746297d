//! The loop that watches one folder: orders of the host, signals of the system, and what the agenda says is due.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k1s_manifests::RelPath;
use k1s_source::{At, Changes, Code, Key, Order, Problem, Retry};
use tokio::task::spawn_blocking;
use tokio::time::sleep_until;

use super::agenda::{Agenda, Timing, Work};
use super::interest::Interest;
use super::look::{Knowledge, Look};
use super::lookout::{Lookout, Sender, Signal, Signals, signals};
use super::rivals::Rivals;
use super::told::Told;
use crate::config::{Settings, Watching};
use crate::memory::Memory;
use crate::page::Limits;
use crate::pipeline::Ground;
use crate::root::Root;
use crate::snapshot::{self, Listed};

/// How often everything is looked at where the system does not let us watch everything.
const LIMITED_POLL: Duration = Duration::from_secs(10);

/// Watches the folder at `path` until the host asks to stop.
///
/// # Errors
/// Fails when the session is over, or the system refuses what it must not.
pub(crate) async fn keep(path: &Path, settings: &Arc<Settings>, changes: &mut Changes) -> Result<(), Problem> {
    Vigil::new(path, settings).run(changes).await
}

/// How well the system tells of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    /// It does not, because it is not asked to.
    Unused,
    /// It is to be asked, again or for the first time, with the next listing.
    Wanted,
    /// It does.
    Good,
    /// It allows no more watches.
    Limited,
}

#[derive(Debug)]
struct Vigil<'a> {
    path: &'a Path,
    uri: String,
    settings: &'a Arc<Settings>,
    hearing: Hearing,
    lookout: Arc<Lookout>,
    sender: Sender,
    signals: Signals,
    knowledge: Knowledge,
    /// What made the root this root when it was last listed well.
    identity: Option<String>,
    has_said_limited: bool,
}

enum Step {
    List(Option<Order>),
    Hear(Signal),
    Act,
}

impl<'a> Vigil<'a> {
    fn new(path: &'a Path, settings: &'a Arc<Settings>) -> Self {
        let (sender, signals) = signals();
        let (hearing, poll) = match settings.watching {
            Watching::Notified => (Hearing::Wanted, None),
            Watching::Polled(interval) => (Hearing::Unused, Some(interval)),
            Watching::Off => (Hearing::Unused, None),
        };
        let timing = Timing {
            debounce: settings.debounce,
            settle: settings.delete_settle,
            poll,
        };
        Self {
            path,
            uri: format!("file://{}", path.display()),
            settings,
            hearing,
            lookout: Arc::new(Lookout::blind()),
            sender,
            signals,
            knowledge: Knowledge {
                agenda: Agenda::new(timing, settings.links),
                rivals: Rivals::default(),
                told: Told::default(),
                memory: Memory::default(),
            },
            identity: None,
            has_said_limited: false,
        }
    }

    async fn run(mut self, changes: &mut Changes) -> Result<(), Problem> {
        loop {
            let due = self.knowledge.agenda.next_timeout();
            let step = tokio::select! {
                biased;
                order = changes.order() => Step::List(order),
                signal = self.signals.next() => Step::Hear(signal),
                () = until(due) => Step::Act,
            };
            match step {
                Step::List(None) => return Ok(()),
                Step::List(Some(order)) => self.list(order, changes).await?,
                Step::Hear(signal) => self.hear(signal, changes).await?,
                Step::Act => self.act(changes).await?,
            }
        }
    }

    /// Takes one signal and all that wait behind it.
    async fn hear(&mut self, first: Signal, changes: &mut Changes) -> Result<(), Problem> {
        let now = Instant::now();
        let mut next = Some(first);
        while let Some(signal) = next {
            match signal {
                Signal::Changed(path) => self.knowledge.agenda.handle_change(path, now),
                Signal::Root | Signal::Lost => {
                    self.want_hearing();
                    self.knowledge.agenda.handle_loss(now);
                }
                Signal::Limited => self.limited(now, changes).await?,
            }
            next = self.signals.try_next();
        }
        Ok(())
    }

    fn want_hearing(&mut self) {
        match self.hearing {
            Hearing::Good | Hearing::Limited => self.hearing = Hearing::Wanted,
            Hearing::Unused | Hearing::Wanted => {}
        }
    }

    async fn limited(&mut self, now: Instant, changes: &mut Changes) -> Result<(), Problem> {
        self.hearing = Hearing::Limited;
        self.knowledge.agenda.set_poll(Some(LIMITED_POLL), now);
        if self.has_said_limited {
            return Ok(());
        }
        self.has_said_limited = true;
        let said = format!(
            "{}: the system allows no more watches, so changes are looked for every {LIMITED_POLL:?}; raise \
             fs.inotify.max_user_watches and fs.inotify.max_user_instances, or set `pollInterval`",
            self.path.display()
        );
        changes
            .report(&Problem::new(Code::Unavailable, said).retry(Retry::OnConfigChange))
            .await
    }

    async fn list(&mut self, order: Order, changes: &mut Changes) -> Result<(), Problem> {
        self.open_lookout().await?;
        let mut out = changes.begin(order);
        let listed = snapshot::list(
            self.path,
            self.settings,
            &self.knowledge.memory,
            &self.lookout,
            &mut out,
        )
        .await;
        let (listed, result) = match listed {
            Ok(listed) => (Ok(listed), Ok(())),
            Err(problem) => (Err(problem.code()), Err(problem)),
        };
        out.end(result).await?;
        let now = Instant::now();
        match listed {
            Ok(Listed {
                memory,
                identity,
                rivals,
                failed,
            }) => {
                self.identity = Some(identity);
                self.knowledge.memory = memory;
                self.knowledge.rivals = rivals;
                self.knowledge.told = Told::default();
                let failed = failed.iter().filter_map(|path| RelPath::new(path));
                failed.for_each(|path| self.knowledge.told.add(path));
                self.knowledge.agenda.handle_listed(now);
            }
            Err(Code::RootNotFound) => {
                self.want_hearing();
                self.knowledge.agenda.handle_root_gone(now);
            }
            // The host asks again.
            Err(_) => self.identity = None,
        }
        Ok(())
    }

    /// Asks the system for notifications where they are wanted, or were refused.
    async fn open_lookout(&mut self) -> Result<(), Problem> {
        match self.hearing {
            Hearing::Unused | Hearing::Good => return Ok(()),
            Hearing::Wanted | Hearing::Limited => {}
        }
        let (path, sender) = (self.path.to_owned(), self.sender.clone());
        self.lookout = Arc::new(spawn_blocking(move || Lookout::open(&path, &sender)).await?);
        self.hearing = Hearing::Good;
        self.knowledge.agenda.set_poll(None, Instant::now());
        Ok(())
    }

    async fn act(&mut self, changes: &mut Changes) -> Result<(), Problem> {
        match self.knowledge.agenda.take(Instant::now()) {
            None => Ok(()),
            Some(Work::Relist) => self.list(changes.relist(), changes).await,
            Some(Work::FindRoot) => {
                let path = self.path.to_owned();
                match spawn_blocking(move || Root::open(&path)).await? {
                    Ok(_) => self.list(changes.relist(), changes).await,
                    Err(_still_gone) => Ok(()),
                }
            }
            Some(Work::Look(interest)) => self.look(interest, changes).await.map(drop),
            Some(Work::Delete(interest)) => self.delete(interest, changes).await,
        }
    }

    /// Looks at a part of the tree; returns what it was looked at in, unless that is not the root any more.
    async fn look(&mut self, interest: Interest, changes: &mut Changes) -> Result<Option<Ground>, Problem> {
        let Some(identity) = &self.identity else {
            // The listing that is to come finds everything.
            self.knowledge.agenda.handle_listed(Instant::now());
            return Ok(None);
        };
        let now = Instant::now();
        let root = match snapshot::open(self.path).await {
            Ok((root, is_now)) if is_now == *identity => root,
            Ok(_) => {
                self.knowledge.agenda.handle_loss(now);
                return Ok(None);
            }
            Err(problem) => {
                self.want_hearing();
                self.knowledge.agenda.handle_root_gone(now);
                changes.report(&problem).await?;
                return Ok(None);
            }
        };
        let ground = Ground {
            root,
            settings: Arc::clone(self.settings),
            limits: Limits {
                file_bytes: self.settings.max_file_bytes,
                object: changes.limits(),
            },
            lookout: Arc::clone(&self.lookout),
        };
        let look = Look {
            ground: &ground,
            uri: &self.uri,
            knowledge: &mut self.knowledge,
            window: changes.window(),
            now,
        };
        look.run(interest).await?.send(None).await?;
        Ok(Some(ground))
    }

    /// Reads what is missing once more, and sends the deletes of what is still missing, if the root is still the root
    /// and nothing was heard meanwhile.
    async fn delete(&mut self, interest: Interest, changes: &mut Changes) -> Result<(), Problem> {
        let Some(Ground { root, .. }) = self.look(interest, changes).await? else {
            return Ok(());
        };
        let identity = self.identity.clone().unwrap_or_default();
        if spawn_blocking(move || root.confirm(&identity)).await?.is_err() {
            self.want_hearing();
            self.knowledge.agenda.handle_loss(Instant::now());
            return Ok(());
        }
        if let Some(signal) = self.signals.try_next() {
            self.hear(signal, changes).await?;
        }
        if !self.knowledge.agenda.is_quiet() {
            return Ok(());
        }
        let settled = self.knowledge.agenda.take_settled(Instant::now());
        self.send_deletes(settled, changes).await
    }

    async fn send_deletes(&self, settled: BTreeMap<Key, RelPath>, changes: &mut Changes) -> Result<(), Problem> {
        let mut window = changes.window();
        for (key, path) in settled {
            let at = At::path(path.as_str()).uri(self.uri.as_str());
            window.deleted(key, at, format!("{path} no longer declares it"));
        }
        window.send(None).await
    }
}

/// Waits until it is time. What is due already is not made to wait for the timer, which counts whole milliseconds.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) if due <= Instant::now() => {}
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
