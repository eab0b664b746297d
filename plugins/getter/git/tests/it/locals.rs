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
        assert_eq!(objects.blob(&entries[0].id, u64::MAX).unwrap(), b"kind: Two\n");
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

/// What is done to a bare repository that was whole, in place of what is there.
enum Change {
    /// A file, or more of it.
    Text(&'static str),
    /// A link to a part of another repository.
    Link(&'static str),
    Pipe,
}

impl Change {
    fn make(&self, at: &Path, other: &Path) {
        let before = fs::read_to_string(at).unwrap_or_default();
        if at.is_dir() {
            fs::remove_dir_all(at).unwrap();
        } else if at.exists() {
            fs::remove_file(at).unwrap();
        }
        match self {
            Self::Text(text) => fs::write(at, before + text).unwrap(),
            Self::Link(part) => symlink(other.join(part), at).unwrap(),
            Self::Pipe => {
                let done = std::process::Command::new("mkfifo").arg(at).status().unwrap();
                assert!(done.success());
            }
        }
    }
}

/// What leads out of a repository, or waits for ever, also when it comes after the repository was opened.
#[test]
fn nothing_of_it_may_be_elsewhere() {
    let made = Made::with_files();
    let other = made.base().join("other");
    made.git(&["clone", "--quiet", "--bare", "--no-local", ".", "../other"]);
    for (name, change) in [
        ("commondir", Change::Text("../other")),
        ("gitdir", Change::Text("../other")),
        ("objects/pack", Change::Link("objects/pack")),
        ("objects/info", Change::Link("objects/info")),
        ("objects/ab", Change::Link("objects")),
        ("objects/pack/one.pack", Change::Link("HEAD")),
        ("refs/heads", Change::Link("refs/heads")),
        ("refs/heads/link", Change::Link("HEAD")),
        ("refs/heads/pipe", Change::Pipe),
        ("packed-refs", Change::Pipe),
        ("config", Change::Text("\n[core] [InClude]\n path = ../other/config\n")),
        ("config.worktree", Change::Text("[includeIf \"gitdir:/\"]\npath = x\n")),
        ("HEAD", Change::Link("HEAD")),
    ] {
        let bare = made.base().join("bare");
        made.git(&["clone", "--quiet", "--bare", "--no-local", ".", "../bare"]);
        let opened = local(&bare).unwrap();
        change.make(&bare.join(name), &other);
        for done in [
            local(&bare).map(drop),
            opened.resolve(&[Revision::Default]).map(drop),
            opened.objects().map(drop),
        ] {
            let at = match done {
                Err(LocalError::Elsewhere(at) | LocalError::Included(at)) => at,
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!(at, bare.join(name));
        }
        fs::remove_dir_all(&bare).unwrap();
    }
}

/// The size of a file is known before it is read, in whatever form it is there.
#[test]
fn a_file_that_is_larger_than_wanted_is_not_read() {
    let made = Made::with_files();
    let text: Vec<String> = (0..20_000).map(|at| format!("line {at}\n")).collect();
    let texts = [text.concat(), [text.concat(), "and more\n".to_owned()].concat()];
    for (at, text) in texts.iter().enumerate() {
        made.write(&format!("large{at}.yaml"), text);
    }
    made.commit("Two that are alike");
    let ids = ["HEAD:large0.yaml", "HEAD:large1.yaml"].map(|name| made.id(name));
    let check = |is_delta: bool| {
        let objects = local(&made.path()).unwrap().objects().unwrap();
        for (id, text) in ids.iter().zip(&texts) {
            let most = text.len() as u64;
            assert_eq!(objects.blob(id, most).unwrap(), text.as_bytes());
            let error = objects.blob(id, most - 1).unwrap_err();
            assert!(matches!(error, ObjectError::TooLarge { .. }), "{error}");
        }
        let packs = made.git(&["count-objects", "-v"]);
        assert_eq!(packs.contains("packs: 1"), is_delta, "{packs}");
    };
    check(false);
    made.git(&["repack", "--quiet", "-a", "-d", "-f"]);
    check(true);
    // What cannot be read is not read, whatever its size is: only its beginning was looked at.
    for path in fs::read_dir(made.path().join(".git/objects/pack")).unwrap() {
        let path = path.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "pack") {
            let mut bytes = fs::read(&path).unwrap();
            let end = bytes.len() - 200;
            bytes[end..].fill(0);
            fs::remove_file(&path).unwrap();
            fs::write(&path, bytes).unwrap();
        }
    }
    let objects = local(&made.path()).unwrap().objects().unwrap();
    let errors = ids.map(|id| objects.blob(&id, 1_000).unwrap_err());
    assert!(
        errors.iter().all(|error| matches!(error, ObjectError::TooLarge { .. })),
        "{errors:?}"
    );
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
