use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use k1s_getter_net::{Credential, Reference};

use super::*;
use crate::config::Access;
use crate::content::Content;
use crate::git::tests::{Room, contents, paths, policy, tree_of};
use crate::network::{Credentials, Network};
use crate::origin::{Looked, Origin as _};

/// Access with submodules.
fn access() -> Access {
    Access {
        submodules: Some(policy()),
        ..Access::default()
    }
}

impl Room {
    /// Makes a repository beside the first, with a file, and returns its commit.
    fn beside(&self, name: &str, file: &str, text: &str) -> String {
        std::fs::create_dir(self.directory.path().join(name)).unwrap();
        self.git_in(name, &["init", "--quiet", "--initial-branch=main"]);
        self.git_in(name, &["config", "uploadpack.allowFilter", "true"]);
        self.add(name, file, text)
    }

    /// Commits a file to a repository.
    fn add(&self, name: &str, file: &str, text: &str) -> String {
        let path = self.directory.path().join(name).join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self.git_in(name, &["add", file]);
        self.git_in(name, &["commit", "--quiet", "--message", "A change"]);
        self.git_in(name, &["rev-parse", "HEAD"])
    }

    /// Commits a submodule to a repository, and returns its commit.
    fn nest(&self, name: &str, path: &str, url: &str, commit: &str) -> String {
        let entry = format!("160000,{commit},{path}");
        self.git_in(name, &["update-index", "--add", "--cacheinfo", &entry]);
        let list = std::fs::read_to_string(self.directory.path().join(name).join(Modules::FILE)).unwrap_or_default();
        let list = format!("{list}[submodule \"{path}\"]\n\tpath = {path}\n\turl = {url}\n");
        self.add(name, Modules::FILE, &list)
    }
}

/// What is at paths, read.
async fn read(git: &mut super::super::Git, tree: &crate::tree::Tree) -> Vec<(String, String)> {
    git.bring(&contents(tree)).await.unwrap();
    let mut reader = git.contents();
    let file = |entry: &crate::tree::Entry| {
        let crate::tree::Kind::File(blob) = &entry.kind else {
            panic!("{} is a file", entry.path);
        };
        let bytes = reader.read(&blob.content, 1000).unwrap();
        (entry.path.to_string(), String::from_utf8(bytes).unwrap())
    };
    tree.entries.iter().map(file).collect()
}

/// The commit is one that no reference names, as it is when a submodule went on.
#[tokio::test]
async fn submodules_are_fetched_at_their_commits_and_asked_for_only_when_they_change() {
    let room = Room::new();
    let first = room.beside("lib", "a.yaml", "kind: First");
    room.beside("deep", "b.yaml", "kind: Deep");
    let deep = room.git_in("deep", &["rev-parse", "HEAD"]);
    let nested = room.nest("lib", "in/deep", "./../deep", &deep);
    room.add("lib", "a.yaml", "kind: Later");
    room.nest("repository", "apps/lib", "../lib", &nested);
    let (mut git, wish, cache) = room.origin_by(&room.serve(), &access());
    let tree = tree_of(git.look(None, &wish).await.unwrap());
    let found = read(&mut git, &tree).await;
    let text = |path: &str| found.iter().find(|(at, _)| at == path).map(|(_, text)| text.as_str());
    assert_eq!(text("apps/lib/a.yaml"), Some("kind: First"));
    assert_eq!(text("apps/lib/in/deep/b.yaml"), Some("kind: Deep"));
    assert_eq!(text("apps/one.yaml"), Some("kind: One"));
    let places: Vec<(&str, &str)> = tree
        .modules
        .iter()
        .map(|(path, module)| (path.as_str(), module.revision.as_str()))
        .collect();
    assert_eq!(places, [("apps/lib", &*nested), ("apps/lib/in/deep", &*deep)]);
    assert!(tree.modules["apps/lib"].uri.ends_with("/lib"), "{:?}", tree.modules);

    // Nobody is asked for what has not changed: they are not there any more.
    for name in ["lib", "deep"] {
        std::fs::rename(
            room.directory.path().join(name),
            room.directory.path().join(format!("{name}-gone")),
        )
        .unwrap();
    }
    assert_eq!(git.look(Some(&tree.mark), &wish).await.unwrap(), Looked::Same);
    room.add("repository", "infra/two.yaml", "kind: Other");
    let next = tree_of(git.look(Some(&tree.mark), &wish).await.unwrap());
    assert_eq!(next.modules, tree.modules);
    assert_eq!(read(&mut git, &next).await.len(), found.len());

    // A change that cannot be had is no smaller state.
    room.git(&["update-index", "--cacheinfo", &format!("160000,{first},apps/lib")]);
    room.git(&["commit", "--quiet", "--message", "Back"]);
    let error = git.look(Some(&next.mark), &wish).await.unwrap_err();
    assert!(error.to_string().contains("the submodule `apps/lib`"), "{error}");
    let mut reader = git.contents();
    for content in contents(&next) {
        reader.read(&content, 100).unwrap();
    }

    // After a restart it is read without asking anyone.
    drop(git);
    let (git, ..) = room.origin_by("git::git://127.0.0.1:1/repository", &access());
    let id = room.git_in("deep-gone", &["rev-parse", "HEAD:b.yaml"]);
    assert_eq!(
        git.contents().read(&Content::git(&id).unwrap(), 100).unwrap(),
        b"kind: Deep"
    );
    assert_eq!(std::fs::read_dir(cache.folder().join("submodules")).unwrap().count(), 2);
}

