//! Makes whole sessions out of random bytes: an honest source that keeps every rule, and what can happen to its words.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use bytes::Bytes;
use k1s_object::ContentHash;
use k1s_sync_engine::event::{Change, Event};
use k1s_sync_engine::id::{Generation, ScopeId, Seq};
use k1s_sync_engine::message::{
    Activity, Batch, Completeness, Mode, More, Progress, ScopeGone, SnapshotEnd, SourceMessage,
};
use k1s_sync_engine::problem::{Level, ProblemCode};
use k1s_sync_engine::session::{Capability, Settings};

use crate::cast::*;

/// One thing that happens to a session.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Message(SourceMessage),
    /// The oldest submitted work, if there is any, is durable.
    Commit(Surprise),
    Sync(ScopeId),
    Stop,
    StreamEnd,
}

/// What a receipt for a batch says beside that it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surprise {
    None,
    UnknownSeen,
    Refusal,
}

/// Whether the source keeps to the contract and its words arrive as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Honesty {
    Honest,
    Hostile,
}

/// Four bytes decide one step: what, of which scope, how, and with which flaw.
pub(crate) type Dice = [u8; 4];

const SCOPES: [&str; 3] = ["", "s", "t"];

pub(crate) fn settings(dice: Dice) -> Settings {
    let mode = [Mode::Full, Mode::Full, Mode::Once, Mode::Resume][usize::from(dice[0] % 4)];
    let all = able(mode);
    let kept = all.capabilities.iter().enumerate();
    let capabilities: BTreeSet<Capability> = kept
        .filter(|(bit, _)| dice[1] & (1 << bit) != 0 || dice[1] > 200)
        .map(|(_, capability)| *capability)
        .collect();
    let resumed = match mode {
        Mode::Resume if capabilities.contains(&Capability::Resume) => BTreeSet::from([scope("")]),
        Mode::Resume | Mode::Full | Mode::Once => BTreeSet::new(),
    };
    Settings {
        capabilities,
        resumed,
        hung_after: None,
        ..all
    }
}

#[derive(Clone, Debug, Default)]
struct Place {
    last: u64,
    open: Option<Vec<Event>>,
    may_live: bool,
    live: bool,
}

/// A source that knows the contract, and the wire on which its words travel.
#[derive(Debug)]
pub(crate) struct Actor<'a> {
    settings: &'a Settings,
    honesty: Honesty,
    places: BTreeMap<ScopeId, Place>,
    seq: u64,
    drained: bool,
    sent: Vec<SourceMessage>,
    delayed: Option<SourceMessage>,
    steps: Vec<Step>,
    /// What was done to the source's words, and what happened in bad moments.
    mishaps: BTreeSet<&'static str>,
}

/// A session that was made up.
#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) steps: Vec<Step>,
    pub(crate) mishaps: BTreeSet<&'static str>,
}

impl<'a> Actor<'a> {
    pub(crate) fn play(settings: &'a Settings, honesty: Honesty, dice: &[Dice]) -> Play {
        let resumed = settings.resumed.iter().map(|id| {
            let place = Place {
                may_live: true,
                ..Place::default()
            };
            (id.clone(), place)
        });
        let mut actor = Self {
            settings,
            honesty,
            places: resumed.collect(),
            seq: 0,
            drained: false,
            sent: vec![],
            delayed: None,
            steps: vec![],
            mishaps: BTreeSet::new(),
        };
        dice.iter().for_each(|dice| actor.roll(*dice));
        Play {
            steps: actor.steps,
            mishaps: actor.mishaps,
        }
    }

    /// Notes what happens where a listing is open, and where several are.
    fn note_moment(&mut self, inside: &'static str, between: &'static str) {
        let open = self.places.values().filter(|place| place.open.is_some()).count();
        self.mishaps.insert(if open > 0 { inside } else { between });
        if open > 1 {
            self.mishaps.insert("several listings are open");
        }
    }

    fn can(&self, capability: Capability) -> bool {
        self.settings.capabilities.contains(&capability)
    }

