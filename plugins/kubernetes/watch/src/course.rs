//! What one scope does next, whatever happened: list, watch from where it was, wait, or rest because its kind is gone.
//!
//! A listing ends with a position, and a watch moves it; both break in many ways, and the table of what follows is here and
//! nowhere else.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::refusal::Verdict;

/// How long after the first refusal what is forbidden is asked again; twice as long after each further one.
const FIRST_PROBE: Duration = Duration::from_secs(30);
/// The longest time between two such questions, and how often a kind that is gone is asked for.
const LAST_PROBE: Duration = Duration::from_mins(10);
/// A watch that ended sooner and brought nothing failed.
const SHORT_WATCH: Duration = Duration::from_secs(1);

/// How a listing is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As initial events of a watch.
    Initial,
    /// In pages.
    Pages,
    /// All at once, because what the next page begins with is forgotten too soon.
    Whole,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// List, and then [`Course::listed`], [`Course::listing_refused`] or [`Course::listing_broke`].
    List(Way),
    /// Watch, with [`Course::advanced`] on the way, and then [`Course::watch_ended`],
    /// [`Course::watch_refused`], [`Course::watch_broke`] or [`Course::watch_unreadable`].
    Watch {
        /// The resource version behind which to begin.
        from: String,
    },
    /// Do nothing for so long, and then [`Course::waited`].
    Wait(Duration),
    /// Nothing for so long, because whoever asks may not; and then [`Course::waited`].
    Parked(Duration),
    /// Nothing for so long, because the kind is not served; and then [`Course::waited`].
    Gone(Duration),
}

/// Why a listing or a watch came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Refused(Verdict),
    Broken,
}

/// What one scope does next.
#[derive(Clone, Debug)]
pub struct Course {
    way: Way,
    /// Up to where everything was told, unless that is no longer good.
    position: Option<Position>,
    pause: Pause,
    backoff: Backoff,
    refusals: u32,
}

#[derive(Clone, Debug)]
struct Position {
    at: String,
    origin: Origin,
}

/// Where a position comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Stored,
    /// A listing, and no watch has worked since: that one cannot begin there is a failure.
    Listed,
    Watched,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    None,
    Wait(Duration),
    Parked(Duration),
    Gone,
}

impl Course {
    /// Begins with a listing.
    #[must_use]
    pub fn new(way: Way) -> Self {
        Self {
            way,
            position: None,
            pause: Pause::None,
            backoff: Backoff::default(),
            refusals: 0,
        }
    }

    /// Goes on from a stored resource version in place of the first listing.
    #[must_use]
    pub fn resumed(self, at: impl Into<String>) -> Self {
        Self {
            position: Some(Position {
                at: at.into(),
                origin: Origin::Stored,
            }),
            ..self
        }
    }

    /// Returns what to do now.
    #[must_use]
    pub fn next(&self) -> Next {
        match (self.pause, &self.position) {
            (Pause::Wait(time), _) => Next::Wait(time),
            (Pause::Parked(time), _) => Next::Parked(time),
            (Pause::Gone, _) => Next::Gone(LAST_PROBE),
            (Pause::None, Some(Position { at, .. })) => Next::Watch { from: at.clone() },
            (Pause::None, None) => Next::List(self.way),
        }
    }

    /// Returns how often it failed since it last worked.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    /// Takes an order to list, whatever it is doing.
    pub fn ordered(&mut self) {
        self.position = None;
        self.pause = Pause::None;
    }

    /// Forgets how far it has come: what it follows is no more, and is listed should it be back.
    pub fn forget(&mut self) {
        self.position = None;
    }

    /// Notes that the time to wait has passed, or that there is reason not to wait for the rest of it.
    pub fn waited(&mut self) {
        self.pause = Pause::None;
    }

    /// Notes a complete listing, which holds as of a resource version.
    pub fn listed(&mut self, at: impl Into<String>) {
        self.refusals = 0;
        self.pause = Pause::None;
        if self.way == Way::Whole {
            self.way = Way::Pages;
        }
        self.position = Some(Position {
            at: at.into(),
            origin: Origin::Listed,
        });
    }

