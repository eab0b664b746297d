//! The cache on disk: whose it is, and what becomes of it when it is damaged.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use k1s_getter_git::{Cache, CacheError, GitError, Limits, ObjectError, Target, TreeError};

use crate::making::{Made, Served, target};
use crate::packs::{id, repository, tree};
use crate::script::{Script, packed};

#[test]
fn it_is_ours_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache");
    Cache::open(&path).unwrap();
    for part in ["", "objects", "objects/pack"] {
        let mode = fs::metadata(path.join(part)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{part}");
    }
    Cache::open(&path).unwrap();

    fs::set_permissions(path.join("objects"), fs::Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(Cache::open(&path), Err(CacheError::NotOurs(at)) if at.ends_with("objects")));

    let link = directory.path().join("link");
    symlink(directory.path(), &link).unwrap();
    assert!(matches!(Cache::open(&link), Err(CacheError::NotOurs(_))));
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(Cache::open(&file), Err(CacheError::NotOurs(_))));
    let nowhere = directory.path().join("a/b");
    assert!(matches!(Cache::open(&nowhere), Err(CacheError::Directory { .. })));
}

#[tokio::test]
async fn what_was_left_half_done_is_removed_and_damage_is_told() {
    let made = Made::with_files();
    let served = Served::start(&made).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache");
    let cache = Cache::open(&path).unwrap();
    let mut remote = served.remote();
    let target = target(&mut remote, "main").await;
    let commit = remote.fetch(&cache, &target, None).await.unwrap();

    let packs = path.join("objects/pack");
    let list = || {
        let mut names: Vec<_> = fs::read_dir(&packs)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        names.sort();
        names
    };
    let before = list();
    for name in ["pack_git2_abc", "pack-1.idx", "pack-2.pack"] {
        fs::write(packs.join(name), "half").unwrap();
    }
    let cache = Cache::open(&path).unwrap();
    assert_eq!(list(), before);
    assert_eq!(before.len(), 2);
    cache.objects(&Limits::default()).unwrap().list(&commit.tree).unwrap();

    // One bit of the pack.
    let pack = before.iter().find(|path| path.extension().unwrap() == "pack").unwrap();
    let index = before.iter().find(|path| path.extension().unwrap() == "idx").unwrap();
    let (whole, index_bytes) = (fs::read(pack).unwrap(), fs::read(index).unwrap());
    fs::remove_file(pack).unwrap();
    let (mut told, mut mended) = (0, 0);
    for at in (12..whole.len() - 20).step_by(11) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(pack, bytes).unwrap();
        let objects = Cache::open(&path).unwrap().objects(&Limits::default()).unwrap();
        let read = objects
            .commit(&commit.id)
            .map_err(TreeError::Object)
            .map(|read| assert_eq!(read, commit));
        let listed = objects.list(&commit.tree).map(drop);
        let is_told = read.is_err() || listed.is_err();
        told += usize::from(is_told);
        drop(objects);
        if is_told && at % 5 == 0 {
            // Whoever asks again has it whole again.
            let cache = Cache::open(&path).unwrap();
            assert_eq!(remote.fetch(&cache, &target, None).await.unwrap(), commit, "at {at}");
            cache.objects(&Limits::default()).unwrap().list(&commit.tree).unwrap();
            cache.clear().unwrap();
            fs::write(packs.join(index.file_name().unwrap()), &index_bytes).unwrap();
            mended += 1;
        }
        if pack.exists() {
            fs::remove_file(pack).unwrap();
        }
    }
    assert!(mended > 3, "{mended}");
    assert!(told * 10 >= whole.len() / 11 * 8, "{told} of {}", whole.len() / 11);
}

