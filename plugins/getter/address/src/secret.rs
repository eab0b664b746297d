//! Values that are never printed.

use std::fmt;

/// A value that may be secret: it can be used, and not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes over a value.
    pub fn new(value: &str) -> Self {
        Self(value.into())
    }

    /// Returns the value, for its one use.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
