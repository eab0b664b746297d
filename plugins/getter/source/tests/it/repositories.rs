//! Repositories of git: what is taken of them, and each bad input by its number in the table of advisories.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use k1s_getter_address::{Algorithm, Digest, Verifier};

use crate::making::{Room, expected, files, said};

/// A repository `made` in a room.
pub(crate) fn room() -> Room {
    let room = Room::new();
    room.write("made/apps/one.yaml", "one");
    room.write("made/apps/deep/two.yaml", "two");
    room.write("made/infra/three.yaml", "three");
    git(&room, &["init", "--quiet", "--initial-branch=main"]);
    commit(&room);
    room
}

pub(crate) fn git(room: &Room, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", room.path("made"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "Ann")))
        .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "ann@example.com")))
        .args(arguments)
        .current_dir(room.path("made"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn commit(room: &Room) -> String {
    git(room, &["add", "--all"]);
    git(room, &["commit", "--quiet", "--message", "A change"]);
    git(room, &["rev-parse", "HEAD"])
}

pub(crate) fn address(room: &Room, rest: &str) -> String {
    format!("git::file://{}{rest}", room.path("made").display())
}

/// The files of the attack SHA-mbles have one SHA-1. Git hashes what an object is before its bytes, so they are two objects.
#[test]
fn g15_files_of_one_sha_1_are_two_objects() {
    let files = [
        include_bytes!("../../fixtures/sha-mbles/one"),
        include_bytes!("../../fixtures/sha-mbles/two"),
    ];
    for bytes in files {
        let sum = Digest::of(Algorithm::Sha1, "8ac60ba76f1999a1ab70223f225aefdc78d4ddc0").unwrap();
        let mut verifier = Verifier::new(sum);
        verifier.update(bytes);
        verifier.finish().unwrap();
    }
    let room = room();
    for (name, bytes) in ["one", "two"].iter().zip(files) {
        room.write(&format!("made/apps/{name}"), bytes);
    }
    commit(&room);
    assert!(room.fetch(&address(&room, "//apps")).status.success());
    for (name, bytes) in ["one", "two"].iter().zip(files) {
        assert_eq!(std::fs::read(room.path("out").join(name)).unwrap(), bytes);
    }
}

#[test]
fn everything_or_a_part_of_any_revision_is_fetched() {
    let all = [
        ("apps/deep/two.yaml", "two"),
        ("apps/one.yaml", "one"),
        ("infra/three.yaml", "three"),
    ];
    for (rest, files) in [
        ("", &all[..]),
        ("//apps", &[("deep/two.yaml", "two"), ("one.yaml", "one")]),
        ("//a*", &[("deep/two.yaml", "two"), ("one.yaml", "one")]),
        ("//apps/deep", &[("two.yaml", "two")]),
    ] {
        let room = room();
        assert_eq!(room.fetched(&address(&room, rest)), expected(files), "{rest}");
    }

    for name in ["old", "v1", "refs/heads/old", ""] {
        let room = room();
        let first = git(&room, &["rev-parse", "HEAD"]);
        git(&room, &["branch", "old"]);
        git(&room, &["tag", "--annotate", "v1", "--message", "One"]);
        room.write("made/infra/three.yaml", "changed");
        commit(&room);
        let name = if name.is_empty() { &first } else { name };
        let fetched = room.fetched(&address(&room, &format!("?ref={name}&depth=1")));
        assert_eq!(fetched, expected(&all), "{name}");
    }
}

#[test]
fn executables_stay_so() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = room();
    room.write("made/run.sh", "#!/bin/sh\n");
    git(&room, &["add", "run.sh"]);
    git(&room, &["update-index", "--chmod=+x", "run.sh"]);
    git(&room, &["commit", "--quiet", "--message", "A program"]);
    room.fetched(&address(&room, ""));
    let mode = |name: &str| std::fs::metadata(room.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("out/run.sh"), mode("out/apps/one.yaml")), (0o755, 0o644));
}

