use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use k1s_getter_address::{Address, Policy, Source, Transport};
use k1s_manifests::{INCLUDE, Selection};
use k1s_source::{Code, OneOrMany};
use tempfile::TempDir;

use super::*;
use crate::cache::CacheError;
#[cfg(feature = "verify")]
use crate::verify::Trust;
use crate::wish::Files;

/// A repository with a work tree, and a cache.
pub(super) struct Room {
    pub(super) directory: TempDir,
}

impl Room {
    pub(super) fn new() -> Self {
        let room = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(room.repository()).unwrap();
        room.git(&["init", "--quiet", "--initial-branch=main"]);
        room.git(&["config", "uploadpack.allowFilter", "true"]);
        for (path, text) in [
            ("apps/one.yaml", "kind: One"),
            ("infra/two.yaml", "kind: Two"),
            ("readme.md", "text"),
        ] {
            room.write(path, text);
        }
        room.commit();
        room
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        self.git_in("repository", arguments)
    }

    pub(super) fn git_in(&self, name: &str, arguments: &[&str]) -> String {
        let output = quiet(self.directory.path())
            .args(arguments)
            .current_dir(self.directory.path().join(name))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.repository().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(super) fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "A change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Serves the repository until the test ends, and returns its address.
    pub(super) fn serve(&self) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let base = self.directory.path().to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let input = OwnedFd::from(stream.try_clone().unwrap());
                let mut command = quiet(&base);
                command
                    .args(["daemon", "--inetd", "--export-all"])
                    .arg(format!("--base-path={}", base.display()))
                    .stdin(Stdio::from(input))
                    .stdout(Stdio::from(OwnedFd::from(stream)))
                    .stderr(Stdio::null());
                command.status().unwrap();
            }
        });
        format!("git::git://{address}/repository")
    }

    fn origin(&self, address: &str) -> (Git, Wish, Cache) {
        self.origin_of(address, Repository::default())
    }

    fn origin_of(&self, address: &str, repository: Repository) -> (Git, Wish, Cache) {
        let access = Access {
            repository,
            ..Access::default()
        };
        self.origin_by(address, &access)
    }

    pub(super) fn origin_by(&self, address: &str, access: &Access) -> (Git, Wish, Cache) {
        let policy = policy();
        let address = Address::parse(address, &policy).unwrap();
        let Source::Git(named) = &address.source else {
            panic!("{address} is a repository");
        };
        let cache = Cache::open(&self.directory.path().join("cache")).unwrap();
        let origin = Git::new(named, access, &cache, Arc::default());
        let many = |texts: &[&str]| OneOrMany::Many(texts.iter().map(|text| (*text).to_owned()).collect());
        let selection = Selection::configured(&many(&INCLUDE), &many(&[])).unwrap();
        let wish = Wish {
            subdir: address.subdir.clone(),
            files: Files::Manifests(Arc::new(selection)),
            file_bytes: 1 << 20,
            pinned: None,
        };
        (origin, wish, cache)
    }
}

/// What addresses may be in tests.
pub(super) fn policy() -> Policy {
    let more = [Transport::Git, Transport::File, Transport::Http];
    more.into_iter().fold(Policy::default(), Policy::allowing)
}

fn quiet(home: &std::path::Path) -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "Ann")))
        .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "ann@example.com")));
    command
}

pub(super) fn tree_of(looked: Looked) -> Tree {
    match looked {
        Looked::Other(tree) => tree,
        Looked::Same => panic!("it is another"),
    }
}

pub(super) fn paths(tree: &Tree) -> Vec<&str> {
    tree.entries.iter().map(|entry| entry.path.as_str()).collect()
}

pub(super) fn contents(tree: &Tree) -> BTreeSet<Content> {
    let content = |entry: &Entry| match &entry.kind {
        Kind::File(blob) => Some(blob.content.clone()),
        Kind::Link | Kind::Submodule | Kind::Refused(_) => None,
    };
    tree.entries.iter().filter_map(content).collect()
}

