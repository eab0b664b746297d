//! Repositories on this machine.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use k1s_getter_git::{
    Kind, Limits, Local, LocalError, ObjectError, ObjectId, Range, Revision, RevisionError, Target, Work,
};

use sha1::{Digest as _, Sha1};

use crate::making::{Made, Served, revision};
use crate::packs::{BLOB, Pack, id, replacing, varint};

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

/// An index of version 2 that says that objects of these names begin at these places of a pack.
fn index(mut names: Vec<(ObjectId, u32)>, pack: &[u8]) -> Vec<u8> {
    names.sort_unstable();
    let up_to = |byte: u8| names.iter().filter(|(id, _)| id.as_bytes()[0] <= byte).count() as u32;
    let mut bytes = vec![0xff, b't', b'O', b'c', 0, 0, 0, 2];
    bytes.extend((0..=255).flat_map(|byte| up_to(byte).to_be_bytes()));
    bytes.extend(names.iter().flat_map(|(id, _)| *id.as_bytes()));
    bytes.extend(vec![0; 4 * names.len()]);
    bytes.extend(names.iter().flat_map(|(_, at)| at.to_be_bytes()));
    bytes.extend(&pack[pack.len() - 20..]);
    let sum = Sha1::digest(&bytes);
    bytes.extend(sum);
    bytes
}

fn name(byte: u8) -> ObjectId {
    ObjectId::from_bytes(&[byte; 20]).unwrap()
}

/// A repository with a pack of somebody's: objects 1 to 3 lean upon themselves, 4 upon nothing, 5 is large, 6 leans far, and 7 is
/// one by another name.
fn circles() -> Made {
    let made = Made::with_files();
    let mut pack = Pack::default();
    let mut names = Vec::new();
    for (own, base) in [(1, 1), (2, 3), (3, 2), (4, 9)] {
        let at = pack.named(&name(base), &[4, 4, 0x90, 4]);
        names.push((name(own), pack.start(at)));
    }
    let whole = pack.whole(BLOB, b"base");
    let large = pack.delta(whole, &[&[4], varint(1 << 40).as_slice()].concat());
    names.push((name(5), pack.start(large)));
    let mut last = whole;
    for _ in 0..4_100 {
        last = pack.delta(last, &[4, 4, 0x90, 4]);
    }
    names.push((name(6), pack.start(last)));
    names.push((name(7), pack.start(whole)));
    // An index of as many as the pack has, or libgit2 takes it for none.
    for at in names.len()..=last {
        let other = Sha1::digest(at.to_be_bytes());
        names.push((ObjectId::from_bytes(&other).unwrap(), pack.start(at)));
    }
    fs::create_dir_all(packs(&made)).unwrap();
    add(&made, "pack-1", names, pack);
    made
}

fn packs(made: &Made) -> PathBuf {
    made.path().join(".git/objects/pack")
}

/// Writes a pack with an index.
fn add(made: &Made, file: &str, names: Vec<(ObjectId, u32)>, pack: Pack) {
    let pack = pack.finish();
    let path = packs(made).join(file);
    fs::write(path.with_extension("idx"), index(names, &pack)).unwrap();
    fs::write(path.with_extension("pack"), pack).unwrap();
}

/// libgit2 follows deltas as far as they go.
#[test]
fn deltas_in_a_circle_and_without_end_are_not_followed() {
    let made = circles();
    let local = local(&made.path()).unwrap();
    let objects = local.objects().unwrap();
    for (byte, said) in [
        (1, "more deltas lean one upon another than are read"),
        (2, "more deltas lean one upon another than are read"),
        (3, "more deltas lean one upon another than are read"),
        (4, "it leans on what its pack does not have"),
        (5, "or what it is made of"),
        (6, "more deltas lean one upon another than are read"),
        // This is what it is, but not what it is called.
        (7, "hash"),
    ] {
        let error = objects.blob(&name(byte), u64::MAX).unwrap_err();
        assert!(error.to_string().contains(said), "{byte}: {error}");
        let error = objects.commit(&name(byte)).unwrap_err();
        assert!(error.to_string().contains(said), "{byte}: {error}");
        fs::write(made.path().join(".git/refs/tags/circle"), format!("{}\n", name(byte))).unwrap();
        let target = resolved(&local, revision("circle")).unwrap();
        assert_eq!(target.id, name(byte));
        assert!(objects.commit(&target.commit).is_err());
    }
}