#[tokio::test]
async fn what_a_state_does_not_name_any_more_goes_with_the_next() {
    let room = Room::new();
    let lib = room.beside("lib", "a.yaml", "kind: Lib");
    room.nest("repository", "vendored", "../lib", &lib);
    let (mut git, wish, cache) = room.origin_by(&room.serve(), &access());
    let folders = || std::fs::read_dir(cache.folder().join("submodules")).unwrap().count();
    let with = tree_of(git.look(None, &wish).await.unwrap());
    assert_eq!(folders(), 1);
    room.git(&["rm", "--quiet", "--cached", "vendored"]);
    room.git(&["commit", "--quiet", "--message", "Without"]);
    let without = tree_of(git.look(Some(&with.mark), &wish).await.unwrap());
    assert_eq!(
        (without.modules.len(), folders()),
        (0, 1),
        "the state before is still told"
    );
    room.write("apps/one.yaml", "kind: Other");
    room.git(&["commit", "--all", "--quiet", "--message", "A change"]);
    tree_of(git.look(Some(&without.mark), &wish).await.unwrap());
    assert_eq!(folders(), 0);
}

#[tokio::test]
async fn submodules_on_this_machine_are_read_where_they_are() {
    let room = Room::new();
    let lib = room.beside("lib", "a.yaml", "kind: Lib");
    room.nest("repository", "lib", "../lib", &lib);
    let address = format!("git::file://{}", room.repository().display());
    let (mut git, wish, _) = room.origin_by(&address, &access());
    let tree = tree_of(git.look(None, &wish).await.unwrap());
    assert_eq!(paths(&tree), ["apps/one.yaml", "infra/two.yaml", "lib/a.yaml"]);
    read(&mut git, &tree).await;
    // After a restart the mark says where.
    let (mut git, ..) = room.origin_by(&address, &access());
    assert_eq!(git.look(Some(&tree.mark), &wish).await.unwrap(), Looked::Same);
    let id = room.git_in("lib", &["rev-parse", "HEAD:a.yaml"]);
    assert_eq!(
        git.contents().read(&Content::git(&id).unwrap(), 100).unwrap(),
        b"kind: Lib"
    );

    // Outside of what may be read there is none.
    let confined = Access {
        local_root: Some(room.repository()),
        ..access()
    };
    let (mut git, wish, _) = room.origin_by(&address, &confined);
    let error = git.look(None, &wish).await.unwrap_err();
    assert_eq!(error.code(), Code::Permission, "{error}");
}

/// Looks at a repository with one submodule, and returns what is wrong with it.
async fn refused(url: &str, commit: &str) -> OriginError {
    let room = Room::new();
    room.beside("lib", "a.yaml", "kind: Lib");
    room.nest("repository", "lib", url, commit);
    let (mut git, wish, _) = room.origin_by(&room.serve(), &access());
    git.look(None, &wish).await.unwrap_err()
}