    fn roll(&mut self, [what, which, how, flaw]: Dice) {
        let scopes = if self.can(Capability::MultiScope) { 3 } else { 1 };
        let id = scope(SCOPES[usize::from(which) % scopes]);
        let surprise = match how % 16 {
            0 => Surprise::UnknownSeen,
            1 => Surprise::Refusal,
            _ => Surprise::None,
        };
        match what {
            0..=90 => self.work(&id, how, flaw),
            91..=100 => self.live(id, flaw),
            101..=106 => self.gone(id, how, flaw),
            107..=120 => self.beat(how, flaw),
            121..=130 => self.complain(id, how, flaw),
            131..=140 => self.aside(id, how, flaw),
            141..=144 => self.drain(flaw),
            145..=230 => self.steps.push(Step::Commit(surprise)),
            231..=238 => self.steps.push(Step::Sync(id)),
            239..=241 => {
                self.note_moment("stopped inside a listing", "stopped between listings");
                self.steps.push(Step::Stop);
            }
            242 => {
                self.note_moment("disconnected inside a listing", "disconnected between listings");
                self.steps.push(Step::StreamEnd);
            }
            243..=255 => self.replay(how),
        }
    }

    /// Begins, fills or ends a listing, or sends a change: whatever may come next in this scope.
    fn work(&mut self, id: &ScopeId, how: u8, flaw: u8) {
        let place = self.places.get(id).cloned().unwrap_or_default();
        match (&place.open, place.live, how % 4) {
            (Some(_), _, 0) => self.end(id, how, flaw),
            (Some(_), _, _) => self.batch(id, Some(place.last), how, flaw),
            (None, true, 2..) if self.can(Capability::Watch) => self.window(id, how, flaw),
            (None, true, 1..) if self.can(Capability::Watch) => self.batch(id, None, how, flaw),
            (None, _, _) => self.begin(id, how, flaw),
        }
    }

    fn begin(&mut self, id: &ScopeId, how: u8, flaw: u8) {
        if self.drained {
            return;
        }
        let place = self.places.entry(id.clone()).or_default();
        place.last += 1 + u64::from(how % 3);
        place.open = Some(vec![]);
        let mut message = begin(id.as_str(), place.last);
        if let (true, SourceMessage::SnapshotBegin { generation, .. }) = (self.is(flaw, 10), &mut message) {
            *generation = Generation::new(generation.get() - 1 - u64::from(how % 3));
        }
        self.send(message, flaw);
    }

    fn batch(&mut self, id: &ScopeId, generation: Option<u64>, how: u8, flaw: u8) {
        if self.drained {
            return;
        }
        let events: Vec<_> = (0..how / 4 % 5)
            .map(|index| self.event(how.wrapping_add(index * 37)))
            .collect();
        self.seq += 1;
        if let Some(open) = self.places.get_mut(id).and_then(|place| place.open.as_mut()) {
            open.extend(events.clone());
        }
        let mut batch = batch(self.seq, id.as_str(), generation, events);
        if generation.is_none() && how > 128 && self.can(Capability::Resume) {
            batch.token = Some(token("here"));
        }
        match flaw {
            _ if self.honesty == Honesty::Honest => {}
            10 => batch.seq = Seq::new(self.seq + 1),
            11 => batch.seq = Seq::new(self.seq - 1),
            12 => batch.generation = batch.generation.map_or(Some(Generation::new(1)), |_| None),
            13 => batch.generation = batch.generation.map(Generation::next),
            14 => batch.token = Some(token("there")),
            15 => batch.token = Some(token("too long a token")),
            16 => batch.events.extend((0..5).map(|_| ignored())),
            17 => batch
                .events
                .extend([upsert("a", &"x".repeat(20)), upsert("b", &"y".repeat(20))]),
            18 => batch.events = vec![upsert("a", &"x".repeat(60))],
            19 => batch.events.truncate(1),
            20 => batch.scope = scope("elsewhere"),
            21..=24 => batch.events.push(mislabelled()),
            25 => batch.events.push(seen("c")),
            _ => {}
        }
        self.send(SourceMessage::Batch(batch), flaw);
    }