    /// Notes a listing that the server refused; `chance` is any number.
    pub fn listing_refused(&mut self, verdict: Verdict, chance: u64) {
        match (verdict, self.way) {
            (Verdict::NotUnderstood, Way::Initial) => self.way = Way::Pages,
            (Verdict::Expired, Way::Pages) => self.way = Way::Whole,
            (_, Way::Initial | Way::Pages | Way::Whole) => self.fails(Cause::Refused(verdict), chance),
        }
    }

    /// Notes a listing that broke; `chance` is any number. A server that does not know initial events may never end them.
    pub fn listing_broke(&mut self, chance: u64) {
        if self.way == Way::Initial {
            self.way = Way::Pages;
        }
        self.fails(Cause::Broken, chance);
    }

    /// Notes how far everything was told.
    pub fn advanced(&mut self, at: &str) {
        if let Some(position) = &mut self.position {
            at.clone_into(&mut position.at);
            position.origin = Origin::Watched;
        }
    }

    /// Notes the ordinary end of a watch that lasted so long; `chance` is any number.
    pub fn watch_ended(&mut self, lasted: Duration, brought: Brought, chance: u64) {
        match brought {
            Brought::Nothing if lasted < SHORT_WATCH => self.fails(Cause::Broken, chance),
            Brought::Nothing | Brought::Something => self.works(),
        }
    }

    /// Notes a watch that the server refused, at once or in the middle; `chance` is any number.
    pub fn watch_refused(&mut self, verdict: Verdict, chance: u64) {
        match verdict {
            Verdict::Expired | Verdict::NotUnderstood => {
                if self
                    .position
                    .take()
                    .is_some_and(|position| position.origin == Origin::Listed)
                {
                    self.fails(Cause::Refused(verdict), chance);
                }
            }
            Verdict::Ahead => {
                self.position = None;
                self.fails(Cause::Refused(verdict), chance);
            }
            Verdict::Unauthorized | Verdict::Forbidden | Verdict::NotServed | Verdict::Busy(_) | Verdict::Failing => {
                self.fails(Cause::Refused(verdict), chance)
            }
        }
    }

    /// Notes a watch that broke after it brought something or nothing; `chance` is any number.
    pub fn watch_broke(&mut self, brought: Brought, chance: u64) {
        match brought {
            Brought::Something => self.works(),
            Brought::Nothing => {}
        }
        self.fails(Cause::Broken, chance);
    }

    /// Notes a watch that brought what cannot be read: going on there would bring it again. `chance` is any number.
    pub fn watch_unreadable(&mut self, chance: u64) {
        self.position = None;
        self.fails(Cause::Broken, chance);
    }

    fn works(&mut self) {
        if let Some(position) = &mut self.position {
            position.origin = Origin::Watched;
        }
        self.backoff.succeeded();
        self.refusals = 0;
        self.pause = Pause::None;
    }

    fn fails(&mut self, cause: Cause, chance: u64) {
        self.pause = match cause {
            Cause::Refused(Verdict::Forbidden) => {
                let time = FIRST_PROBE.saturating_mul(1 << self.refusals.min(16)).min(LAST_PROBE);
                self.refusals = self.refusals.saturating_add(1);
                Pause::Parked(time)
            }
            Cause::Refused(Verdict::NotServed) => Pause::Gone,
            Cause::Refused(Verdict::Busy(at_least)) => Pause::Wait(self.backoff.failed(chance, at_least)),
            Cause::Broken
            | Cause::Refused(
                Verdict::Expired | Verdict::Ahead | Verdict::Unauthorized | Verdict::NotUnderstood | Verdict::Failing,
            ) => Pause::Wait(self.backoff.failed(chance, None)),
        };
    }
}

/// Whether a watch brought an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brought {
    /// It did not.
    Nothing,
    /// It did.
    Something,
}

#[cfg(test)]
mod tests;
