//! The entries of what the host holds, each at a place that it keeps.
//!
//! They grow a block at a time, so that none but the first thousand is ever moved and little memory is touched twice while a
//! million are told.

use super::Entry;

/// Entries of one block.
const BLOCK: usize = 1024;

/// Entries by their number; a number whose entry is gone is free.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Each but the last is full.
    blocks: Vec<Vec<Option<Entry>>>,
}

impl Slots {
    /// The number that the next entry gets.
    pub(super) fn end(&self) -> u32 {
        let in_last = self.blocks.last().map_or(BLOCK, Vec::len);
        // Bounded by `ENTRIES`.
        u32::try_from(self.blocks.len() * BLOCK + in_last - BLOCK).unwrap_or(u32::MAX)
    }

    /// Adds an entry; returns its number.
    pub(super) fn push(&mut self, entry: Entry) -> u32 {
        let index = self.end();
        match self.blocks.last_mut().filter(|last| last.len() < BLOCK) {
            Some(last) => last.push(Some(entry)),
            None => {
                let mut block = Vec::with_capacity(if self.blocks.is_empty() { 1 } else { BLOCK });
                block.push(Some(entry));
                self.blocks.push(block);
            }
        }
        index
    }

    pub(super) fn get(&self, index: u32) -> Option<&Option<Entry>> {
        let index = index as usize;
        self.blocks.get(index / BLOCK)?.get(index % BLOCK)
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Option<Entry>> {
        let index = index as usize;
        self.blocks.get_mut(index / BLOCK)?.get_mut(index % BLOCK)
    }

    /// The entries that there are.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.blocks.iter().flatten().flatten()
    }

    /// The entries that there are, to change them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.blocks.iter_mut().flatten().flatten()
    }
}