#[tokio::test]
async fn many_packs_become_one_with_what_is_now_and_was_last() {
    let made = Made::with_files();
    made.git(&["tag", "--annotate", "v1", "--message", "One"]);
    let served = Served::start(&made).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache");
    let cache = Cache::open(&path).unwrap();
    let packs = || fs::read_dir(path.join("objects/pack")).unwrap().count() / 2;
    let mut remote = served.remote();
    let first = target(&mut remote, "v1").await;
    let mut last = remote.fetch(&cache, &first, None).await.unwrap();
    let (mut most, mut is_made) = (packs(), false);
    for at in 0..70 {
        made.write("apps/one.yaml", &format!("kind: One\nat: {at}\n"));
        made.commit("A change");
        let next = target(&mut remote, "main").await;
        let (before, old) = (packs(), last);
        last = remote.fetch(&cache, &next, Some(&old.id)).await.unwrap();
        if packs() < before {
            is_made = true;
            let objects = cache.objects(&Limits::default()).unwrap();
            for commit in [&old, &last] {
                objects.list(&objects.commit(&commit.id).unwrap().tree).unwrap();
            }
            assert!(objects.has(&made.id("HEAD~1:apps/one.yaml")).unwrap());
            assert!(!objects.has(&made.id("HEAD~3:apps/one.yaml")).unwrap());
            assert!(!objects.has(&first.id).unwrap(), "a tag of long ago");
        }
        remote
            .fetch_blobs(&cache, &[made.id("HEAD:apps/one.yaml")])
            .await
            .unwrap();
        most = most.max(packs());
    }
    assert!(is_made && most <= 67, "{most} packs");
}

/// What an entry of a file names may be a tree: that is no reason to keep everything for ever.
#[tokio::test]
async fn packs_become_one_whatever_their_trees_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache");
    let cache = Cache::open(&path).unwrap();
    let packs = || fs::read_dir(path.join("objects/pack")).unwrap().count() / 2;
    let (mut known, mut before) = (None, None);
    let mut most = 0;
    for at in 0..150 {
        let text = format!("{at:03}");
        let inner = tree(&[("100644", text.as_bytes(), id("blob", b"gone"))]);
        let wrong = id("tree", &inner);
        let root = tree(&[("40000", b"below", wrong), ("100644", b"wrong.yaml", wrong)]);
        let (pack, next) = repository(&[root, inner]);
        let mut remote = Script::answering(packed(&pack)).remote();
        remote.fetch(&cache, &next, known.as_ref()).await.unwrap();
        before = known.replace(next.commit);
        most = most.max(packs());
        assert!(cache.objects(&Limits::default()).unwrap().has(&wrong).unwrap());
    }
    assert!(most <= 66, "{most} packs");
    // What is there whole is no reason to keep the rest, either: if both are too much, what was known stays; and what cannot become
    // one is thrown away.
    let [known, before] = [known, before].map(|id| id.unwrap());
    let target = Target {
        reference: None,
        id: before,
        commit: before,
    };
    assert!(packs() > 10, "{} packs", packs());
    for (total_bytes, left) in [(400, 1), (10, 0)] {
        let few = Limits {
            pack_bytes: 1,
            total_bytes,
            ..Limits::default()
        };
        let mut remote = Script::answering(Vec::new()).remote_within(few);
        let error = remote.fetch(&cache, &target, Some(&known)).await;
        assert!(matches!(error, Err(GitError::Wire(_))), "{error:?}");
        assert_eq!(packs(), left);
        let objects = cache.objects(&Limits::default()).unwrap();
        assert_eq!(objects.has(&known).unwrap(), left == 1);
        assert!(!objects.has(&before).unwrap());
        drop(objects);
        // Something beside it, so that it is due again.
        for text in ["some", "other"] {
            let (pack, _) = repository(&[tree(&[("100644", text.as_bytes(), id("blob", b""))])]);
            let mut remote = Script::answering(packed(&pack)).remote();
            let wanted = id("blob", text.as_bytes());
            remote.fetch_blobs(&cache, &[wanted]).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn a_cache_that_is_thrown_away_is_filled_again() {
    let made = Made::with_files();
    let served = Served::start(&made).await;
    let directory = tempfile::tempdir().unwrap();
    let mut remote = served.remote();
    let target = target(&mut remote, "main").await;
    let first = Cache::open(&directory.path().join("first")).unwrap();
    let commit = remote.fetch(&first, &target, None).await.unwrap();
    let second = Cache::open(&directory.path().join("second")).unwrap();
    // That the commit was fetched before does not matter where it is not.
    let again = remote.fetch(&second, &target, Some(&commit.id)).await.unwrap();
    assert_eq!(again, commit);
    let blob = made.id("HEAD:readme.md");
    let missing = second
        .objects(&Limits::default())
        .unwrap()
        .blob(&blob, u64::MAX)
        .unwrap_err();
    assert!(matches!(missing, ObjectError::Missing(id) if id == blob), "{missing}");
    let nothing: Result<(), GitError> = remote.fetch_blobs(&second, &[]).await;
    nothing.unwrap();
}
