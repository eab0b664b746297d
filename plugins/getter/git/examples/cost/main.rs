//! What a repository costs: bytes over the wire and time, beside git and go-getter, in the same run and of the same server.
//!
//! `cargo run --release -p k1s-getter-git --example cost` makes a repository of 5,000 manifests in 50 directories with 300 commits
//! and 20,000 branches, serves it with `git daemon` through a relay that counts, and prints a table. Needs git and Go. Each
//! step is done five times, product and peers in turn; a change is committed before each round. With `-- --smoke` all of it is
//! small and done once, and what is held of the bytes fails if it is not so.

#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a measurement that cannot go on has failed"
)]

#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/it/making.rs"]
mod making;
mod served;
mod table;
#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/it/web.rs"]
mod web;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use k1s_getter_git::{Commit, Found, Limits, ObjectId, Remote};

use making::{Made, Place, quiet, target};
use served::{Secured, Served};
use table::{NEXT_POLL, NEXT_POLL_OVER_TLS, Table};

/// What is made and measured.
#[derive(Clone, Copy)]
struct Size {
    files: usize,
    directories: usize,
    commits: usize,
    branches: usize,
    rounds: usize,
}

const FULL: Size = Size {
    files: 5_000,
    directories: 50,
    commits: 300,
    branches: 20_000,
    rounds: 5,
};
/// Enough to see every step work.
const SMOKE: Size = Size {
    files: 200,
    directories: 10,
    commits: 10,
    branches: 1_000,
    rounds: 1,
};
/// How many times it is asked in a round whether anything changed.
const POLLS: usize = 10;
/// The directory that is wanted, and one that is not.
const WANTED: &str = "dir-07";
const OTHER: &str = "dir-08";
/// What a commit stands on: the one before it in the same stream, or what the branch names now.
const SAME: &str = "";
const TIP: &str = "from refs/heads/main^0\n";
/// Bytes of a manifest that look like nothing.
const NOISE: usize = 900;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let is_smoke = std::env::args().any(|argument| argument == "--smoke");
    let table = runtime.block_on(measure(if is_smoke { SMOKE } else { FULL }));
    table.print();
    table.judge();
}

async fn measure(size: Size) -> Table {
    let made = repository(size);
    let served = Served::start(&made).await;
    let secured = Secured::start(&made).await;
    let peer = peer(made.base());
    let mut table = Table::default();
    for round in 0..size.rounds {
        let mut ours = Ours::new(&served, size);
        ours.first(&mut table).await;
        polls(&mut table, &served, &secured).await;
        plain(&mut table, &served, &made, &format!("clone-{round}")).await;
        go_getter(&mut table, &served, &made, &peer, &format!("got-{round}")).await;

        change(&made, OTHER, size.commits + round);
        ours.next("k1s: poll and fetch, the part that is wanted is unchanged", &mut table)
            .await;
        change(&made, WANTED, size.commits + round);
        ours.next("k1s: poll and fetch, one file of the part is changed", &mut table)
            .await;
        let begun = Instant::now();
        git(
            &made,
            &format!("clone-{round}"),
            &["fetch", "--quiet", "--depth=1", "origin", "main"],
        )
        .await;
        table.add(
            "git: fetch --depth 1 after two commits, shallow clone",
            &served.counter,
            begun,
        );
        let begun = Instant::now();
        get(
            &peer,
            &source(&served, "?ref=main"),
            &made.base().join(format!("got-{round}")),
        )
        .await;
        table.add("go-getter: update after two commits", &served.counter, begun);
    }
    table
}

/// Asks again and again whether anything changed, as a source does.
async fn polls(table: &mut Table, served: &Served, secured: &Secured) {
    for (name, counter, mut remote) in [
        (NEXT_POLL, &served.counter, served.remote()),
        (NEXT_POLL_OVER_TLS, &secured.counter, secured.remote()),
    ] {
        target(&mut remote, "main").await;
        for _ in 0..POLLS {
            counter.traffic();
            let begun = Instant::now();
            target(&mut remote, "main").await;
            table.add(name, counter, begun);
        }
    }
}