    /// Deletes in several batches, which end with a batch of anything; in between are other words, receipts, and the end.
    fn window(&mut self, id: &ScopeId, how: u8, flaw: u8) {
        if self.drained {
            return;
        }
        let deletes = |count: u8| {
            (0..count)
                .map(|index| delete(["a", "b", "c"][usize::from(index) % 3]))
                .collect()
        };
        let batches = 1 + how / 4 % 3;
        if batches * 4 > 6 {
            self.mishaps.insert("more deletes than are judged as one");
        }
        for index in 0..batches {
            self.seq += 1;
            let mut batch = Batch {
                more: More::Follows,
                ..batch(self.seq, id.as_str(), None, deletes(4 - flaw % 3))
            };
            let middle = self.honesty == Honesty::Hostile && index + 1 == batches;
            match flaw {
                10 if middle => batch.token = Some(token("here")),
                11 if middle => batch.events = vec![upsert("a", "{}")],
                12 if middle => batch.scope = scope("elsewhere"),
                13 if middle => batch.generation = Some(Generation::new(1)),
                14..=63 if middle => self.interrupt(id, flaw),
                _ => {}
            }
            self.send(SourceMessage::Batch(batch), if middle { flaw } else { u8::MAX });
            match how / 16 % 8 {
                0 => self.steps.push(Step::Commit(Surprise::None)),
                1 => self.beat(how, u8::MAX),
                2 => self.complain(id.clone(), how, u8::MAX),
                3 => self.steps.push(Step::Sync(id.clone())),
                4..=6 if index + 1 == batches => {
                    self.mishaps.insert("disconnected inside a window");
                    self.steps.push(Step::StreamEnd);
                }
                _ => {}
            }
        }
        self.mishaps.insert("a window of several batches");
        self.batch(id, None, how, u8::MAX);
    }

    /// Says what may not be said inside a window.
    fn interrupt(&mut self, id: &ScopeId, flaw: u8) {
        self.mishaps.insert("something else inside a window");
        match flaw % 5 {
            0 => self.begin(id, 0, u8::MAX),
            1 => self.live(id.clone(), u8::MAX),
            2 => self.gone(id.clone(), 1, u8::MAX),
            3 => self.drain(u8::MAX),
            _ => self.aside(id.clone(), 1, u8::MAX),
        }
    }