#[tokio::test]
async fn what_cannot_be_had_fails_the_state_and_says_what_helps() {
    for (url, code, said) in [
        ("../lib", Code::RootNotFound, "uploadpack.allowAnySHA1InWant"),
        ("../gone", Code::Unavailable, "the submodule `lib`"),
        ("../../lib", Code::Unsupported, "above the root"),
        ("/srv/lib", Code::Unsupported, "a path of this machine"),
        ("file:///srv/lib", Code::Unsupported, "a path of this machine"),
        ("ftp://h.org/lib", Code::Unsupported, "refused as an address"),
    ] {
        let error = refused(url, &"7".repeat(40)).await;
        assert_eq!(error.code(), code, "{url}: {error}");
        let text = error.to_string();
        assert!(
            text.contains(said) && text.contains("`exclude` leaves it out"),
            "{url}: {text}"
        );
    }
}

#[tokio::test]
async fn one_that_is_named_nowhere_is_refused_and_one_that_is_left_out_is_not() {
    let room = Room::new();
    room.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{},apps/lib", "7".repeat(40)),
    ]);
    room.git(&["commit", "--quiet", "--message", "A link to nowhere"]);
    let served = room.serve();
    let (mut git, wish, _) = room.origin_by(&served, &access());
    let error = git.look(None, &wish).await.unwrap_err().to_string();
    assert!(error.contains("`apps/lib`: `.gitmodules` is not there"), "{error}");
    let list = "[submodule \"other\"]\n\tpath = other\n\turl = ../lib\n";
    room.add("repository", Modules::FILE, list);
    let error = git.look(None, &wish).await.unwrap_err().to_string();
    assert!(error.contains("`.gitmodules` names no URL for it"), "{error}");
    let (mut git, wish, _) = room.origin_by(&format!("{served}//infra"), &access());
    assert_eq!(
        paths(&tree_of(git.look(None, &wish).await.unwrap())),
        ["infra/two.yaml"]
    );
}

/// A link is no list, whatever it leads to.
#[tokio::test]
async fn g10_a_list_that_is_a_link_is_not_followed() {
    let room = Room::new();
    let lib = room.beside("lib", "a.yaml", "kind: Lib");
    room.nest("repository", "lib", "../lib", &lib);
    // git makes no such thing any more.
    let list = room.git(&["rev-parse", "HEAD:.gitmodules"]);
    let entry = |mode: &str, name: &str, id: &str| {
        let id = ObjectId::parse(id.as_bytes()).unwrap();
        [format!("{mode} {name}\0").as_bytes(), id.as_bytes()].concat()
    };
    let raw = [entry("120000", Modules::FILE, &list), entry("160000", "lib", &lib)].concat();
    std::fs::write(room.repository().join("raw"), raw).unwrap();
    let tree = room.git(&["hash-object", "-t", "tree", "-w", "--literally", "raw"]);
    let commit = room.git(&["commit-tree", &tree, "-m", "A link"]);
    room.git(&["update-ref", "refs/heads/main", &commit]);
    let (mut git, wish, _) = room.origin_by(&room.serve(), &access());
    let error = git.look(None, &wish).await.unwrap_err().to_string();
    assert!(error.contains("`.gitmodules` is not there, or no file"), "{error}");
}

/// Two repositories that have each other, at commits before.
#[tokio::test]
async fn g10_repositories_within_themselves_have_an_end() {
    let room = Room::new();
    let mut commit = room.beside("one", "a.yaml", "kind: One");
    room.beside("two", "a.yaml", "kind: Two");
    for (from, to) in [("two", "one"), ("one", "two"), ("two", "one"), ("one", "two")] {
        let path = format!("in-{to}-{}", &commit[..4]);
        commit = room.nest(from, &path, &format!("../{to}"), &commit);
    }
    room.nest(
        "repository",
        "once",
        "../two",
        &room.git_in("two", &["rev-parse", "HEAD~1"]),
    );
    let (mut git, wish, _) = room.origin_by(&room.serve(), &access());
    tree_of(git.look(None, &wish).await.unwrap());
    room.nest("repository", "again", "../one", &commit);
    let error = git.look(None, &wish).await.unwrap_err();
    assert!(error.to_string().contains("within itself again and again"), "{error}");
    assert_eq!(error.code(), Code::DataInvalid);
}

