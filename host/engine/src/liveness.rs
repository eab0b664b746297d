//! The clock that tells a source at work from one that hangs.
//!
//! It runs only while the source says that it works and the host holds nothing of it that is not committed: a slow
//! host is no fault of the source. A rate limit that the source announced stops it until that time.

use std::time::Duration;

use crate::id::Moment;
use crate::message::Activity;

/// Who is to move next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The source, since then.
    Source(Moment),
    /// The host: it holds data of the source that is not durable yet.
    Host,
}

/// The liveness clock of one session.
#[derive(Clone, Debug)]
pub struct Liveness {
    hung_after: Option<Duration>,
    activity: Activity,
    turn: Turn,
    limited_until: Option<Moment>,
    /// The largest counter of a heartbeat so far.
    counter: Option<u64>,
}

impl Liveness {
    /// Starts the clock. A source counts as working until it says otherwise; without `hung_after` the clock never runs,
    /// as for a source under a debugger.
    #[must_use]
    pub fn new(hung_after: Option<Duration>, now: Moment) -> Self {
        Self {
            hung_after,
            activity: Activity::Working,
            turn: Turn::Source(now),
            limited_until: None,
            counter: None,
        }
    }

    /// The source said something that only its work loop says.
    pub fn handle_sign(&mut self, now: Moment) {
        match self.turn {
            Turn::Source(_) => self.turn = Turn::Source(now),
            Turn::Host => {}
        }
    }

    /// A heartbeat. It is a sign of life when the counter grew or the activity changed: a loop that spins in one place
    /// beats without getting anywhere.
    pub fn handle_heartbeat(&mut self, counter: u64, activity: Activity, now: Moment) {
        if self.counter.is_none_or(|largest| counter > largest) {
            self.counter = Some(counter);
            self.handle_sign(now);
        }
        if self.activity != activity {
            self.activity = activity;
            self.handle_sign(now);
        }
    }

    /// The place asked the source to wait until then.
    pub fn handle_rate_limit(&mut self, until: Moment) {
        self.limited_until = Some(until);
    }

    /// The host took data of the source that is not durable yet.
    pub fn handle_taken(&mut self) {
        self.turn = Turn::Host;
    }

    /// Everything the host took is durable.
    pub fn handle_settled(&mut self, now: Moment) {
        self.turn = Turn::Source(now);
    }

    /// When the source will count as hung; `None` while the clock stands still.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let (Activity::Working, Turn::Source(since)) = (self.activity, self.turn) else {
            return None;
        };
        let from = self.limited_until.map_or(since, |until| until.max(since));
        self.hung_after.map(|span| from.plus(span))
    }

    /// Whether the source hangs.
    #[must_use]
    pub fn is_hung(&self, now: Moment) -> bool {
        self.deadline().is_some_and(|deadline| now >= deadline)
    }
}
