//! From the engine's messages to the wire's.

use k1s_object::DeclaredKey;
use k1s_source_proto::v1;
use k1s_source_proto::v1::host_message::Message;
use k1s_sync_engine::message::{HostMessage, KnownObject, Mode, More, Refusal, SyncReason};

use super::words;

/// Translates a message of the session's stream.
pub(crate) fn host_message(message: HostMessage) -> v1::HostMessage {
    let message = match message {
        HostMessage::Begin(mode) => Message::Begin(v1::Begin {
            mode: begin_mode(mode).into(),
            traceparent: String::new(),
        }),
        HostMessage::Known { scope, objects, more } => Message::Known(v1::Known {
            scope: scope.as_str().to_owned(),
            objects: objects.into_iter().map(known_object).collect(),
            last: more == More::Last,
        }),
        HostMessage::Resume { scope, token } => Message::Resume(v1::Resume {
            scope: scope.as_str().to_owned(),
            token: token.as_bytes().clone(),
        }),
        HostMessage::Ready => Message::Ready(v1::Ready {}),
        HostMessage::Ack(seq) => Message::Ack(v1::Ack { through_seq: seq.get() }),
        HostMessage::Nack { seq, refusals } => Message::Nack(v1::Nack {
            seq: seq.get(),
            refusals: refusals.into_iter().map(refusal).collect(),
        }),
    };
    v1::HostMessage { message: Some(message) }
}

/// Translates the reason of a `Sync` call.
pub(crate) fn sync_reason(reason: SyncReason) -> v1::sync_request::Reason {
    match reason {
        SyncReason::Requested => v1::sync_request::Reason::Requested,
        SyncReason::Interval => v1::sync_request::Reason::Interval,
        SyncReason::ForgetKnown => v1::sync_request::Reason::ForgetKnown,
        SyncReason::Verify => v1::sync_request::Reason::Verify,
    }
}

fn begin_mode(mode: Mode) -> v1::begin::Mode {
    match mode {
        Mode::Full => v1::begin::Mode::Full,
        Mode::Resume => v1::begin::Mode::Resume,
        Mode::Once => v1::begin::Mode::Once,
    }
}

fn known_object(known: KnownObject) -> v1::KnownObject {
    v1::KnownObject {
        key: Some(key(known.key)),
        source_version: known.source_version.into(),
        path: known.path.into(),
    }
}

fn refusal(refusal: Refusal) -> v1::Refusal {
    v1::Refusal {
        event: refusal.event,
        code: words::wire_problem_code(refusal.code),
        message: refusal.message,
    }
}

fn key(key: DeclaredKey) -> v1::Key {
    v1::Key {
        group: key.group_kind.group.into(),
        kind: key.group_kind.kind.into(),
        namespace: key.namespace.into(),
        name: key.name.into(),
    }
}
