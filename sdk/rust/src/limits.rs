//! The limits of one session: those of the contract, lowered by the handshake.

use k1s_source_proto::{limits, v1};

use crate::ObjectLimits;

/// Room in a message for what surrounds its largest part, in bytes.
const ENVELOPE_BYTES: usize = 64 * 1024;

/// The limits of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionLimits {
    pub(crate) batch_events: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) token_bytes: usize,
    pub(crate) object: ObjectLimits,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self::lowered(&v1::Limits::default())
    }
}

impl SessionLimits {
    /// Takes from `wanted` what is lower than the contract; 0 keeps the contract's.
    pub(crate) fn lowered(wanted: &v1::Limits) -> Self {
        let lower = |limit: usize, wanted: u32| match usize::try_from(wanted) {
            Ok(0) | Err(_) => limit,
            Ok(wanted) => limit.min(wanted),
        };
        let message = lower(limits::MESSAGE_BYTES, wanted.max_message_bytes);
        let room = message.saturating_sub(ENVELOPE_BYTES).max(message / 2);
        Self {
            batch_events: lower(limits::BATCH_EVENTS, wanted.max_batch_events),
            batch_bytes: lower(limits::BATCH_BYTES, wanted.max_batch_bytes).min(room),
            token_bytes: lower(limits::TOKEN_BYTES, wanted.max_token_bytes),
            object: ObjectLimits {
                bytes: lower(limits::OBJECT_BYTES, wanted.max_object_bytes).min(room),
                depth: limits::OBJECT_DEPTH,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_lowers_and_never_raises() {
        let contract = SessionLimits::default();
        assert_eq!(contract.batch_events, limits::BATCH_EVENTS);
        assert_eq!(contract.batch_bytes, limits::BATCH_BYTES);
        assert_eq!(contract.object, ObjectLimits::default());
        let raised = v1::Limits {
            max_batch_events: 9999,
            max_object_bytes: u32::MAX,
            ..Default::default()
        };
        assert_eq!(SessionLimits::lowered(&raised), contract);
        let lowered = v1::Limits {
            max_batch_events: 7,
            max_message_bytes: 100_000,
            ..Default::default()
        };
        let limits = SessionLimits::lowered(&lowered);
        assert_eq!(
            (limits.batch_events, limits.batch_bytes, limits.object.bytes),
            (7, 50_000, 50_000)
        );
    }
}
