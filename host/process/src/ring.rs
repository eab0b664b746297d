//! The last bytes of a child's output, kept for its crash report.

use std::collections::VecDeque;

/// How much of the end of a child's output is kept, in bytes, both streams together.
pub const LAST_OUTPUT_LIMIT: usize = 64 * 1024;

/// Keeps the newest [`LAST_OUTPUT_LIMIT`] bytes and forgets the oldest.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    bytes: VecDeque<u8>,
}

impl Ring {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(LAST_OUTPUT_LIMIT)..];
        let excess = (self.bytes.len() + bytes.len()).saturating_sub(LAST_OUTPUT_LIMIT);
        self.bytes.drain(..excess);
        self.bytes.extend(bytes);
    }

    pub(crate) fn to_vec(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn holds_exactly_the_last_bytes(pieces in prop::collection::vec((any::<u8>(), 0..100_000_usize), 0..6)) {
            let mut ring = Ring::default();
            let mut all = Vec::new();
            for (byte, length) in pieces {
                let piece = vec![byte; length];
                ring.push(&piece);
                all.extend_from_slice(&piece);
            }
            let expected = &all[all.len().saturating_sub(LAST_OUTPUT_LIMIT)..];
            prop_assert!(ring.to_vec() == expected);
        }
    }
}