#[test]
fn what_is_not_there_is_told() {
    let room = room();
    for (rest, said) in [
        ("?ref=gone", "no branch and no tag gone"),
        ("?ref=7777777", "write all 40 digits"),
        ("//none", "none"),
        ("//*", "*"),
    ] {
        let refused = room.refused(&address(&room, rest));
        assert!(refused.contains(said), "{rest}: {refused}");
    }
}

#[test]
fn g01_g03_g06_revisions_are_names_and_nothing_else() {
    let room = room();
    room.write("secret", "s3cret");
    let option = format!("?ref=--pathspec-from-file={}", room.path("secret").display());
    for rest in [
        option.as_str(),
        "?ref=main|touch x",
        "?ref=main%20|%20touch%20x",
        "?ref=$(touch%20x)",
        "?ref=HEAD~1",
    ] {
        let refused = room.refused(&address(&room, rest));
        assert!(!refused.contains("s3cret"), "{refused}");
    }
    assert!(!room.path("x").exists() && !room.path("made/x").exists());
}

#[test]
fn g05_a_repository_that_is_elsewhere_is_not_followed() {
    let room = room();
    let elsewhere = room.write(
        "planted/.git",
        format!("gitdir: {}\n", room.path("made/.git").display()),
    );
    assert!(elsewhere.is_file());
    let refused = room.refused(&format!("git::file://{}", room.path("planted").display()));
    assert!(refused.contains("elsewhere"), "{refused}");
}

