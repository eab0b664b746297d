//! One pack of many: each fetch brings a pack, and what is not reached any more stays in those that were.

use std::collections::{BTreeMap, BTreeSet};

use crate::cache::{Cache, CacheError};
use crate::fault::GitError;
use crate::id::ObjectId;
use crate::limits::{Limit, Limits};
use crate::meter::PackFault;
use crate::objects::{ObjectError, Objects};
use crate::pack::PackWriter;
use crate::tree::TreeError;

/// More packs than these become one: libgit2 looks into each of them for each object.
const PACKS: usize = 64;

/// Makes one pack of all if they are many or large: with what a commit that was fetched before has and what is to be fetched now,
/// as far as it is there, and nothing else; with the first alone if both together are too much, or the second is not as it should
/// be. Nobody may read meanwhile.
///
/// What cannot be made one even so is thrown away, for it would grow without end, and can be fetched again. If the disk fails,
/// everything stays, and nothing is to be added.
pub(crate) fn compact(
    cache: &Cache,
    known: Option<&ObjectId>,
    target: &ObjectId,
    limits: &Limits,
) -> Result<(), GitError> {
    let before = cache.packs().map_err(CacheError::Copy)?;
    if !is_due(&before, limits) {
        return Ok(());
    }
    let both: Vec<ObjectId> = known.copied().into_iter().chain([*target]).collect();
    let first = known.copied().into_iter().collect();
    for targets in [both, first] {
        match one(cache, &targets, limits) {
            Ok(made) => {
                for name in before.keys().filter(|name| **name != made) {
                    cache.remove(name).map_err(CacheError::Copy)?;
                }
                return Ok(());
            }
            Err(GitError::Object(_) | GitError::Tree(_) | GitError::Pack(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(cache.clear()?)
}

/// Tells whether there are too many packs, or besides the largest, which is what was made one the last time, as much again.
fn is_due(packs: &BTreeMap<String, u64>, limits: &Limits) -> bool {
    let largest = packs.values().max().copied().unwrap_or_default();
    let bytes: u64 = packs.values().sum();
    packs.len() > PACKS || bytes - largest > largest.max(limits.pack_bytes)
}

/// Makes a pack of what is reached, and returns its name.
fn one(cache: &Cache, targets: &[ObjectId], limits: &Limits) -> Result<String, GitError> {
    let objects = cache.objects(limits)?;
    let mut reached = BTreeSet::new();
    for target in targets {
        let mut found = BTreeSet::new();
        match reach(&objects, target, &mut found) {
            Ok(()) => reached.extend(found),
            // It is of a fetch that did not end.
            Err(
                GitError::Object(ObjectError::Missing(_)) | GitError::Tree(TreeError::Object(ObjectError::Missing(_))),
            ) => {}
            Err(error) => return Err(error),
        }
    }
    let mut spool = cache.spool().map_err(GitError::Spool)?;
    let count = u32::try_from(reached.len()).unwrap_or(u32::MAX);
    let mut pack = PackWriter::begin(&mut spool, count).map_err(GitError::Spool)?;
    let mut left = limits.total_bytes;
    for id in &reached {
        let (kind, bytes) = objects.any(id)?;
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or(PackFault::Limit(Limit::TotalBytes(limits.total_bytes)))?;
        pack.object(kind, &bytes).map_err(GitError::Spool)?;
    }
    pack.finish().map_err(GitError::Spool)?;
    Ok(cache.take_in(spool)?)
}

/// Notes all that a tag or commit leads to and is there, whatever it is.
fn reach(objects: &Objects, id: &ObjectId, reached: &mut BTreeSet<ObjectId>) -> Result<(), GitError> {
    let commit = objects.peel_through(id, |tag| reached.extend([*tag]))?;
    reached.insert(commit);
    let mut files = BTreeSet::new();
    reached.extend(objects.trees(&objects.commit(&commit)?.tree, &mut files)?);
    for file in files {
        if objects.has(&file)? {
            reached.insert(file);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_by_number_and_by_bytes() {
        let limits = Limits {
            pack_bytes: 100,
            ..Limits::default()
        };
        let packs = |sizes: &[u64]| {
            let named = sizes.iter().enumerate().map(|(at, size)| (at.to_string(), *size));
            is_due(&named.collect(), &limits)
        };
        assert!(!packs(&[]) && !packs(&[1_000]) && !packs(&[50, 50, 50]));
        assert!(packs(&[60, 60, 60]), "more than one pack besides the largest");
        assert!(!packs(&[500, 200, 200]) && packs(&[500, 300, 300]));
        assert!(!packs(&[1; PACKS]) && packs(&[1; PACKS + 1]));
    }
}
