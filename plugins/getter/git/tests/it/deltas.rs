//! Packs whose deltas mean harm: results that are there already, and more work than bytes.

use k1s_getter_git::{GitError, Limit, Limits, PackFault, Target};

use crate::making::Place;
use crate::packs::{BLOB, COMMIT, LIMITS, Pack, TREE, commit, id, outcome, replacing, tree, varint, wanted};
use crate::script::{Script, packed};

/// The most bytes that one instruction copies.
const COPIED: usize = 0xff_ffff;

/// A delta that copies the first bytes of its base, and adds some.
fn copying(base: usize, length: usize, added: &[u8]) -> Vec<u8> {
    assert!(length <= COPIED && added.len() < 0x80);
    let mut delta = [varint(base as u64), varint((length + added.len()) as u64)].concat();
    if length > 0 {
        let [low, middle, high, ..] = length.to_le_bytes();
        delta.extend([0b1111_0000, low, middle, high]);
    }
    if !added.is_empty() {
        delta.push(added.len() as u8);
        delta.extend(added);
    }
    delta
}

/// A commit without parents, and what names it.
fn commit_of(pack: &mut Pack, root: &[u8]) -> Target {
    let bytes = commit(&id("tree", root));
    pack.whole(COMMIT, &bytes);
    let commit = id("commit", &bytes);
    Target {
        reference: None,
        id: commit,
        commit,
    }
}

/// A delta whose result is the object that it leans on, or one that comes in the same pack: libgit2 takes such for progress, again
/// and again.
#[tokio::test]
async fn a_result_that_is_there_already_is_no_new_one() {
    let blob = vec![0; 100_000];
    let root = tree(&[("100644", b"a", id("blob", &blob))]);
    let mut first = Pack::default();
    let before = commit_of(&mut first, &root);
    first.whole(TREE, &root);
    first.whole(BLOB, &blob);
    let same = copying(blob.len(), blob.len(), b"");

    let next = |change: &dyn Fn(&mut Pack)| {
        let root = tree(&[("100644", b"b", id("blob", &blob))]);
        let mut pack = Pack::default();
        let target = commit_of(&mut pack, &root);
        pack.whole(TREE, &root);
        change(&mut pack);
        (pack.finish(), target)
    };
    let place = Place::new();
    let first = packed(&first.finish());
    let mut remote = Script::answering(first.clone()).remote();
    remote.fetch(&place.cache, &before, None).await.unwrap();

    let (pack, target) = next(&|pack| {
        pack.named(&id("blob", &blob), &same);
    });
    let mut remote = Script::answering(packed(&pack)).remote();
    let fetched = remote.fetch(&place.cache, &target, Some(&before.commit)).await.unwrap();
    assert_eq!(fetched.id, target.commit);
    let objects = place.cache.objects(&Limits::default()).unwrap();
    assert_eq!(objects.blob(&id("blob", &blob), u64::MAX).unwrap(), blob);
    drop(objects);

    type Change<'c> = &'c dyn Fn(&mut Pack);
    let twice: [(&str, Change<'_>); 3] = [
        ("upon one that comes, too", &|pack| {
            pack.whole(BLOB, b"x");
            pack.named(&id("blob", &blob), &copying(blob.len(), 0, b"x"));
        }),
        ("by two deltas", &|pack| {
            pack.named(&id("blob", &blob), &same);
            pack.named(&id("blob", &blob), &same);
        }),
        ("at a distance", &|pack| {
            let whole = pack.whole(BLOB, b"base");
            pack.delta(whole, &copying(4, 4, b""));
        }),
    ];
    for (name, change) in twice {
        let place = Place::new();
        let mut remote = Script::answering(first.clone()).remote();
        remote.fetch(&place.cache, &before, None).await.unwrap();
        let (pack, target) = next(change);
        let mut remote = Script::answering(packed(&pack)).remote();
        let error = remote
            .fetch(&place.cache, &target, Some(&before.commit))
            .await
            .unwrap_err();
        assert!(matches!(error, GitError::Pack(PackFault::Twice(_))), "{name}: {error}");
    }
}

/// Some kilobytes of deltas upon the end of a chain, each of which says four bytes: that the chain is walked for each of them would
/// be hundreds of gigabytes to copy.
#[tokio::test]
async fn a_chain_is_walked_once_whatever_leans_on_it() {
    let size = (1 << 20) + 1;
    let mut pack = wanted();
    let mut last = pack.whole(BLOB, &vec![0; size]);
    for at in 0..8_u8 {
        last = pack.delta(last, &copying(size, size - 1, &[at + 1]));
    }
    for at in 0..20_000_u32 {
        pack.delta(last, &copying(size, 0, &(at + 1).to_be_bytes()));
    }
    let limits = Limits {
        objects: 30_000,
        pack_bytes: 4 << 20,
        object_bytes: 2 << 20,
        total_bytes: 16 << 20,
        held_bytes: 4 << 20,
        ..LIMITS
    };
    outcome(&pack.finish(), limits).await.unwrap();
}

/// What waits for deltas is in memory; of a chain that is one object at a time, of a tree one for each level.
#[tokio::test]
async fn objects_that_wait_for_deltas_are_bounded() {
    let size = 60_000;
    let limits = Limits {
        held_bytes: 150_000,
        ..LIMITS
    };
    let mut chain = wanted();
    let mut last = chain.whole(BLOB, &vec![0; size]);
    for at in 1..8 {
        last = chain.delta(last, &copying(size, size - 1, &[at]));
    }
    outcome(&chain.finish(), limits).await.unwrap();

    let mut branching = wanted();
    let root = branching.whole(BLOB, &vec![0; size]);
    for side in 1..=2 {
        let inner = branching.delta(root, &copying(size, size - 1, &[side]));
        for leaf in 3..=4 {
            branching.delta(inner, &copying(size, size - 1, &[side * leaf + 10]));
        }
    }
    let error = outcome(&branching.finish(), limits).await.unwrap_err();
    assert!(
        matches!(error, GitError::Pack(PackFault::Limit(Limit::HeldBytes(150_000)))),
        "{error}"
    );
    // That a delta comes behind others does not make it one of those that wait.
    let mut late = wanted();
    let root = late.whole(BLOB, b"base");
    let next = late.delta(root, &replacing(4, b"next"));
    late.delta(root, &replacing(4, b"other"));
    late.delta(next, &replacing(4, b"last"));
    outcome(&late.finish(), LIMITS).await.unwrap();
}

/// git makes chains as long as this when it is told to; longer ones it does not.
#[tokio::test]
async fn a_chain_is_as_long_as_git_makes_it() {
    let limits = Limits {
        objects: 5_000,
        delta_depth: Limits::default().delta_depth,
        ..LIMITS
    };
    let chain = |length: u32| {
        let mut pack = wanted();
        (0..length).fold(0, |base, at| {
            pack.delta(base, &replacing(6, format!("{at:06}").as_bytes()))
        });
        pack.finish()
    };
    outcome(&chain(4_095), limits).await.unwrap();
    let error = outcome(&chain(4_096), limits).await.unwrap_err();
    assert!(
        matches!(error, GitError::Pack(PackFault::Limit(Limit::DeltaDepth(4_095)))),
        "{error}"
    );
}