#[test]
fn g07_g08_links_are_told_and_not_followed() {
    let room = room();
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(Path::new(target), room.path(name)).unwrap();
    link("../../../../..", "made/top");
    link("/etc/passwd", "made/apps/values.yaml");
    commit(&room);
    let refused = room.refused(&address(&room, "//top/etc"));
    assert!(refused.contains("top"), "{refused}");
    let output = room.fetch(&address(&room, "//apps"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("values.yaml: a link, which is not made"),
        "{said}"
    );
    assert!(!room.path("out/values.yaml").exists());
}

/// Commits a submodule whose list says this, and a link to where git keeps its own.
fn nest(room: &Room, path: &str, list: &str) {
    std::os::unix::fs::symlink(".git", room.path("made/a")).unwrap();
    let entry = format!("160000,{},{path}", git(room, &["rev-parse", "HEAD"]));
    git(room, &["update-index", "--add", "--cacheinfo", &entry]);
    room.write("made/.gitmodules", list);
    git(room, &["add", ".gitmodules", "a"]);
    git(room, &["commit", "--quiet", "--message", "A submodule"]);
}

/// What git was led astray by: a name, a path and a URL of a submodule, and the path at which it is.
const ASTRAY: [(&str, &str, &str, &str); 6] = [
    ("x", "vendor", "--upload-pack=touch mark", "vendor"),
    ("../../x", "vendor", "./made", "vendor"),
    ("x", "vendor", "ext::sh -c 'touch mark'", "vendor"),
    ("x", "vendor\r", "../made", "vendor\r"),
    ("x", "-c", "../made", "vendor"),
    ("x", "vendor/.git/hooks", "../made", "vendor"),
];

fn is_untouched(room: &Room, said: &str) {
    for place in ["mark", "made/mark", "out/mark", "out/a", "x"] {
        assert!(room.path(place).symlink_metadata().is_err(), "{place} of {said}");
    }
}

/// Whatever `.gitmodules` says, of whatever form: it is a file like others where no submodules are wanted.
#[test]
fn g10_cve_2018_11235_2018_17456_2024_32002_2025_48384_2026_45571_nothing_of_gitmodules_is_read() {
    for (name, path, url, _) in ASTRAY {
        let room = room();
        let list = format!("[submodule \"{name}\"]\n\tpath = \"{path}\"\n\turl = \"{url}\"\n");
        nest(&room, "vendor", &list);
        let fetched = room.fetched(&address(&room, ""));
        let files: Vec<&str> = fetched.keys().map(String::as_str).collect();
        assert_eq!(
            files,
            [".gitmodules", "apps/deep/two.yaml", "apps/one.yaml", "infra/three.yaml"],
            "{list}"
        );
        assert_eq!(fetched[".gitmodules"], list);
        is_untouched(&room, &list);
        assert!(room.path("out/vendor").symlink_metadata().is_err());
    }
}

/// And where they are wanted, it is refused, and nothing comes of it.
#[test]
fn g10_cve_2018_11235_2018_17456_2025_48384_2026_45571_what_leads_astray_is_refused() {
    for (name, path, url, at) in ASTRAY {
        let room = room();
        let list = format!("[submodule \"{name}\"]\n\tpath = \"{path}\"\n\turl = \"{url}\"\n");
        nest(&room, at, &list);
        let output = room.run(&["fetch", "--allow=file", "--submodules", &address(&room, ""), "out"]);
        assert_eq!(output.status.code(), Some(2), "{list}: {}", said(&output));
        assert!(
            !room.path("out").exists() && said(&output).contains("vendor"),
            "{}",
            said(&output)
        );
        is_untouched(&room, &list);
    }
}

/// Where names differ by their case alone, git wrote through a link into what it keeps its own in, and ran what was there.
#[test]
fn g10_cve_2024_32002_a_submodule_is_never_written_through_a_link() {
    let room = room();
    let list = "[submodule \"x\"]\n\tpath = A/modules/x\n\turl = ../made\n";
    nest(&room, "A/modules/x", list);
    let output = room.run(&["fetch", "--allow=file", "--submodules", &address(&room, ""), "out"]);
    assert!(output.status.success(), "{}", said(&output));
    let fetched = files(&room.path("out"));
    assert_eq!(fetched["A/modules/x/apps/one.yaml"], "one");
    assert_eq!(fetched.len(), 7);
    is_untouched(&room, list);
}

#[test]
fn a_submodule_is_a_part_like_any_other() {
    let room = room();
    nest(&room, "vendor", "[submodule \"x\"]\n\tpath = vendor\n\turl = ../made\n");
    let part = address(&room, "//vendor/apps");
    let refused = room.refused(&part);
    assert!(refused.contains("vendor/apps"), "{refused}");
    let output = room.run(&["fetch", "--allow=file", "--submodules", &part, "out"]);
    assert!(output.status.success(), "{}", said(&output));
    let wanted = [("deep/two.yaml", "two"), ("one.yaml", "one")];
    assert_eq!(files(&room.path("out")), expected(&wanted));
}

#[test]
fn g11_no_host_of_a_submodule_is_asked() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let room = room();
    let entry = format!("160000,{},vendor", "7".repeat(40));
    git(&room, &["update-index", "--add", "--cacheinfo", &entry]);
    let url = format!("http://user:password@{}/r.git", listener.local_addr().unwrap());
    room.write(
        "made/.gitmodules",
        format!("[submodule \"vendor\"]\n\tpath = vendor\n\turl = {url}\n"),
    );
    git(&room, &["add", ".gitmodules"]);
    git(&room, &["commit", "--quiet", "--message", "A submodule"]);
    room.fetched(&address(&room, ""));
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn g10_submodules_are_told_and_not_fetched() {
    let room = room();
    let entry = format!("160000,{},vendor", "7".repeat(40));
    git(&room, &["update-index", "--add", "--cacheinfo", &entry]);
    room.write(
        "made/.gitmodules",
        "[submodule \"../../x\"]\n\tpath = vendor\n\turl = --upload-pack=touch x\n",
    );
    git(&room, &["add", ".gitmodules"]);
    git(&room, &["commit", "--quiet", "--message", "A submodule"]);
    let output = room.fetch(&address(&room, ""));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("vendor: a submodule, which is not fetched"),
        "{said}"
    );
    assert!(!room.path("out/vendor").exists());
}