#[tokio::test]
async fn g10_submodules_have_a_number_and_a_depth() {
    let room = Room::new();
    let lib = room.beside("lib", "a.yaml", "kind: Lib");
    let mut list = String::new();
    for at in 0..=SUBMODULES {
        let entry = format!("160000,{lib},lib-{at}");
        room.git(&["update-index", "--add", "--cacheinfo", &entry]);
        list.push_str(&format!("[submodule \"{at}\"]\n\tpath = lib-{at}\n\turl = ../lib\n"));
    }
    room.add("repository", Modules::FILE, &list);
    let address = format!("git::file://{}", room.repository().display());
    let (mut git, wish, _) = room.origin_by(&address, &access());
    let error = git.look(None, &wish).await.unwrap_err();
    assert!(error.to_string().contains("more than 128 submodules"), "{error}");

    let room = Room::new();
    let mut commit = room.beside("lib-0", "a.yaml", "kind: Lib");
    for at in 1..=DEPTH {
        room.beside(&format!("lib-{at}"), "a.yaml", "kind: Lib");
        commit = room.nest(&format!("lib-{at}"), "in", &format!("../lib-{}", at - 1), &commit);
    }
    room.nest("repository", "in", &format!("../lib-{DEPTH}"), &commit);
    let address = format!("git::file://{}", room.repository().display());
    let (mut git, wish, _) = room.origin_by(&address, &access());
    let error = git.look(None, &wish).await.unwrap_err();
    assert!(
        error.to_string().contains("more than 8 submodules lie one in another"),
        "{error}"
    );
}

#[tokio::test]
async fn submodules_are_within_the_limits_together() {
    let room = Room::new();
    let lib = room.beside("lib", "a.yaml", "kind: Lib");
    room.nest("repository", "lib", "../lib", &lib);
    let address = format!("git::file://{}", room.repository().display());
    let mut bounded = access();
    // Seven are of the repository, with its directories, the list and the link.
    bounded.bounds.archive.entries = 8;
    let (mut git, wish, _) = room.origin_by(&address, &bounded);
    tree_of(git.look(None, &wish).await.unwrap());
    for name in ["b.yaml", "c.yaml"] {
        room.add("lib", name, "kind: Lib");
    }
    let more = room.add("lib", "d.yaml", "kind: Lib");
    room.git(&["update-index", "--cacheinfo", &format!("160000,{more},lib")]);
    room.git(&["commit", "--quiet", "--message", "More"]);
    let error = git.look(None, &wish).await.unwrap_err();
    assert!(
        error.to_string().contains("with it, the repository is refused"),
        "{error}"
    );
    assert_eq!(error.code(), Code::TooLarge);
}

/// Who asks is told where the address is, and nobody whom a repository names.
#[tokio::test]
async fn g11_credentials_are_not_for_the_server_of_a_submodule() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/lib", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
            head.extend_from_slice(&byte);
        }
        let none = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(none.as_bytes()).unwrap();
        String::from_utf8(head).unwrap().to_lowercase()
    });
    let room = Room::new();
    room.nest("repository", "lib", &url, &"7".repeat(40));
    let headers = room.directory.path().join("headers");
    std::fs::write(&headers, "PRIVATE-TOKEN: canary\n").unwrap();
    let credentials = Credentials {
        word: Some(Credential::Bearer(Reference::Given(Secret::new("canary")))),
        headers: Some(headers),
        ..Credentials::default()
    };
    let access = Access {
        network: Arc::new(Network {
            credentials,
            ..Network::default()
        }),
        ..access()
    };
    let (mut git, wish, _) = room.origin_by(&room.serve(), &access);
    let error = git.look(None, &wish).await.unwrap_err();
    assert_eq!(error.code(), Code::RootNotFound, "{error}");
    let head = asked.join().unwrap();
    assert!(head.contains("/lib/info/refs") && !head.contains("canary"), "{head}");
}