    fn event(&self, how: u8) -> Event {
        let name = ["a", "b", "c"][usize::from(how) % 3];
        match how % 7 {
            0 => delete(name),
            1 if self.can(Capability::Seen) => seen(name),
            2 => ignored(),
            3 => failed(name),
            _ => upsert(name, ["{}", r#"{"a":1}"#][usize::from(how / 7) % 2]),
        }
    }

    fn end(&mut self, id: &ScopeId, how: u8, flaw: u8) {
        if self.drained {
            return;
        }
        let place = self.places.entry(id.clone()).or_default();
        let events = mem::take(&mut place.open).unwrap_or_default();
        place.may_live = true;
        let mut end = end_of(id.as_str(), place.last, &events);
        if how % 8 == 4 {
            end.completeness = Completeness::Incomplete(ProblemCode::Permission);
        }
        if how > 128 && self.can(Capability::Resume) {
            end.token = Some(token("end"));
        }
        match flaw {
            _ if self.honesty == Honesty::Honest => {}
            10..=13 => {
                self.mishaps.insert("a count too high");
                end.counts.upserts += 1;
            }
            14..=17 => {
                self.mishaps.insert("another digest");
                end.digest[3] ^= 1;
            }
            18 => end.generation = end.generation.next(),
            19 => end.token = Some(token("too long a token")),
            20 => end.scope = scope("elsewhere"),
            21 => {
                self.mishaps.insert("counts that add up, for other outcomes");
                (end.counts.seen, end.counts.ignored) = (end.counts.ignored, end.counts.seen);
            }
            22 => {
                end = SnapshotEnd {
                    token: Some(token("t")),
                    ..end
                }
            }
            _ => {}
        }
        self.send(SourceMessage::SnapshotEnd(end), flaw);
    }

    fn live(&mut self, id: ScopeId, flaw: u8) {
        let place = self.places.entry(id.clone()).or_default();
        let may = place.open.is_none() && place.may_live && !self.drained;
        if may || self.is(flaw, 10) {
            place_live(&mut self.places, &id);
            self.send(SourceMessage::Live { scope: id }, flaw);
        }
    }

    fn gone(&mut self, id: ScopeId, how: u8, flaw: u8) {
        if self.drained {
            return;
        }
        let reason = match (how % 3, self.is(flaw, 10)) {
            (_, true) => ScopeGone::ReplacedBy(id.clone()),
            (0, _) => ScopeGone::ReplacedBy(scope("successor")),
            (1, _) => ScopeGone::Deselected,
            (_, _) => ScopeGone::Unsupported,
        };
        if let Some(place) = self.places.get_mut(&id) {
            *place = Place {
                last: place.last,
                ..Place::default()
            };
        }
        self.send(SourceMessage::ScopeGone { scope: id, reason }, flaw);
    }

    fn beat(&mut self, how: u8, flaw: u8) {
        let activity = if how.is_multiple_of(2) {
            Activity::Waiting
        } else {
            Activity::Working
        };
        let counter = u64::from(how);
        self.send(SourceMessage::Heartbeat { counter, activity }, flaw);
    }

    fn complain(&mut self, id: ScopeId, how: u8, flaw: u8) {
        let (level, code) = match how % 4 {
            0 => (Level::Source, ProblemCode::Unavailable),
            1 => (Level::Scope(id), ProblemCode::RootNotFound),
            _ => (Level::Object, ProblemCode::DataInvalid),
        };
        self.send(SourceMessage::Problem(complaint(level, code)), flaw);
    }

    fn aside(&mut self, id: ScopeId, how: u8, flaw: u8) {
        let message = if how.is_multiple_of(2) {
            SourceMessage::Progress(Progress {
                scope: id,
                done: 1,
                total: None,
                bytes: 1,
                phase: "reading".to_owned(),
                rate_limited_until: None,
            })
        } else if self.drained {
            return;
        } else {
            SourceMessage::KindInfo(kind(["A", "B"][usize::from(how / 2) % 2]))
        };
        self.send(message, flaw);
    }

    fn drain(&mut self, flaw: u8) {
        if !self.drained {
            self.drained = true;
            let last = if self.is(flaw, 10) { self.seq + 1 } else { self.seq };
            self.send(drained(last), flaw);
        }
    }

    fn is(&self, flaw: u8, which: u8) -> bool {
        self.honesty == Honesty::Hostile && flaw == which
    }

    /// What was said once is said again, much too late.
    fn replay(&mut self, how: u8) {
        if self.honesty == Honesty::Hostile && !self.sent.is_empty() {
            self.mishaps.insert("late");
            let late = self.sent[usize::from(how) % self.sent.len()].clone();
            self.steps.push(Step::Message(late));
        }
    }

    /// Puts a message on a wire that, for a hostile source, loses, doubles and delays.
    fn send(&mut self, message: SourceMessage, flaw: u8) {
        self.sent.push(message.clone());
        match flaw {
            0..=1 if self.honesty == Honesty::Hostile => {
                self.mishaps.insert("lost");
            }
            2..=3 if self.honesty == Honesty::Hostile => {
                self.mishaps.insert("doubled");
                self.steps
                    .extend([Step::Message(message.clone()), Step::Message(message)]);
            }
            4..=6 if self.honesty == Honesty::Hostile && self.delayed.is_none() => {
                self.mishaps.insert("out of order");
                self.delayed = Some(message);
            }
            _ => {
                self.steps.push(Step::Message(message));
                self.steps.extend(self.delayed.take().map(Step::Message));
            }
        }
    }
}

fn place_live(places: &mut BTreeMap<ScopeId, Place>, id: &ScopeId) {
    if let Some(place) = places.get_mut(id) {
        place.live = true;
    }
}

fn mislabelled() -> Event {
    event(Change::Upsert {
        key: key("a"),
        object: Bytes::from_static(b"{}"),
        content_hash: ContentHash::of(b"{ }"),
    })
}
