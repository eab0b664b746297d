//! What references name, asked of `git daemon`.

use k1s_getter_git::{Range, Revision, RevisionError};

use crate::making::{Made, Served, revision, target};

#[tokio::test]
async fn every_way_to_name_a_commit() {
    let made = Made::with_files();
    let first = made.id("HEAD");
    made.git(&["tag", "v1.0.0"]);
    made.git(&["tag", "--annotate", "v1.1.0", "--message", "Second version"]);
    made.git(&["tag", "--annotate", "nested", "v1.1.0", "--message", "A tag of a tag"]);
    made.git(&["update-ref", "refs/pull/7/head", "HEAD"]);
    let second = made.commit("Second");
    made.git(&["tag", "v2.0.0-rc.1"]);
    made.git(&["branch", "feature/x"]);

    let served = Served::start(&made).await;
    let mut remote = served.remote();
    for (text, reference, commit) in [
        ("HEAD", Some("refs/heads/main"), second),
        ("main", Some("refs/heads/main"), second),
        ("feature/x", Some("refs/heads/feature/x"), second),
        ("refs/pull/7/head", Some("refs/pull/7/head"), first),
        ("v1.0.0", Some("refs/tags/v1.0.0"), first),
        ("v1.1.0", Some("refs/tags/v1.1.0"), first),
        ("nested", Some("refs/tags/nested"), first),
        (&first.to_string(), None, first),
    ] {
        let target = target(&mut remote, text).await;
        assert_eq!(target.reference.as_ref().map(|name| name.as_str()), reference, "{text}");
        assert_eq!(target.commit, commit, "{text}");
    }
    assert_eq!(target(&mut remote, "v1.1.0").await.id, made.id("refs/tags/v1.1.0"));

    for (range, expected) in [("^1", "refs/tags/v1.1.0"), (">=2.0.0-rc.0", "refs/tags/v2.0.0-rc.1")] {
        let newest = Revision::Newest(Range::parse(range).unwrap());
        let target = remote.resolve(&[newest]).await.unwrap().remove(0).unwrap();
        assert_eq!(target.reference.unwrap().as_str(), expected);
    }
}

#[tokio::test]
async fn several_revisions_are_one_question() {
    let made = Made::with_files();
    made.git(&["tag", "v1"]);
    let served = Served::start(&made).await;
    let mut remote = served.remote();
    let wanted = ["main", "v1", "gone", "HEAD"].map(revision);
    let found = remote.resolve(&wanted).await.unwrap();
    assert_eq!(served.traffic().connections, 1);
    let there: Vec<bool> = found.iter().map(Result::is_ok).collect();
    assert_eq!(there, [true, true, false, true]);

    // A commit is what it is: nobody is asked.
    remote.resolve(&[Revision::Commit(made.id("HEAD"))]).await.unwrap();
    assert_eq!(served.traffic().connections, 0);
}

#[tokio::test]
async fn a_branch_that_moves_or_goes_is_seen() {
    let made = Made::with_files();
    made.git(&["branch", "topic"]);
    let served = Served::start(&made).await;
    let mut remote = served.remote();
    assert_eq!(target(&mut remote, "topic").await.commit, made.id("main"));

    // Forced to a commit that has nothing to do with the one before.
    let other = made.git(&["commit-tree", "HEAD^{tree}", "-m", "Another beginning"]);
    made.git(&["update-ref", "refs/heads/topic", &other]);
    assert_eq!(target(&mut remote, "topic").await.commit.to_string(), other);

    made.git(&["branch", "--quiet", "-D", "topic"]);
    let gone = remote.resolve(&[revision("topic")]).await.unwrap().remove(0);
    assert!(matches!(gone, Err(RevisionError::Missing(_))), "{gone:?}");
}

#[tokio::test]
async fn a_repository_without_commits_says_so() {
    let made = Made::new();
    let served = Served::start(&made).await;
    let found = served.remote().resolve(&[Revision::Default]).await.unwrap().remove(0);
    assert_eq!(found, Err(RevisionError::Unborn));
}

#[tokio::test]
async fn the_default_branch_needs_no_name() {
    let made = Made::with_files();
    made.git(&["branch", "--quiet", "--move", "trunk"]);
    let served = Served::start(&made).await;
    let target = target(&mut served.remote(), "HEAD").await;
    assert_eq!(target.reference.unwrap().as_str(), "refs/heads/trunk");
}

/// What a poll costs is in `docs/performance.md`; this holds it there.
#[tokio::test]
async fn a_poll_does_not_grow_with_the_repository() {
    let made = Made::with_files();
    let commit = made.id("HEAD");
    let references: String = (0..2_000)
        .map(|at| format!("create refs/heads/branch-{at} {commit}\n"))
        .collect();
    made.git_with(&["update-ref", "--stdin"], references.as_bytes());
    let served = Served::start(&made).await;
    target(&mut served.remote(), "main").await;
    let traffic = served.traffic();
    assert!(traffic.down + traffic.up <= 1024, "{traffic:?}");
}
