//! Trees that are made by hand: links, submodules, names that lead elsewhere, and ones without end.

use k1s_getter_git::{
    Found, GitError, Kind, Limit, Limits, NameFault, ObjectError, ObjectId, Objects, PathFault, TreeError,
};

use crate::making::Place;
use crate::packs::{id, repository, tree};
use crate::script::{Script, packed};

/// Fetches a commit with these trees, the first of which is its root.
async fn fetched(trees: &[Vec<u8>], limits: Limits) -> Result<(Place, Objects, ObjectId), GitError> {
    let place = Place::new();
    let (pack, target) = repository(trees);
    let mut remote = Script::answering(packed(&pack)).remote_within(limits);
    let commit = remote.fetch(&place.cache, &target, None).await?;
    let objects = place.cache.objects(&limits)?;
    Ok((place, objects, commit.tree))
}

fn text(text: &str) -> ObjectId {
    id("blob", text.as_bytes())
}

/// A tree as a repository would have it that means harm, and what it is taken for.
fn odd() -> (Vec<Vec<u8>>, Vec<(&'static str, Kind)>) {
    let inner = tree(&[("100644", b"config", text("[core]"))]);
    let (file, below) = (text("x"), id("tree", &inner));
    let name = |fault| Kind::Refused(PathFault::Name(fault));
    let root = tree(&[
        ("40000", b".git", below),
        ("100644", b"..", file),
        ("40000", b".GIT ", below),
        ("100644", b"a/../../x", file),
        ("100644", b"back\\slash", file),
        ("40000", b"directory", below),
        ("100664", b"group.yaml", file),
        ("120000", b"link", text("/etc/passwd")),
        ("100644", b"new\nline", file),
        ("104755", b"setuid", file),
        ("160000", b"submodule", ObjectId::from_bytes(&[1; 20]).unwrap()),
        ("100644", b"twice", file),
        ("40000", b"twice", below),
        ("10644", b"what", file),
    ]);
    let mut expected = vec![
        ("..", name(NameFault::Elsewhere)),
        (".GIT ", name(NameFault::Reserved)),
        (".git", name(NameFault::Reserved)),
        ("a/../../x", name(NameFault::Elsewhere)),
        ("back\\slash", name(NameFault::Characters)),
        ("directory/config", Kind::File),
        ("group.yaml", Kind::File),
        ("link", Kind::Link),
        ("new\nline", name(NameFault::Characters)),
        ("setuid", Kind::Executable),
        ("submodule", Kind::Submodule),
        ("twice", Kind::File),
        ("twice", name(NameFault::Twice)),
        ("what", Kind::Refused(PathFault::Mode(0o010_644))),
    ];
    expected.sort_unstable();
    (vec![root, inner], expected)
}

#[tokio::test]
async fn what_is_no_file_is_reported_and_not_entered() {
    let (trees, expected) = odd();
    let (_place, objects, root) = fetched(&trees, Limits::default()).await.unwrap();
    let entries = objects.list(&root).unwrap();
    let mut seen: Vec<_> = entries.iter().map(|entry| (entry.path.as_str(), entry.kind)).collect();
    seen.sort_unstable();
    assert_eq!(seen, expected);
    for entry in entries.iter().filter(|entry| entry.path == "..") {
        assert_eq!(
            format!("it {}", fault(entry.kind)),
            "it has a name that leads elsewhere"
        );
    }
}

fn fault(kind: Kind) -> PathFault {
    match kind {
        Kind::Refused(fault) => fault,
        Kind::File | Kind::Executable | Kind::Link | Kind::Submodule => panic!("{kind:?}"),
    }
}

#[tokio::test]
async fn paths_go_through_directories_only() {
    let (trees, _) = odd();
    let (_place, objects, root) = fetched(&trees, Limits::default()).await.unwrap();
    assert_eq!(objects.find(&root, "").unwrap(), Found::Tree(root));
    assert!(matches!(objects.find(&root, "directory").unwrap(), Found::Tree(_)));
    for (path, kind) in [
        ("directory/config", Kind::File),
        ("link", Kind::Link),
        ("submodule", Kind::Submodule),
    ] {
        assert!(
            matches!(objects.find(&root, path).unwrap(), Found::Entry(entry) if entry.kind == kind),
            "{path}"
        );
    }
    for path in ["link/etc/passwd", "submodule/x", "group.yaml/x", "directory/config/x"] {
        let error = objects.find(&root, path).unwrap_err();
        assert!(matches!(error, TreeError::Through(_)), "{path}: {error}");
    }
    for path in [
        "..",
        "../x",
        "directory/../link",
        "/etc/passwd",
        "directory/",
        ".git/config",
        "a\\b",
        ".",
    ] {
        let error = objects.find(&root, path).unwrap_err();
        assert!(matches!(error, TreeError::Path { .. }), "{path}: {error}");
    }
    let error = objects.find(&root, "directory/none").unwrap_err();
    assert!(
        matches!(&error, TreeError::Absent(path) if path == "directory/none"),
        "{error}"
    );
}

/// Each tree has the next one twice, so that the first has 2^60 files: it comes as 60 objects of 60 bytes.
#[tokio::test]
async fn a_tree_without_end_ends_at_the_limit() {
    let mut trees = vec![tree(&[("100644", b"a", text("a"))])];
    for _ in 0..60 {
        let below = id("tree", trees.last().unwrap());
        trees.push(tree(&[("40000", b"a", below), ("40000", b"b", below)]));
    }
    trees.reverse();
    let limits = Limits {
        entries: 10_000,
        ..Limits::default()
    };
    let (_place, objects, root) = fetched(&trees, limits).await.unwrap();
    let error = objects.list(&root).unwrap_err();
    assert!(matches!(error, TreeError::Limit(Limit::Entries(10_000))), "{error}");
}

#[tokio::test]
async fn a_tree_that_is_too_deep_ends_at_the_limit() {
    let mut trees = vec![tree(&[("100644", b"a", text("a"))])];
    for _ in 0..64 {
        let below = id("tree", trees.last().unwrap());
        trees.push(tree(&[("40000", b"a", below)]));
    }
    trees.reverse();
    let (_place, objects, root) = fetched(&trees, Limits::default()).await.unwrap();
    let error = objects.list(&root).unwrap_err();
    assert!(matches!(error, TreeError::Limit(Limit::PathDepth(64))), "{error}");
    let (_place, objects, root) = fetched(&trees[1..], Limits::default()).await.unwrap();
    objects.list(&root).unwrap();
}

/// A few kilobytes of a pack say some gigabytes of paths.
#[tokio::test]
async fn paths_that_are_long_end_at_the_limits() {
    let name = "n".repeat(250);
    let mut trees = vec![tree(&[("100644", b"a", text("a"))])];
    for _ in 0..17 {
        let below = id("tree", trees.last().unwrap());
        trees.push(tree(&[("40000", name.as_bytes(), below)]));
    }
    trees.reverse();
    let (_place, objects, root) = fetched(&trees, Limits::default()).await.unwrap();
    let error = objects.list(&root).unwrap_err();
    assert!(matches!(error, TreeError::Limit(Limit::PathBytes(4096))), "{error}");
    let (_place, objects, root) = fetched(&trees[1..], Limits::default()).await.unwrap();
    assert_eq!(objects.list(&root).unwrap()[0].path.len(), 16 * 251 + 1);

    let names: Vec<String> = (0..300).map(|at| format!("{at:0>250}")).collect();
    let entry = |name, mode, below| (mode, str::as_bytes(name), below);
    let leaves = tree(
        &names
            .iter()
            .map(|name| entry(name, "100644", text("a")))
            .collect::<Vec<_>>(),
    );
    let below = id("tree", &leaves);
    let root = tree(&names.iter().map(|name| entry(name, "40000", below)).collect::<Vec<_>>());
    let limits = Limits {
        list_bytes: 40 << 20,
        ..Limits::default()
    };
    let (_place, objects, root) = fetched(&[root, leaves], limits).await.unwrap();
    let error = objects.list(&root).unwrap_err();
    assert!(
        matches!(error, TreeError::Limit(Limit::ListBytes(bytes)) if bytes == 40 << 20),
        "{error}"
    );
}

/// An entry of a file that names a tree, a commit, or what is larger than anybody wants: of those files alone something is wrong.
#[tokio::test]
async fn what_an_entry_names_is_told_of_that_entry_alone() {
    let inner = tree(&[("100644", b"a", text("a"))]);
    let root = tree(&[
        ("40000", b"below", id("tree", &inner)),
        ("100644", b"wrong.yaml", id("tree", &inner)),
    ]);
    let wrong = id("tree", &inner);
    let (place, objects, root) = fetched(&[root, inner], Limits::default()).await.unwrap();
    assert_eq!(objects.list(&root).unwrap().len(), 2);
    let mut remote = Script::answering(Vec::new()).remote();
    remote.fetch_blobs(&place.cache, &[wrong]).await.unwrap();
    let error = objects.blob(&wrong, 1_000).unwrap_err();
    assert!(
        matches!(error, ObjectError::Kind { id, wanted: "blob" } if id == wrong),
        "{error}"
    );
}

#[tokio::test]
async fn a_commit_without_all_its_trees_is_not_one() {
    let inner = tree(&[("100644", b"a", text("a"))]);
    let root = tree(&[("40000", b"below", id("tree", &inner))]);
    let error = fetched(&[root], Limits::default()).await.map(drop).unwrap_err();
    assert!(matches!(error, GitError::Object(ObjectError::Missing(_))), "{error}");
    let error = fetched(&[b"100644 no end".to_vec()], Limits::default())
        .await
        .map(drop)
        .unwrap_err();
    assert!(
        matches!(error, GitError::Tree(TreeError::Object(ObjectError::Malformed { .. }))),
        "{error}"
    );
}
