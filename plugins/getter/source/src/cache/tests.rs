//! Caches that lose things, and disks that refuse.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::kept::tests::kept;

fn cache() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(&folder.path().join("a/b")).unwrap();
    (folder, cache)
}

fn put(cache: &Cache, text: &str) -> Content {
    match cache.put(&mut text.as_bytes(), 100).unwrap() {
        Put::Whole { content, bytes } => {
            assert_eq!(bytes, u64::try_from(text.len()).unwrap());
            content
        }
        Put::TooLarge => panic!("{text} is small"),
    }
}

#[test]
fn contents_are_kept_whole_or_not_at_all() {
    let (_folder, cache) = cache();
    let content = put(&cache, "text");
    assert_eq!(content, Content::of(b"text"));
    assert_eq!(cache.read(&content, 4).unwrap(), b"text");
    assert!(matches!(cache.read(&content, 3), Err(CacheError::TooLarge(3))));
    assert_eq!(cache.put(&mut io::repeat(1), 100).unwrap(), Put::TooLarge);
    assert!(matches!(
        cache.read(&Content::of(b"other"), 9),
        Err(CacheError::Lost(_))
    ));
    let [path, _] = cache.paths(&content);
    fs::write(path, "tampered").unwrap();
    assert!(matches!(cache.read(&content, 9), Err(CacheError::Lost(_))));
    assert!(!cache.has(&content), "it is fetched again");
}

/// What is in `incoming` may be gone after a loss of power, and what a snapshot names never is there.
#[test]
fn what_a_snapshot_names_was_synced_before_it() {
    for number in [1, SYNCED_SINGLY, SYNCED_SINGLY + 1, 200] {
        let (_folder, cache) = cache();
        let contents: Vec<Content> = (0..number).map(|at| put(&cache, &format!("text {at}"))).collect();
        let is_settled = |content: &Content| cache.paths(content).map(|path| path.is_file());
        assert!(contents.iter().all(|content| is_settled(content) == [true, false]));
        let files: Vec<(&str, Content)> = contents.iter().map(|content| ("a", content.clone())).collect();
        cache.publish(&kept(&files)).unwrap();
        assert!(contents.iter().all(|content| is_settled(content) == [false, true]));
        // What is there is not written again.
        assert_eq!(put(&cache, "text 0"), contents[0]);
        assert_eq!(is_settled(&contents[0]), [false, true]);
    }
}

#[test]
fn a_snapshot_that_is_too_long_replaces_nothing() {
    let (_folder, cache) = cache();
    let last = kept(&[("a.yaml", put(&cache, "last"))]);
    cache.publish(&last).unwrap();
    let next = kept(&[("b.yaml", put(&cache, "next"))]);
    let error = cache.publish_within(&next, 100).unwrap_err();
    assert_eq!(error.code(), Code::TooLarge);
    let said = std::error::Error::source(&error).unwrap().to_string();
    assert!(said.contains("the limit is 100"), "{said}");
    assert_eq!(cache.last(), Some(last));
    assert!(cache.has(&Content::of(b"last")));
}

/// A disk that refuses leaves the last snapshot and its contents.
#[test]
fn what_cannot_be_settled_replaces_nothing() {
    let (_folder, cache) = cache();
    let last = kept(&[("a.yaml", put(&cache, "last"))]);
    cache.publish(&last).unwrap();
    let content = put(&cache, "next");
    let [_, settled] = cache.paths(&content);
    fs::create_dir(&settled).unwrap();
    assert!(cache.publish(&kept(&[("b.yaml", content)])).is_err());
    assert_eq!(cache.last(), Some(last));
    assert!(cache.has(&Content::of(b"last")));
}

#[test]
fn what_the_last_snapshot_does_not_name_is_let_go() {
    let (_folder, cache) = cache();
    let (old, new) = (put(&cache, "old"), put(&cache, "new"));
    cache.publish(&kept(&[("a.yaml", old.clone())])).unwrap();
    assert!(cache.has(&old) && !cache.has(&new));
    let new = put(&cache, "new");
    let last = kept(&[("a.yaml", new.clone())]);
    cache.publish(&last).unwrap();
    assert!(!cache.has(&old) && cache.has(&new));
    assert_eq!(cache.last(), Some(last));
}

#[test]
fn what_a_crash_left_is_removed_and_a_cut_snapshot_is_none() {
    let (_folder, cache) = cache();
    cache.publish(&kept(&[])).unwrap();
    let unfinished = cache.unfinished().unwrap().keep().unwrap().1;
    let text = fs::read(cache.folder.join(SNAPSHOT)).unwrap();
    fs::write(cache.folder.join(SNAPSHOT), &text[..text.len() - 1]).unwrap();
    let again = Cache::open(&cache.folder).unwrap();
    assert!(!unfinished.exists());
    assert_eq!(again.last(), None);
}

#[test]
fn a_directory_of_others_is_refused() {
    let (_folder, cache) = cache();
    assert_eq!(fs::metadata(&cache.folder).unwrap().permissions().mode() & 0o777, 0o700);
    fs::set_permissions(&cache.folder, fs::Permissions::from_mode(0o770)).unwrap();
    assert!(matches!(Cache::open(&cache.folder), Err(CacheError::NotPrivate { .. })));
}
