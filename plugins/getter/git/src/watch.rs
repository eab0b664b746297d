//! Who is told how far an answer is.

/// Is told how far an answer is while it comes, on the task that reads it.
pub trait Watch: Send + Sync {
    /// So many bytes more came of a pack.
    fn came(&self, bytes: u64);

    /// So many objects of a pack are there, of those that it says it has.
    fn counted(&self, objects: u64, of: u64);
}

/// Nobody is told.
pub(crate) struct Nobody;

impl Watch for Nobody {
    fn came(&self, _: u64) {}

    fn counted(&self, _: u64, _: u64) {}
}
