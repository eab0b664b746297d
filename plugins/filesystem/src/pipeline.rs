//! The way of a tree's files through three stages that run at once: the walk, which looks at names and stamps; a
//! decision, which the caller takes for each file; and the readers, which read and parse whole pages.
//!
//! What comes out is in the order of paths. What is in flight is bounded by [`FLIGHT_BYTES`] of files and
//! [`FLIGHT_PAGES`] for each core. Dropping it ends all stages after the page they are at.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::thread;

use k1s_manifests::RelPath;
use k1s_source::Problem;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::config::Settings;
use crate::fault::Fault;
use crate::page::{self, Limits, Outcome, Pages, Task};
use crate::root::Root;
use crate::walk::{Found, Walk};
use crate::watch::{Interest, Lookout};

/// How many bytes of files are read ahead of what is taken out.
const FLIGHT_BYTES: u64 = 16 << 20;
/// How many pages are read ahead of what is taken out, for each core.
const FLIGHT_PAGES: usize = 2;
/// How many cores there are; asking the system takes longer than reading a file.
static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));
/// How many pages the walk is ahead of the readers.
const WALKED_PAGES: usize = 8;

/// What a tree is read from, and by which rules.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) root: Arc<Root>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) limits: Limits,
    pub(crate) lookout: Arc<Lookout>,
}

/// A tree on its way.
#[derive(Debug)]
pub(crate) struct Pipeline {
    root: Arc<Root>,
    limits: Limits,
    pages: mpsc::Receiver<Vec<Found>>,
    flights: VecDeque<Flight>,
    most_flights: usize,
    /// Taken when the walk has been found to have ended.
    walking: Option<JoinHandle<Result<(), Fault>>>,
}

/// A page that was read.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) outcomes: Vec<(RelPath, Outcome)>,
    /// How many bytes were read.
    pub(crate) bytes: u64,
}

#[derive(Debug)]
struct Flight {
    stage: Stage,
    bytes: u64,
}

/// How far a page is.
#[derive(Debug)]
enum Stage {
    Reading(JoinHandle<Vec<(RelPath, Outcome)>>),
    /// Nothing of it had to be read.
    Done(Vec<(RelPath, Outcome)>),
}

impl Pipeline {
    /// Begins the walk to what is of `interest`.
    pub(crate) fn start(ground: &Ground, interest: Interest) -> Self {
        let (pages, walked) = mpsc::channel(WALKED_PAGES);
        let walked_ground = ground.clone();
        let walking = spawn_blocking(move || {
            let Ground {
                root,
                settings,
                lookout,
                ..
            } = &walked_ground;
            for page in Pages::of(Walk::new(root, settings, &interest, lookout)?) {
                if pages.blocking_send(page).is_err() {
                    // The pipeline was dropped.
                    break;
                }
            }
            Ok(())
        });
        Self {
            root: Arc::clone(&ground.root),
            limits: ground.limits,
            pages: walked,
            flights: VecDeque::new(),
            most_flights: FLIGHT_PAGES * *CORES,
            walking: Some(walking),
        }
    }

    /// Returns the next page, or none after the last. `decide` says what is to be done with what the walk found, one task
    /// for each thing, in their order.
    ///
    /// # Errors
    /// Fails if the root itself cannot be listed.
    pub(crate) async fn next(
        &mut self,
        decide: impl Fn(Vec<Found>) -> Vec<(RelPath, Task)>,
    ) -> Result<Option<Landed>, Problem> {
        while self.has_room()
            && let Some(page) = self.pages.recv().await
        {
            let flight = self.read(decide(page));
            self.flights.push_back(flight);
        }
        if let Some(Flight { stage, bytes }) = self.flights.pop_front() {
            let outcomes = match stage {
                Stage::Reading(reading) => reading.await?,
                Stage::Done(outcomes) => outcomes,
            };
            return Ok(Some(Landed { outcomes, bytes }));
        }
        match self.walking.take() {
            Some(walking) => walking.await?.map(|()| None).map_err(|fault| fault.problem()),
            None => Ok(None),
        }
    }

    fn has_room(&self) -> bool {
        let bytes: u64 = self.flights.iter().map(|flight| flight.bytes).sum();
        self.flights.is_empty() || (self.flights.len() < self.most_flights && bytes < FLIGHT_BYTES)
    }

    fn read(&self, tasks: Vec<(RelPath, Task)>) -> Flight {
        let size = |task: &Task| match task {
            Task::Read { candidate, .. } => candidate.size.min(self.limits.file_bytes),
            Task::Report(_) | Task::Unchanged { .. } | Task::Barren(_) => 0,
        };
        let bytes = tasks.iter().map(|(_, task)| size(task)).sum();
        let (root, limits) = (Arc::clone(&self.root), self.limits);
        let stage = if page::is_idle(&tasks) {
            Stage::Done(page::work(&root, tasks, &limits))
        } else {
            Stage::Reading(spawn_blocking(move || page::work(&root, tasks, &limits)))
        };
        Flight { stage, bytes }
    }
}
