//! Repositories on this machine.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use k1s_getter_git::{Kind, Limits, Local, LocalError, ObjectError, ObjectId, Range, Revision, RevisionError, Target};

use crate::making::{Made, Served, revision};

fn local(path: &Path) -> Result<Local, LocalError> {
    Local::new(path, Limits::default())
}

fn resolved(local: &Local, revision: Revision) -> Result<Target, RevisionError> {
    local.resolve(&[revision]).unwrap().remove(0)
}

#[tokio::test]
async fn it_answers_as_a_server_does() {
    let made = Made::with_files();
    made.git(&["tag", "v1.0.0"]);
    made.git(&["tag", "--annotate", "v1.1.0", "--message", "Second version"]);
    made.git(&["tag", "file", "HEAD:readme.md"]);
    made.commit("Second");
    made.git(&["branch", "v1.0.0"]);
    made.git(&["pack-refs", "--all"]);
    made.git(&["branch", "feature/x"]);
    let served = Served::start(&made).await;
    let mut wanted: Vec<Revision> = [
        "HEAD",
        "main",
        "feature/x",
        "v1.1.0",
        "v1.0.0",
        "file",
        "gone",
        "refs/tags/v1.0.0",
    ]
    .map(revision)
    .into();
    wanted.push(Revision::Newest(Range::parse("^1").unwrap()));
    wanted.push(Revision::Commit(made.id("HEAD~1")));
    let theirs = served.remote().resolve(&wanted).await.unwrap();
    let ours = local(&made.path()).unwrap().resolve(&wanted).unwrap();
    assert_eq!(ours, theirs);
}

#[test]
fn a_work_tree_and_a_bare_repository_are_read_where_they_are() {
    let made = Made::with_files();
    made.git(&["clone", "--quiet", "--bare", "--no-local", ".", "../bare"]);
    let bare = made.base().join("bare");
    for path in [made.path(), made.path().join(".git"), bare] {
        let local = local(&path).unwrap();
        let target = resolved(&local, Revision::Default).unwrap();
        let objects = local.objects().unwrap();
        let commit = objects.commit(&target.commit).unwrap();
        let entries = objects.list(&commit.tree).unwrap();
        assert_eq!(entries.len(), 4);
        assert!(entries.iter().all(|entry| entry.kind == Kind::File));
        assert_eq!(objects.blob(&entries[0].id).unwrap(), b"kind: Two\n");
    }
    let empty = Made::new();
    let local = local(&empty.path()).unwrap();
    assert_eq!(resolved(&local, Revision::Default), Err(RevisionError::Unborn));
    let nothing = ObjectId::from_bytes(&[1; 20]).unwrap();
    let error = local.objects().unwrap().commit(&nothing).unwrap_err();
    assert!(matches!(error, ObjectError::Missing(id) if id == nothing));
}

#[test]
fn what_is_not_all_there_is_refused() {
    let made = Made::with_files();
    let nothing = made.base().join("nothing");
    fs::create_dir(&nothing).unwrap();
    assert!(matches!(local(&nothing), Err(LocalError::Absent { .. })));
    assert!(
        matches!(local(&made.path().join("apps")), Err(LocalError::Absent { .. })),
        "nothing is searched above"
    );

    made.git(&["worktree", "add", "--quiet", "../other", "HEAD"]);
    assert!(matches!(
        local(&made.base().join("other")),
        Err(LocalError::Elsewhere(_))
    ));
    symlink(made.path().join(".git"), nothing.join(".git")).unwrap();
    assert!(matches!(local(&nothing), Err(LocalError::Elsewhere(_))));

    let linked = made.base().join("linked");
    made.git(&["init", "--quiet", "--bare", "../linked"]);
    fs::remove_dir_all(linked.join("objects")).unwrap();
    symlink(made.path().join(".git/objects"), linked.join("objects")).unwrap();
    assert!(matches!(local(&linked), Err(LocalError::Elsewhere(at)) if at.ends_with("objects")));

    made.git(&["clone", "--quiet", "--shared", ".", "../shared"]);
    assert!(matches!(
        local(&made.base().join("shared")),
        Err(LocalError::Alternates(_))
    ));
}

#[test]
fn configuration_that_would_run_something_does_nothing() {
    let made = Made::with_files();
    let mark = made.base().join("mark");
    for name in [
        "core.fsmonitor",
        "core.sshCommand",
        "uploadpack.packObjectsHook",
        "core.gitProxy",
        "core.alternateRefsCommand",
    ] {
        made.git(&["config", name, &format!("touch {}", mark.display())]);
    }
    let local = local(&made.path()).unwrap();
    let target = resolved(&local, Revision::Default).unwrap();
    let objects = local.objects().unwrap();
    objects.list(&objects.commit(&target.commit).unwrap().tree).unwrap();
    assert!(!mark.exists());

    made.git(&["config", "core.repositoryFormatVersion", "1"]);
    made.git(&["config", "extensions.objectFormat", "sha256"]);
    let error = local.objects().map(drop).unwrap_err();
    assert!(matches!(error, LocalError::Open(_)), "{error}");
}
