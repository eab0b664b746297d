//! From what the scopes say to the messages of the session: sequence, batches, digests and heartbeats.
//!
//! Pure: time comes in. Counts and digest are taken here, where events get their place on the wire, so that a
//! `SnapshotEnd` cannot say anything else than what was sent.

use std::collections::BTreeMap;
use std::time::Instant;

use k1s_source_proto::v1::{self, event::Change, heartbeat::State, source_message::Message};
use k1s_source_proto::{SnapshotDigest, limits};
use prost::bytes::Bytes;

use crate::limits::SessionLimits;
use crate::outlet::{Item, Measured, What};
use crate::{Code, Scope};

/// Bytes that the frame of an event adds in its batch: one tag and a length of at most 5.
const EVENT_FRAME_BYTES: usize = 6;

/// How many bytes of events end a batch of a listing, though it may hold more. A listing has so many that memory counts: the
/// buffers of such a batch are kept by the allocator and stay in a cache, those of one many times larger are mapped anew
/// each time and come from main memory at each step of their way.
const LISTED_BYTES: usize = 64 * 1024;

/// Makes messages of items.
#[derive(Debug)]
pub(crate) struct Batcher {
    limits: SessionLimits,
    lanes: BTreeMap<Scope, Lane>,
    seq: u64,
    pulse: Pulse,
    ready: Vec<Message>,
}

/// One scope's events on their way.
#[derive(Debug, Default)]
struct Lane {
    open: Option<Generation>,
    events: Vec<v1::Event>,
    bytes: usize,
    /// How many events the last batch had: the next one of a listing will have about as many.
    usual: usize,
    /// When the events must go, if there are any.
    due: Option<Instant>,
    sent: Option<Instant>,
    is_working: bool,
}

#[derive(Debug)]
struct Generation {
    number: u64,
    digest: SnapshotDigest,
}

#[derive(Debug)]
struct Pulse {
    counter: u64,
    /// The last state said, and when.
    said: Option<(State, Instant)>,
}

/// Whether deletes follow a batch that are to be judged with its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum More {
    Follows,
    None,
}

impl Batcher {
    pub(crate) fn new(limits: SessionLimits) -> Self {
        let pulse = Pulse { counter: 0, said: None };
        Self {
            limits,
            lanes: BTreeMap::new(),
            seq: 0,
            pulse,
            ready: Vec::new(),
        }
    }

    /// Takes one item in.
    pub(crate) fn accept(&mut self, item: Item, now: Instant) {
        let Item {
            scope,
            what,
            room: _room,
        } = item;
        self.pulse.counter += 1;
        self.lanes.entry(scope.clone()).or_default().is_working = !matches!(what, What::Waiting);
        match what {
            What::Begin(begin) => self.begin(&scope, *begin, now),
            What::Events(events) => self.events(&scope, events, now),
            What::Together { deletes, token } => self.together(&scope, deletes, token, now),
            What::Token(token) => self.flush(&scope, Some(token), now),
            What::End {
                outcome,
                token,
                empty_is_intentional,
            } => {
                self.end(&scope, outcome, token, empty_is_intentional, now);
            }
            What::Abandon(code) => self.end(&scope, Err(code), None, false, now),
            What::Message(message) => {
                if !matches!(message, Message::Progress(_)) {
                    self.flush(&scope, None, now);
                }
                self.ready.push(message);
            }
            What::Working => {}
            What::Waiting => self.flush(&scope, None, now),
        }
        self.beat(now);
    }

