//! Commits, trees and files, fetched from `git daemon`.

use std::sync::{Arc, Mutex};

use k1s_getter_git::{
    Found, GitError, Kind, Limit, Limits, ObjectError, ObjectId, PackFault, Revision, TreeError, Watch,
};

use crate::making::{Made, Place, Served, target};

#[tokio::test]
async fn a_commit_comes_with_its_trees_and_then_the_files_that_are_wanted() {
    let made = Made::with_files();
    made.commit("Second");
    let served = Served::start(&made).await;
    let (mut remote, place) = (served.remote(), Place::new());
    let target = target(&mut remote, "main").await;
    let commit = remote.fetch(&place.cache, &target, None).await.unwrap();
    assert_eq!(commit.id, made.id("HEAD"));
    assert_eq!(commit.tree, made.id("HEAD^{tree}"));

    let objects = place.cache.objects(&Limits::default()).unwrap();
    let paths: Vec<String> = objects
        .list(&commit.tree)
        .unwrap()
        .into_iter()
        .map(|entry| entry.path)
        .collect();
    assert_eq!(
        paths,
        ["apps/deep/two.yaml", "apps/one.yaml", "infra/three.yaml", "readme.md"]
    );
    let Found::Tree(apps) = objects.find(&commit.tree, "apps").unwrap() else {
        panic!("apps is a directory");
    };
    let wanted: Vec<ObjectId> = objects.list(&apps).unwrap().into_iter().map(|entry| entry.id).collect();
    assert!(!objects.has(&wanted[0]).unwrap(), "files are left out");

    remote.fetch_blobs(&place.cache, &wanted).await.unwrap();
    let objects = place.cache.objects(&Limits::default()).unwrap();
    assert_eq!(objects.blob(&wanted[0], u64::MAX).unwrap(), b"kind: Two\n");
    assert_eq!(objects.blob(&wanted[1], u64::MAX).unwrap(), b"kind: One\n");
    let other = made.id("HEAD:infra/three.yaml");
    assert!(!objects.has(&other).unwrap(), "other files do not come");

    // What is there is not asked for again.
    served.traffic();
    remote.fetch_blobs(&place.cache, &wanted).await.unwrap();
    remote.fetch(&place.cache, &target, None).await.unwrap();
    assert_eq!(served.traffic().connections, 0);
}

#[tokio::test]
async fn without_a_filter_everything_of_one_commit_comes() {
    let made = Made::with_files();
    made.git(&["config", "uploadpack.allowFilter", "false"]);
    let first = made.id("HEAD:readme.md");
    made.write("readme.md", "changed\n");
    made.commit("Second");
    let served = Served::start(&made).await;
    let (mut remote, place) = (served.remote(), Place::new());
    let target = target(&mut remote, "main").await;
    let commit = remote.fetch(&place.cache, &target, None).await.unwrap();
    let objects = place.cache.objects(&Limits::default()).unwrap();
    for entry in objects.list(&commit.tree).unwrap() {
        assert!(objects.blob(&entry.id, u64::MAX).is_ok(), "{}", entry.path);
    }
    assert!(!objects.has(&first).unwrap(), "nothing of the past comes");
}

#[tokio::test]
async fn of_the_next_commit_only_what_is_new_comes() {
    let made = Made::with_files();
    for at in 0..200 {
        made.write(&format!("many/{at}/file.yaml"), &format!("kind: Many\nat: {at}\n"));
    }
    made.commit("Many directories");
    let served = Served::start(&made).await;
    let (mut remote, place) = (served.remote(), Place::new());
    let before = target(&mut remote, "main").await;
    let old = remote.fetch(&place.cache, &before, None).await.unwrap();
    let full = served.traffic().down;

    made.write("apps/one.yaml", "kind: One\nspec: {}\n");
    made.commit("A change");
    let after = target(&mut remote, "main").await;
    served.traffic();
    let new = remote.fetch(&place.cache, &after, Some(&old.id)).await.unwrap();
    let step = served.traffic().down;
    assert!(step < 1_200 && full > 4 * step, "{step} bytes after {full}");

    // Only `apps` differs: whoever looks at another directory has nothing to do.
    let objects = place.cache.objects(&Limits::default()).unwrap();
    for (path, is_same) in [("apps", false), ("infra", true), ("many", true), ("apps/deep", true)] {
        let [old, new] = [&old, &new].map(|commit| objects.find(&commit.tree, path).unwrap());
        assert_eq!(old == new, is_same, "{path}");
    }
}

#[tokio::test]
async fn a_commit_that_is_no_tip_is_fetched_by_its_name() {
    let made = Made::with_files();
    let first = made.id("HEAD");
    made.commit("Second");
    let served = Served::start(&made).await;
    let (mut remote, place) = (served.remote(), Place::new());
    let found = remote
        .resolve(&[Revision::Commit(first)])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    let commit = remote.fetch(&place.cache, &found, None).await.unwrap();
    assert_eq!(commit.subject, "First: some files");

    let unknown = ObjectId::from_bytes(&[7; 20]).unwrap();
    let found = remote
        .resolve(&[Revision::Commit(unknown)])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    let error = remote.fetch(&place.cache, &found, None).await.unwrap_err();
    assert!(matches!(error, GitError::NotServed(id) if id == unknown), "{error}");
}

