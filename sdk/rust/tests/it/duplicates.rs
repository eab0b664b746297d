//! Two declarations of one key, listing after listing.

use std::sync::Mutex;

use k1s_source::{At, Capability, Code, Problem, Scope, SnapshotWriter};
use k1s_source_proto::v1::event::Change;
use k1s_source_proto::v1::snapshot_end::Outcome;
use k1s_source_proto::v1::*;

use crate::host::{Launch, Session, begin, full, known};
use crate::scripted::{Script, Scripted, yaml};
use crate::transcript::{events, said, verify};

/// Declares the paths named for the listing, each with the object `k`; a path that begins with "!" cannot be read.
struct Claims;

/// What each listing finds; only the tests of this file take from it, one after the other.
static FOUND: Mutex<Vec<&[&str]>> = Mutex::new(Vec::new());
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl Script for Claims {
    const CAPABILITIES: &'static [Capability] = &[Capability::Seen, Capability::NeedsKnown];

    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let found = FOUND.lock().unwrap().remove(0);
        for path in found {
            if let Some(path) = path.strip_prefix('!') {
                out.failed(At::path(path), Problem::new(Code::Permission, "no")).await?;
                continue;
            }
            let at = At::path(path).version("v");
            if !out.unchanged(&at).await? {
                out.yaml(yaml("k").as_bytes(), at).await?;
            }
        }
        Ok(())
    }
}

/// Plays listings after each other and returns what each said.
async fn play(told: &[(&str, &str, &str)], found: &[&'static [&'static str]]) -> Vec<Vec<String>> {
    let _alone = ONE_AT_A_TIME.lock().await;
    *FOUND.lock().unwrap() = found.to_vec();
    let opening = vec![begin(begin::Mode::Full), known("", told)];
    let (mut launch, mut session) = Launch::open::<Scripted<Claims>>(opening).await;
    let mut listings = Vec::new();
    for listing in 0..found.len() {
        if listing > 0 {
            launch.sync("", sync_request::Reason::Interval).await.unwrap();
        }
        listings.push(next(&mut session).await);
    }
    listings
}

async fn next(session: &mut Session) -> Vec<String> {
    let messages = session.until_end().await;
    assert_eq!(verify(&messages), Outcome::Complete);
    said(&messages)
}

#[tokio::test]
async fn new_claims_end_with_the_lowest_path_and_stay_there() {
    let said = play(&[], &[&["c", "a", "b"], &["c", "b", "a"], &["b", "c"]]).await;
    let first = [
        "upsert k c:2",
        "upsert k a:2",
        "DuplicateKey k b:2",
        "DuplicateKey k c:2",
    ];
    let mut settled = said[0].clone();
    settled[2..].sort();
    assert_eq!(settled, first);
    assert_eq!(
        said[1][0], "upsert k a:2",
        "the owner does not change, whatever the order"
    );
    assert_eq!(said[1][1..], ["DuplicateKey k b:2", "DuplicateKey k c:2"]);
    assert_eq!(
        said[2],
        ["upsert k b:2", "DuplicateKey k c:2"],
        "the loser takes over when the winner goes"
    );
}

#[tokio::test]
async fn what_the_host_applied_decides_until_the_end() {
    let told = [("k", "v 1/1", "b")];
    assert_eq!(
        play(&told, &[&["c", "b"]]).await[0],
        ["upsert k b:2", "DuplicateKey k c:2"]
    );
    assert_eq!(
        play(&told, &[&["b", "c"]]).await[0],
        ["seen(v 1/1) k b", "DuplicateKey k c:2"]
    );
    let overtaken = play(&told, &[&["a", "b"]]).await;
    assert_eq!(overtaken[0], ["upsert k b:2", "upsert k a:2", "DuplicateKey k b:2"]);
    assert_eq!(
        play(&told, &[&["renamed"]]).await[0],
        ["upsert k renamed:2"],
        "a rename is one upsert"
    );
    let below = play(&[("k", "v 1/1", "d/e/b")], &[&["a", "!d"]]).await;
    assert_eq!(
        below[0],
        ["Permission - d", "DuplicateKey k a:2"],
        "nor does what lies below it lose its key"
    );
    let unreadable = play(&told, &[&["a", "!b"], &["a"]]).await;
    assert_eq!(
        unreadable[0],
        ["Permission - b", "DuplicateKey k a:2"],
        "what cannot be read keeps its key"
    );
    assert_eq!(unreadable[1], ["upsert k a:2"]);
}

#[tokio::test]
async fn both_places_are_named() {
    let _alone = ONE_AT_A_TIME.lock().await;
    *FOUND.lock().unwrap() = vec![&["dir/b.yaml", "dir/a.yaml"]];
    let (_launch, mut session) = Launch::open::<Scripted<Claims>>(full()).await;
    let messages = session.until_end().await;
    let events = events(&messages);
    let Some(Change::Failed(problem)) = &events[2].change else {
        panic!("{events:?}")
    };
    assert_eq!(problem.message, "ConfigMap k, also in dir/a.yaml:2:1, which is used");
    let at = events[2].provenance.clone().unwrap();
    assert_eq!((at.path.as_str(), at.line), ("dir/b.yaml", 2));
}

/// Declares the same key twice in one stream.
struct Twice;

impl Script for Twice {
    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.yaml((yaml("k") + &yaml("k")).as_bytes(), At::path("p")).await
    }
}

#[tokio::test]
async fn the_first_of_one_file_wins() {
    let (_launch, mut session) = Launch::open::<Scripted<Twice>>(full()).await;
    assert_eq!(next(&mut session).await, ["upsert k p:2", "DuplicateKey k p:7"]);
}