#[tokio::test]
async fn a_server_is_looked_at_and_only_what_is_picked_comes() {
    let room = Room::new();
    let (mut git, wish, cache) = room.origin(&format!("{}//apps", room.serve()));
    let first = tree_of(git.look(None, &wish).await.unwrap());
    assert_eq!(
        (paths(&first), first.revision.as_str()),
        (vec!["apps/one.yaml"], &*room.git(&["rev-parse", "HEAD"]))
    );
    assert!(first.roots.contains("apps"));
    let wanted = contents(&first);
    git.bring(&wanted).await.unwrap();
    let read = git.contents().read(wanted.first().unwrap(), 100).unwrap();
    assert_eq!(read, b"kind: One");
    let error = git.contents().read(wanted.first().unwrap(), 3).unwrap_err();
    assert!(matches!(error, OriginError::Cache(CacheError::TooLarge(3))), "{error}");
    let other = Content::git(&room.git(&["rev-parse", "HEAD:infra/two.yaml"])).unwrap();
    assert!(matches!(
        git.contents().read(&other, 100),
        Err(OriginError::Cache(CacheError::Lost(_)))
    ));

    assert_eq!(git.look(Some(&first.mark), &wish).await.unwrap(), Looked::Same);

    // What is picked is the same, though the commit is another.
    room.write("infra/two.yaml", "kind: Other");
    let commit = room.commit();
    let second = tree_of(git.look(Some(&first.mark), &wish).await.unwrap());
    assert_eq!((second.revision, second.entries), (commit, first.entries));

    // After a restart it is read without asking anyone.
    drop(git);
    let (git, _, _) = room.origin("git::git://127.0.0.1:1/repository//apps");
    assert_eq!(git.contents().read(wanted.first().unwrap(), 100).unwrap(), b"kind: One");
    assert!(cache.folder().join(OBJECTS).is_dir());
}

#[tokio::test]
async fn a_repository_on_this_machine_is_read_where_it_is() {
    let room = Room::new();
    room.git(&["tag", "v1"]);
    room.write("apps/one.yaml", "kind: Changed");
    room.commit();
    let address = format!("git::file://{}?ref=v1", room.repository().display());
    let (mut git, wish, cache) = room.origin(&address);
    let tree = tree_of(git.look(None, &wish).await.unwrap());
    assert_eq!(paths(&tree), ["apps/one.yaml", "infra/two.yaml"]);
    git.bring(&contents(&tree)).await.unwrap();
    let one = contents(&tree)
        .into_iter()
        .map(|content| git.contents().read(&content, 100).unwrap());
    assert!(one.collect::<BTreeSet<_>>().contains(b"kind: One".as_slice()));
    assert_eq!(git.look(Some(&tree.mark), &wish).await.unwrap(), Looked::Same);
    assert!(!cache.folder().join(OBJECTS).exists());
}

/// What is signed by somebody trusted is taken, from a server as well as here; another who is trusted has it verified again.
#[cfg(feature = "verify")]
#[tokio::test]
async fn what_is_not_signed_by_somebody_trusted_is_not_taken() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../signature/fixtures");
    let room = Room::new();
    room.write("a.yaml", "a: 1\n");
    room.git(&["rm", "--quiet", "-r", "--cached", "."]);
    room.git(&["add", "a.yaml"]);
    room.git(&["write-tree"]);
    let place = |name: &str, branch: &str| {
        let file = fixtures.join("objects").join(name);
        let id = room.git(&[
            "hash-object",
            "-t",
            "commit",
            "-w",
            "--literally",
            &file.to_string_lossy(),
        ]);
        room.git(&["update-ref", &format!("refs/heads/{branch}"), &id]);
        // Its parents are elsewhere.
        id
    };
    let good = place("ssh-ed25519", "good");
    let strange = place("ssh-stranger", "strange");
    std::fs::write(room.repository().join(".git/shallow"), format!("{good}\n{strange}\n")).unwrap();
    let signers = room.directory.path().join("signers");
    std::fs::copy(fixtures.join("allowed_signers"), &signers).unwrap();
    let here = format!("git::file://{}", room.repository().display());
    for address in [here, room.serve()] {
        let repository = || Repository {
            trust: Some(Trust::new(crate::verify::Mode::Head, Some(signers.clone()), None)),
            range: None,
        };
        let (mut git, wish, _) = room.origin_of(&format!("{address}?ref=strange"), repository());
        let error = git.look(None, &wish).await.unwrap_err();
        assert_eq!(error.problem("x").code(), Code::DataInvalid);
        assert!(error.to_string().contains(&format!("the commit {strange}")), "{error}");

        let (mut git, wish, _) = room.origin_of(&format!("{address}?ref=good"), repository());
        let tree = tree_of(git.look(None, &wish).await.unwrap());
        assert_eq!(paths(&tree), ["a.yaml"]);
        assert_eq!(git.look(Some(&tree.mark), &wish).await.unwrap(), Looked::Same);
        // Whoever is added makes no difference to the state, and yet it is looked at again.
        let text = std::fs::read_to_string(&signers).unwrap();
        std::fs::write(&signers, format!("{text}\n# More.\n")).unwrap();
        let again = tree_of(git.look(Some(&tree.mark), &wish).await.unwrap());
        assert_eq!(again.entries, tree.entries);
    }
}

