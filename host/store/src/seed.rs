//! The secret of one start of a host on which hashes in memory depend.

use std::fmt;

/// Drawn at each start and told to nobody, so that no source can make two keys, or two things that it says, have one hash.
#[derive(Clone, Copy)]
pub(crate) struct Seed(u64);

impl Seed {
    pub(crate) const fn new(drawn: u64) -> Self {
        Self(drawn)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

/// Without the number: it is a secret.
impl fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seed")
    }
}
