//! The secret of one launch: 256 random bits, written as 64 hexadecimal digits.

use std::fmt;

const BYTES: usize = 32;

/// Names one launch so that nobody can guess it; the plugin echoes it in its handshake, the sweep finds leftovers by it.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// Draws a nonce from the system's generator; fails if that cannot be read.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Reads a nonce that was written before; `None` unless it is exactly 64 lower-case hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() == 2 * BYTES && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        well_formed.then(|| Self(text.to_owned()))
    }

    /// Shows the 64 hexadecimal digits, as passed in `K1S_SOURCE_NONCE`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Hides the digits: a nonce in a log would let any process of this user pass the handshake.
impl fmt::Debug for Nonce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Nonce(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_differ_and_are_read_back() {
        let (first, second) = (Nonce::random().unwrap(), Nonce::random().unwrap());
        assert_ne!(first, second);
        assert_eq!(Nonce::parse(first.as_str()), Some(first));
    }

    #[test]
    fn what_is_not_a_nonce_is_refused() {
        let digits = "0".repeat(64);
        assert!(Nonce::parse(&digits).is_some());
        for wrong in [
            "",
            &digits[1..],
            &format!("{digits}0"),
            &"A".repeat(64),
            &"g".repeat(64),
        ] {
            assert_eq!(Nonce::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn digits_do_not_show_in_debug() {
        assert_eq!(format!("{:?}", Nonce::random().unwrap()), "Nonce(..)");
    }
}