#[tokio::test]
async fn the_highest_version_in_a_range_is_taken() {
    let room = Room::new();
    for version in ["v1.0.0", "v1.2.0", "v1.10.0", "v2.0.0"] {
        room.write("apps/one.yaml", version);
        room.commit();
        room.git(&["tag", version]);
    }
    for (range, version) in [(">=1.2 <2", "v1.10.0"), ("1.2", "v1.2.0"), ("*", "v2.0.0")] {
        let repository = Repository {
            range: Some(k1s_getter_git::Range::parse(range).unwrap()),
            trust: None,
        };
        let (mut git, wish, _) = room.origin_of(&room.serve(), repository);
        let tree = tree_of(git.look(None, &wish).await.unwrap());
        assert_eq!(tree.revision, room.git(&["rev-parse", version]), "{range}");
    }
}

/// An entry says that it is a file, and what it names is a directory: that is the fault of this file alone.
#[tokio::test]
async fn an_entry_that_is_no_file_is_told_by_itself() {
    let room = Room::new();
    let apps = room.git(&["rev-parse", "HEAD:apps"]);
    let one = room.git(&["rev-parse", "HEAD:apps/one.yaml"]);
    let bytes = |id: &str| -> Vec<u8> {
        let pairs = id.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    };
    let entry = |name: &str, id: &str| [format!("100644 {name}\0").into_bytes(), bytes(id)].concat();
    let raw = [entry("a.yaml", &apps), entry("b.yaml", &one)].concat();
    std::fs::write(room.repository().join("raw"), raw).unwrap();
    let tree = room.git(&["hash-object", "-t", "tree", "-w", "--literally", "raw"]);
    let commit = room.git(&["commit-tree", &tree, "-m", "A trap"]);
    room.git(&["update-ref", "refs/heads/trap", &commit]);
    let address = format!("git::file://{}?ref=trap", room.repository().display());
    let (mut git, wish, _) = room.origin(&address);
    let tree = tree_of(git.look(None, &wish).await.unwrap());
    assert_eq!(paths(&tree), ["a.yaml", "b.yaml"]);
    git.bring(&contents(&tree)).await.unwrap();
    let mut reader = git.contents();
    let mut read = |id: &str| reader.read(&Content::git(id).unwrap(), 100);
    assert!(matches!(read(&apps), Err(OriginError::Cache(CacheError::NoFile(_)))));
    assert_eq!(read(&one).unwrap(), b"kind: One");
}

#[tokio::test]
async fn failures_have_their_class() {
    let room = Room::new();
    let served = room.serve();
    for (address, code) in [
        (format!("{served}?ref=gone"), Code::RootNotFound),
        (format!("{served}?ref={}", "7".repeat(40)), Code::RootNotFound),
        (format!("{served}?ref={}", "7".repeat(64)), Code::Unsupported),
        (format!("{served}?ref=abcdef1"), Code::ConfigInvalid),
        ("git::git://127.0.0.1:1/repository".to_owned(), Code::Unavailable),
        (
            format!("git::file://{}/none", room.directory.path().display()),
            Code::RootNotFound,
        ),
    ] {
        let (mut git, wish, _) = room.origin(&address);
        let error = git.look(None, &wish).await.unwrap_err();
        assert_eq!(error.problem("x").code(), code, "{address}: {error}");
    }
}

#[test]
fn what_cannot_be_a_path_is_made_visible() {
    assert_eq!(shown("a/b.yaml"), "a/b.yaml");
    assert_eq!(shown("../x"), "\u{fffd}../x");
    assert_eq!(shown("a//new\nline"), "a/\u{fffd}/new\u{fffd}line");
}