#[tokio::test]
async fn who_and_when_and_the_bytes_that_were_signed() {
    let made = Made::with_files();
    made.git(&["tag", "--annotate", "v1", "--message", "First version\n\nMore."]);
    let served = Served::start(&made).await;
    let (mut remote, place) = (served.remote(), Place::new());
    let target = target(&mut remote, "v1").await;
    let commit = remote.fetch(&place.cache, &target, None).await.unwrap();
    assert_eq!(
        (commit.author.name.as_str(), commit.author.email.as_str()),
        ("Ann Author", "ann@example.com")
    );
    assert_eq!((commit.author.seconds, commit.author.offset), (1_700_000_000, 90));
    assert_eq!(
        (commit.committer.name.as_str(), commit.committer.seconds),
        ("Carl Committer", 1_700_000_060)
    );
    assert_eq!(commit.subject, "First: some files");
    assert_eq!(made.object("commit", &commit.raw), commit.id);

    let tag = place
        .cache
        .objects(&Limits::default())
        .unwrap()
        .tag(&target.id)
        .unwrap();
    assert_eq!(
        (tag.name.as_str(), tag.subject.as_str(), tag.target),
        ("v1", "First version", commit.id)
    );
    assert_eq!(tag.tagger.as_ref().unwrap().name, "Carl Committer");
    assert_eq!(made.object("tag", &tag.raw), tag.id);
}

#[tokio::test]
async fn a_tag_of_a_file_is_no_commit() {
    let made = Made::with_files();
    made.git(&["tag", "file", "HEAD:readme.md"]);
    let served = Served::start(&made).await;
    let (mut remote, place) = (served.remote(), Place::new());
    let target = target(&mut remote, "file").await;
    let error = remote.fetch(&place.cache, &target, None).await.unwrap_err();
    assert!(
        matches!(&error, GitError::Object(ObjectError::Kind { wanted: "commit", .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_by_the_limit() {
    let made = Made::with_files();
    made.write("large.yaml", &"a".repeat(10_000));
    made.commit("Large");
    let served = Served::start(&made).await;
    let limits = Limits {
        object_bytes: 9_999,
        ..Limits::default()
    };
    let (mut remote, place) = (served.remote_within(limits), Place::new());
    let target = target(&mut remote, "main").await;
    remote.fetch(&place.cache, &target, None).await.unwrap();
    let large = made.id("HEAD:large.yaml");
    let error = remote.fetch_blobs(&place.cache, &[large]).await.unwrap_err();
    assert!(
        matches!(&error, GitError::Pack(PackFault::Limit(Limit::ObjectBytes(9_999)))),
        "{error}"
    );
    assert!(!place.cache.objects(&limits).unwrap().has(&large).unwrap());

    let limits = Limits {
        entries: 4,
        ..Limits::default()
    };
    let error = served
        .remote_within(limits)
        .fetch(&place.cache, &target, None)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, GitError::Tree(TreeError::Limit(Limit::Entries(4)))),
        "{error}"
    );
}

#[tokio::test]
async fn modes_are_kinds() {
    let made = Made::with_files();
    made.write("run.sh", "#!/bin/sh\n");
    made.git(&["add", "run.sh"]);
    made.git(&["update-index", "--chmod=+x", "run.sh"]);
    made.git(&["commit", "--quiet", "--message", "A program"]);
    let served = Served::start(&made).await;
    let (mut remote, place) = (served.remote(), Place::new());
    let target = target(&mut remote, "main").await;
    let commit = remote.fetch(&place.cache, &target, None).await.unwrap();
    let objects = place.cache.objects(&Limits::default()).unwrap();
    let kind = |path: &str| match objects.find(&commit.tree, path).unwrap() {
        Found::Entry(entry) => Some(entry.kind),
        Found::Tree(_) => None,
    };
    assert_eq!(kind("run.sh"), Some(Kind::Executable));
    assert_eq!(kind("readme.md"), Some(Kind::File));
    assert_eq!(kind("apps"), None);
}

/// Notes how far an answer was.
#[derive(Default)]
struct Noted(Mutex<(u64, Vec<(u64, u64)>)>);

impl Watch for Noted {
    fn came(&self, bytes: u64) {
        self.0.lock().unwrap().0 += bytes;
    }

    fn counted(&self, objects: u64, of: u64) {
        self.0.lock().unwrap().1.push((objects, of));
    }
}

#[tokio::test]
async fn whoever_watches_is_told_how_far_a_pack_is() {
    let made = Made::with_files();
    made.git(&["config", "uploadpack.allowFilter", "true"]);
    let served = Served::start(&made).await;
    let noted = Arc::new(Noted::default());
    let mut remote = served.remote().watched_by(Arc::clone(&noted) as Arc<dyn Watch>);
    let target = target(&mut remote, "main").await;
    remote.fetch(&Place::new().cache, &target, None).await.unwrap();
    let (bytes, counts) = noted.0.lock().unwrap().clone();
    // A commit and four directories.
    assert_eq!(counts.last(), Some(&(5, 5)));
    assert!(counts.is_sorted() && bytes > 200, "{bytes} {counts:?}");
}
