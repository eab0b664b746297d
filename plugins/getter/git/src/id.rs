//! Names of objects.

use std::fmt;

/// The name of an object: its SHA-1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; ObjectId::BYTES]);

impl ObjectId {
    /// The length in bytes.
    pub const BYTES: usize = 20;

    /// Reads 40 hexadecimal digits; anything else is `None`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != 2 * Self::BYTES {
            return None;
        }
        let mut bytes = [0; Self::BYTES];
        for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let [high, low] = digits else { return None };
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }

    /// Takes the bytes of a name; another number of them than 20 is `None`.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Takes a sum that was made here.
    pub(crate) fn of_sum(sum: [u8; Self::BYTES]) -> Self {
        Self(sum)
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_and_shown() {
        let text = "0123456789abcdef0123456789ABCDEF01234567";
        let id = ObjectId::parse(text.as_bytes()).unwrap();
        assert_eq!(id.to_string(), text.to_lowercase());
        assert_eq!(ObjectId::from_bytes(id.as_bytes()), Some(id));
        for wrong in ["", "0123", &text[1..], &format!("{text}0"), &text.replace('0', "g")] {
            assert_eq!(ObjectId::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