/// The product, asking for one directory.
struct Ours<'s> {
    served: &'s Served,
    size: Size,
    remote: Remote,
    place: Place,
    last: Option<(Commit, Found)>,
}

impl<'s> Ours<'s> {
    fn new(served: &'s Served, size: Size) -> Self {
        Self {
            served,
            size,
            remote: served.remote(),
            place: Place::new(),
            last: None,
        }
    }

    async fn first(&mut self, table: &mut Table) {
        self.served.counter.traffic();
        let begun = Instant::now();
        let found = target(&mut self.remote, "main").await;
        table.add("k1s: poll", &self.served.counter, begun);

        let begun = Instant::now();
        let commit = self.remote.fetch(&self.place.cache, &found, None).await.unwrap();
        table.add("k1s: commit and all trees", &self.served.counter, begun);

        let begun = Instant::now();
        let part = self.files(&commit).await;
        table.add("k1s: files of 1 directory", &self.served.counter, begun);
        self.last = Some((commit, part));
    }

    async fn next(&mut self, name: &str, table: &mut Table) {
        self.served.counter.traffic();
        let begun = Instant::now();
        let found = target(&mut self.remote, "main").await;
        let (old, before) = self.last.take().unwrap();
        let commit = self
            .remote
            .fetch(&self.place.cache, &found, Some(&old.id))
            .await
            .unwrap();
        let part = self.part(&commit);
        if part != before {
            self.files(&commit).await;
        }
        table.add(name, &self.served.counter, begun);
        self.last = Some((commit, part));
    }

    fn part(&self, commit: &Commit) -> Found {
        let objects = self.place.cache.objects(&Limits::default()).unwrap();
        objects.find(&commit.tree, WANTED).unwrap()
    }

    /// Brings the files of the directory, and reads them.
    async fn files(&mut self, commit: &Commit) -> Found {
        let part = self.part(commit);
        let Found::Tree(tree) = &part else {
            panic!("{WANTED} is a directory");
        };
        let listed = self
            .place
            .cache
            .objects(&Limits::default())
            .unwrap()
            .list(tree)
            .unwrap();
        let ids: Vec<ObjectId> = listed.iter().map(|entry| entry.id).collect();
        self.remote.fetch_blobs(&self.place.cache, &ids).await.unwrap();
        let objects = self.place.cache.objects(&Limits::default()).unwrap();
        assert!(ids.iter().all(|id| objects.blob(id, u64::MAX).unwrap().len() > NOISE));
        assert_eq!(ids.len(), self.size.files / self.size.directories);
        part
    }
}

/// git by itself.
async fn plain(table: &mut Table, served: &Served, made: &Made, name: &str) {
    let url = source(served, "");
    let url = url.strip_prefix("git::").unwrap();
    served.counter.traffic();
    let begun = Instant::now();
    git(made, ".", &["ls-remote", "--quiet", url, "refs/heads/main"]).await;
    table.add("git: ls-remote URL refs/heads/main", &served.counter, begun);

    let begun = Instant::now();
    git(
        made,
        ".",
        &["clone", "--quiet", "--depth=1", "--branch=main", url, name],
    )
    .await;
    table.add("git: clone --depth 1", &served.counter, begun);

    let sparse = format!("{name}-sparse");
    let begun = Instant::now();
    let clone = [
        "clone",
        "--quiet",
        "--depth=1",
        "--branch=main",
        "--filter=blob:none",
        "--sparse",
        url,
        &sparse,
    ];
    git(made, ".", &clone).await;
    git(made, &sparse, &["sparse-checkout", "set", WANTED]).await;
    table.add(
        "git: clone --depth 1 --filter=blob:none --sparse, one directory",
        &served.counter,
        begun,
    );
}