    /// Returns when the next batch is due, if events wait.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.lanes.values().filter_map(|lane| lane.due).min()
    }

    /// Flushes every batch whose time has come.
    pub(crate) fn tick(&mut self, now: Instant) {
        let due: Vec<Scope> = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.due.is_some_and(|due| due <= now))
            .map(|(scope, _)| scope.clone())
            .collect();
        due.iter().for_each(|scope| self.flush(scope, None, now));
    }

    /// Flushes everything, ends what is open as incomplete, and says that nothing follows.
    pub(crate) fn finish(&mut self, now: Instant) {
        let scopes: Vec<Scope> = self.lanes.keys().cloned().collect();
        for scope in scopes {
            self.flush(&scope, None, now);
            self.end(&scope, Err(Code::Partial), None, false, now);
        }
        self.ready.push(Message::Drained(v1::Drained { last_seq: self.seq }));
    }

    /// Takes what is ready to be sent, in order.
    pub(crate) fn take_ready(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.ready)
    }

    /// Makes the heartbeat of a source that has to wait for the host.
    pub(crate) fn held_up(&mut self, now: Instant) -> Message {
        self.pulse.said = Some((State::Waiting, now));
        self.heartbeat(State::Waiting)
    }

    fn begin(&mut self, scope: &Scope, begin: v1::SnapshotBegin, now: Instant) {
        self.flush(scope, None, now);
        self.end(scope, Err(Code::Internal), None, false, now);
        let generation = Generation {
            number: begin.generation,
            digest: SnapshotDigest::new(),
        };
        self.lane(scope).open = Some(generation);
        self.ready.push(Message::SnapshotBegin(begin));
    }

    fn events(&mut self, scope: &Scope, events: Vec<Measured>, now: Instant) {
        let limits = self.limits;
        let Self { lanes, seq, ready, .. } = self;
        let lane = lanes.entry(scope.clone()).or_default();
        for Measured { event, bytes } in events {
            let bytes = bytes + EVENT_FRAME_BYTES;
            if !lane.events.is_empty() && lane.bytes + bytes > limits.batch_bytes {
                ready.extend(lane.batch(scope, None, More::None, seq, now));
            }
            if let Some(open) = &mut lane.open {
                count(&mut open.digest, &event);
                if lane.events.is_empty() {
                    lane.events.reserve(lane.usual);
                }
            }
            lane.events.push(event);
            lane.bytes += bytes;
            let rested = lane
                .sent
                .is_none_or(|sent| now.saturating_duration_since(sent) >= limits::LINGER);
            lane.due.get_or_insert(if rested { now } else { now + limits::LINGER });
            let enough = match lane.open {
                Some(_) => LISTED_BYTES.min(limits.batch_bytes),
                None => limits.batch_bytes,
            };
            if lane.events.len() >= limits.batch_events || lane.bytes >= enough {
                ready.extend(lane.batch(scope, None, More::None, seq, now));
            }
        }
    }

    /// Makes batches of deletes that the host judges as one, with nothing between them.
    fn together(&mut self, scope: &Scope, deletes: Vec<Measured>, token: Option<Bytes>, now: Instant) {
        self.flush(scope, None, now);
        let limits = self.limits;
        let Self { lanes, seq, ready, .. } = self;
        let lane = lanes.entry(scope.clone()).or_default();
        for Measured { event, bytes } in deletes {
            let bytes = bytes + EVENT_FRAME_BYTES;
            let is_full = lane.events.len() >= limits.batch_events || lane.bytes + bytes > limits.batch_bytes;
            if is_full && !lane.events.is_empty() {
                ready.extend(lane.batch(scope, None, More::Follows, seq, now));
            }
            lane.events.push(event);
            lane.bytes += bytes;
        }
        ready.extend(lane.batch(scope, token, More::None, seq, now));
    }

    fn flush(&mut self, scope: &Scope, token: Option<Bytes>, now: Instant) {
        let Self { lanes, seq, ready, .. } = self;
        let lane = lanes.entry(scope.clone()).or_default();
        ready.extend(lane.batch(scope, token, More::None, seq, now));
    }

    fn end(
        &mut self,
        scope: &Scope,
        outcome: Result<(), Code>,
        token: Option<Bytes>,
        empty_is_intentional: bool,
        now: Instant,
    ) {
        self.flush(scope, None, now);
        let Some(Generation { number, digest }) = self.lane(scope).open.take() else {
            return;
        };
        let (outcome, code) = match outcome {
            Ok(()) => (v1::snapshot_end::Outcome::Complete, v1::ProblemCode::Unspecified),
            Err(code) => (v1::snapshot_end::Outcome::Incomplete, code.to_wire()),
        };
        self.ready.push(Message::SnapshotEnd(v1::SnapshotEnd {
            scope: scope.id().to_owned(),
            generation: number,
            outcome: outcome.into(),
            code: code.into(),
            counts: Some(digest.counts()),
            digest: Bytes::copy_from_slice(&digest.finish()),
            token,
            empty_is_intentional,
        }));
    }

    fn lane(&mut self, scope: &Scope) -> &mut Lane {
        self.lanes.entry(scope.clone()).or_default()
    }

    /// Says what the work loops do when that changed, and that they still do it every now and then.
    fn beat(&mut self, now: Instant) {
        let state = match self.lanes.values().any(|lane| lane.is_working) {
            true => State::Working,
            false => State::Waiting,
        };
        let is_news = self
            .pulse
            .said
            .is_none_or(|(said, at)| said != state || now.saturating_duration_since(at) >= limits::HEARTBEAT / 2);
        if is_news {
            self.pulse.said = Some((state, now));
            let heartbeat = self.heartbeat(state);
            self.ready.push(heartbeat);
        }
    }

    fn heartbeat(&self, state: State) -> Message {
        Message::Heartbeat(v1::Heartbeat {
            counter: self.pulse.counter,
            state: state.into(),
        })
    }
}

impl Lane {
    /// Makes a batch of what waits, if there is anything to say.
    fn batch(
        &mut self,
        scope: &Scope,
        token: Option<Bytes>,
        more: More,
        seq: &mut u64,
        now: Instant,
    ) -> Option<Message> {
        if self.events.is_empty() && token.is_none() {
            return None;
        }
        let events = std::mem::take(&mut self.events);
        self.usual = events.len();
        self.bytes = 0;
        self.due = None;
        self.sent = Some(now);
        *seq += 1;
        Some(Message::Batch(v1::Batch {
            seq: *seq,
            scope: scope.id().to_owned(),
            generation: self.open.as_ref().map(|open| open.number),
            events,
            token,
            more: more == More::Follows,
        }))
    }
}

fn count(digest: &mut SnapshotDigest, event: &v1::Event) {
    let key = event.key.as_ref();
    let nothing = v1::Key::default();
    match &event.change {
        Some(Change::Upsert(upsert)) => {
            let hash = upsert.content_hash.as_ref().try_into().unwrap_or_default();
            digest.upsert(key.unwrap_or(&nothing), &hash);
        }
        Some(Change::Delete(_)) => digest.delete(key.unwrap_or(&nothing)),
        Some(Change::Seen(_)) => digest.seen(key.unwrap_or(&nothing), &event.source_version),
        Some(Change::Ignored(_)) => digest.ignored(key),
        Some(Change::Failed(_)) => digest.failed(key),
        None => {}
    }
}

#[cfg(test)]
mod tests;