/// In each place that has an object it may be another, and libgit2 takes the one or the other.
#[test]
fn an_object_is_measured_wherever_it_is() {
    let made = circles();
    let local = local(&made.path()).unwrap();
    for circle in 1..=6 {
        let mut honest = Pack::default();
        honest.whole(BLOB, b"honest");
        add(&made, "pack-0", vec![(name(circle), 12)], honest);
        let error = local.objects().unwrap().blob(&name(circle), u64::MAX).unwrap_err();
        assert!(!error.to_string().contains("hash"), "{circle}: {error}");
    }
    let mut twice = Pack::default();
    twice.whole(BLOB, b"honest");
    let circle = twice.named(&name(8), &[4, 4, 0x90, 4]);
    let names = vec![(name(8), 12), (name(8), twice.start(circle))];
    add(&made, "pack-0", names, twice);
    let error = local.objects().unwrap().blob(&name(8), u64::MAX).unwrap_err();
    assert!(error.to_string().contains("is not in order"), "{error}");

    let several = packs(&made).join("multi-pack-index");
    fs::write(&several, "").unwrap();
    assert!(matches!(local.objects(), Err(LocalError::Indexed(at)) if at == several));
}

/// What is copied for objects that lean on the same one is counted together.
#[test]
fn what_objects_are_made_of_is_counted_together() {
    let made = Made::with_files();
    let mut pack = Pack::default();
    let base = pack.whole(BLOB, &vec![0; 100_000]);
    let mut names = vec![(name(1), pack.start(base))];
    for at in 2..100 {
        let delta = [varint(100_000).as_slice(), &[1, 1, at]].concat();
        let leaf = pack.delta(base, &delta);
        names.push((name(at), pack.start(leaf)));
    }
    fs::create_dir_all(packs(&made)).unwrap();
    add(&made, "pack-1", names, pack);
    let limits = Limits {
        total_bytes: 100_000,
        ..Limits::default()
    };
    let work = Work::default();
    let local = Local::new(&made.path(), limits).unwrap().counting(&work);
    let refused = || {
        let objects = local.objects().unwrap();
        let errors = (2..100).map(|at| objects.blob(&name(at), u64::MAX).unwrap_err());
        errors
            .filter(|error| matches!(error, ObjectError::Spent(1_600_000)))
            .count()
    };
    let first = refused();
    assert!((60..98).contains(&first), "{first}");
    assert_eq!(refused(), 98, "whoever opens them again goes on where it was");
    work.begin();
    assert_eq!(refused(), first);
}

/// To look for what is not there costs, too: all indexes are read, and then once more.
#[test]
fn what_is_looked_for_in_vain_is_counted() {
    let made = circles();
    let limits = Limits {
        total_bytes: 100_000,
        ..Limits::default()
    };
    let objects = Local::new(&made.path(), limits).unwrap().objects().unwrap();
    let errors = (100..200).map(|byte| objects.blob(&name(byte), u64::MAX).unwrap_err());
    let errors: Vec<ObjectError> = errors.collect();
    assert!(matches!(errors.first(), Some(ObjectError::Missing(_))), "{errors:?}");
    assert!(matches!(errors.last(), Some(ObjectError::Spent(_))), "{errors:?}");
}

/// git makes chains of 50 deltas, and of 4,095 when it is told to.
#[test]
fn chains_as_long_as_git_makes_them_are_read() {
    let made = Made::with_files();
    let text = |at: u32| format!("{at:06}").into_bytes();
    let mut pack = Pack::default();
    let mut last = pack.whole(BLOB, &text(0));
    let mut names = vec![(id("blob", &text(0)), pack.start(last))];
    for at in 1..=4_095 {
        last = pack.delta(last, &replacing(6, &text(at)));
        names.push((id("blob", &text(at)), pack.start(last)));
    }
    fs::create_dir_all(packs(&made)).unwrap();
    add(&made, "pack-1", names, pack);
    let objects = local(&made.path()).unwrap().objects().unwrap();
    for at in [0, 50, 251, 4_095] {
        assert_eq!(objects.blob(&id("blob", &text(at)), u64::MAX).unwrap(), text(at));
    }
}

/// git removes directories of objects while it packs; what is gone is not missed.
#[test]
fn what_goes_while_it_is_looked_at_is_not_there() {
    let made = Made::with_files();
    let opened = local(&made.path()).unwrap();
    let busy = made.path().join(".git/objects/zz");
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(1);
    let flapping = std::thread::spawn({
        let busy = busy.clone();
        move || {
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                fs::create_dir_all(busy.join("in")).unwrap();
                fs::remove_dir_all(&busy).unwrap();
            }
        }
    });
    for _ in 0..500 {
        opened.objects().map(drop).unwrap();
    }
    drop(stop);
    flapping.join().unwrap();
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
