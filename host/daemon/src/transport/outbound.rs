//! From the engine's messages to the wire's.

use k1s_source_proto::v1;
use k1s_source_proto::v1::host_message::Message;
use k1s_sync_engine::message::{HostMessage, Mode, Refusal, SyncReason};

use super::words;

/// Translates a message of the session's stream.
pub(crate) fn host_message(message: HostMessage) -> v1::HostMessage {
    let message = match message {
        HostMessage::Begin(mode) => Message::Begin(v1::Begin {
            mode: begin_mode(mode).into(),
            traceparent: String::new(),
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

fn refusal(refusal: Refusal) -> v1::Refusal {
    v1::Refusal {
        event: refusal.event,
        code: words::wire_problem_code(refusal.code),
        message: refusal.message,
    }
}