async fn go_getter(table: &mut Table, served: &Served, made: &Made, peer: &Path, name: &str) {
    served.counter.traffic();
    let begun = Instant::now();
    get(
        peer,
        &source(served, &format!("//{WANTED}?ref=main&depth=1")),
        &made.base().join(format!("{name}-part")),
    )
    .await;
    table.add(
        "go-getter: one directory, depth=1, whenever it is asked",
        &served.counter,
        begun,
    );

    let begun = Instant::now();
    get(peer, &source(served, "?ref=main"), &made.base().join(name)).await;
    table.add("go-getter: all", &served.counter, begun);
}

fn source(served: &Served, rest: &str) -> String {
    format!("git::git://{}/repository{rest}", served.address())
}

/// Runs git beside the repository, as a process while the server serves.
async fn git(made: &Made, directory: &str, arguments: &[&str]) {
    let mut command = quiet("git", made.base());
    command.args(arguments).current_dir(made.base().join(directory));
    succeed(command).await;
}

async fn get(peer: &Path, source: &str, directory: &Path) {
    let mut command = quiet(peer.to_str().unwrap(), directory.parent().unwrap());
    command.arg(source).arg(directory);
    succeed(command).await;
}

async fn succeed(command: Command) {
    let output = tokio::process::Command::from(command).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Builds the program that uses go-getter.
fn peer(base: &Path) -> PathBuf {
    let built = base.join("peer");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cost/peer");
    let status = Command::new("go")
        .args(["build", "-o"])
        .arg(&built)
        .arg(".")
        .current_dir(source)
        .status();
    assert!(status.unwrap().success(), "go build");
    built
}

/// Commits a change of one file in a directory.
fn change(made: &Made, directory: &str, at: usize) {
    let mut stream = String::new();
    commit(
        &mut stream,
        at,
        TIP,
        &[(directory.to_owned() + "/file-003.yaml", manifest(1_000_003 + at))],
    );
    made.git_with(&["fast-import", "--quiet", "--force"], stream.as_bytes());
}

fn repository(size: Size) -> Made {
    let Size {
        files,
        directories,
        commits,
        branches,
        rounds: _,
    } = size;
    let made = Made::new();
    made.git(&["config", "uploadpack.allowFilter", "true"]);
    let mut stream = String::new();
    let path = |at: usize| format!("dir-{:02}/file-{:03}.yaml", at % directories, at / directories);
    let all: Vec<(String, String)> = (0..files).map(|at| (path(at), manifest(at))).collect();
    commit(&mut stream, 0, SAME, &all);
    for at in 1..commits {
        commit(&mut stream, at, SAME, &[(path(at * 7), manifest(files + at))]);
    }
    made.git_with(&["fast-import", "--quiet"], stream.as_bytes());
    let head = made.id("main");
    let branches: String = (0..branches)
        .map(|at| format!("create refs/heads/feature/branch-{at:05} {head}\n"))
        .collect();
    made.git_with(&["update-ref", "--stdin"], branches.as_bytes());
    made.git(&["pack-refs", "--all"]);
    made.git(&["repack", "-a", "-d", "--quiet"]);
    made
}

/// Writes a commit of some files on top of another.
fn commit(stream: &mut String, at: usize, parent: &str, files: &[(String, String)]) {
    let when = 1_700_000_000 + at;
    let message = format!("Change {at}");
    write!(
        stream,
        "commit refs/heads/main\ncommitter Ann <ann@example.com> {when} +0000\ndata {}\n{message}\n",
        message.len()
    )
    .unwrap();
    stream.push_str(parent);
    for (path, text) in files {
        write!(stream, "M 100644 inline {path}\ndata {}\n{text}\n", text.len()).unwrap();
    }
}

/// Some 1.2 KB of YAML, most of which looks like nothing.
fn manifest(seed: usize) -> String {
    let mut state = seed as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let noise = (0..NOISE).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from_digit((state >> 60) as u32, 16).unwrap()
    });
    let noise: String = noise.collect();
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map-{seed}\n  namespace: default\n  labels:\n    app.kubernetes.io/name: map\n    app.kubernetes.io/part-of: measurement\ndata:\n  seed: \"{seed}\"\n  noise: {noise}\n"
    )
}
