//! What may be called unchanged, and what may not.

use k1s_source::{At, Capability, Problem, Scope, SnapshotWriter};
use k1s_source_proto::v1::snapshot_end::Outcome;
use k1s_source_proto::v1::*;

use crate::host::{Launch, Session, begin, full, key, known};
use crate::scripted::{Script, Scripted, map, yaml};
use crate::transcript::{said, verify};

const SEEN: &[Capability] = &[Capability::Seen, Capability::NeedsKnown];

/// Declares four paths, each only if it is not unchanged.
struct Files;

impl Script for Files {
    const CAPABILITIES: &'static [Capability] = SEEN;

    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let files = [
            ("both", yaml("a") + &yaml("b")),
            ("mixed", yaml("c") + "---\nvalues: 1\n"),
            ("one", yaml("d")),
            ("partly", yaml("e") + "---\nkind: Pod\n"),
        ];
        for (path, content) in files {
            let at = At::path(path).version("v1");
            if !out.unchanged(&at).await? {
                out.yaml(content.as_bytes(), at).await?;
            }
        }
        Ok(())
    }
}

const UNREAD: [&str; 8] = [
    "upsert a both:2",
    "upsert b both:7",
    "upsert c mixed:2",
    "NotAnObject - mixed:7",
    "upsert d one:2",
    "upsert e partly:2",
    "DataInvalid - partly:7",
    "",
];

async fn next(session: &mut Session) -> Vec<String> {
    let messages = session.until_end().await;
    assert_eq!(verify(&messages), Outcome::Complete);
    said(&messages)
}

#[tokio::test]
async fn what_was_sent_in_this_session_is_seen_if_all_of_its_path_was() {
    let (mut launch, mut session) = Launch::open::<Scripted<Files>>(full()).await;
    assert_eq!(next(&mut session).await, UNREAD[..7]);
    launch.sync("", sync_request::Reason::Interval).await.unwrap();
    let again = [
        "seen(v1 1/2) a both",
        "seen(v1 2/2) b both",
        "upsert c mixed:2",
        "NotAnObject - mixed:7",
        "seen(v1 1/1) d one",
        "upsert e partly:2",
        "DataInvalid - partly:7",
    ];
    assert_eq!(next(&mut session).await, again);
    launch.sync("", sync_request::Reason::ForgetKnown).await.unwrap();
    assert_eq!(
        next(&mut session).await,
        UNREAD[..7],
        "nothing is known that was forgotten"
    );
    launch.sync("", sync_request::Reason::Verify).await.unwrap();
    assert_eq!(next(&mut session).await, again, "but it is known again once sent");
}

#[tokio::test]
async fn what_the_host_knows_is_seen_if_it_knows_all_of_a_path() {
    /// What the host says it holds (name, version, path), and what is said of the path then.
    type Case<'a> = (&'a [(&'a str, &'a str, &'a str)], [&'a str; 2]);
    let cases: &[Case<'_>] = &[
        (
            &[("a", "v1 1/2", "both"), ("b", "v1 2/2", "both")],
            ["seen(v1 1/2) a both", "seen(v1 2/2) b both"],
        ),
        (&[("a", "v1 1/2", "both")], ["upsert a both:2", "upsert b both:7"]),
        (
            &[("a", "v1 1/2", "both"), ("b", "v1 2/2", "other")],
            ["upsert a both:2", "upsert b both:7"],
        ),
        (
            &[("a", "v0 1/2", "both"), ("b", "v0 2/2", "both")],
            ["upsert a both:2", "upsert b both:7"],
        ),
        (
            &[("a", "v1", "both"), ("b", "v1", "both")],
            ["upsert a both:2", "upsert b both:7"],
        ),
        (
            &[("a", "", "both"), ("b", "", "both")],
            ["upsert a both:2", "upsert b both:7"],
        ),
    ];
    for (told, expected) in cases {
        let opening = vec![begin(begin::Mode::Full), known("", told)];
        let (_launch, mut session) = Launch::open::<Scripted<Files>>(opening).await;
        let said = next(&mut session).await;
        let both: Vec<&String> = said.iter().filter(|said| said.contains("both")).collect();
        // A key that another path holds is decided at the end of the listing; it still comes, and as an upsert.
        assert_eq!(both, expected.iter().collect::<Vec<_>>(), "{told:?}");
    }
}

#[tokio::test]
async fn each_session_knows_only_what_it_was_told() {
    let (mut launch, mut session) = Launch::open::<Scripted<Files>>(full()).await;
    assert_eq!(next(&mut session).await, UNREAD[..7]);
    drop(session);
    let mut session = launch.start().await.unwrap();
    session.say(begin(begin::Mode::Full)).await;
    session.say(host_message::Message::Ready(Ready {})).await;
    assert_eq!(next(&mut session).await, UNREAD[..7]);
}

/// Declares rows by themselves, with a version each.
struct Rows;

impl Script for Rows {
    const CAPABILITIES: &'static [Capability] = SEEN;

    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        for (name, version) in [("a", "1"), ("b", ""), ("c", &*"long".repeat(64))] {
            let at = At::path("rows").version(version);
            if !out.seen(&key(name), &at).await? {
                out.object(map(name), at).await?;
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn single_objects_are_seen_at_their_own_version() {
    let (mut launch, mut session) = Launch::open::<Scripted<Rows>>(full()).await;
    assert_eq!(
        next(&mut session).await,
        ["upsert a rows", "upsert b rows", "upsert c rows"]
    );
    launch.sync("", sync_request::Reason::Interval).await.unwrap();
    let again = next(&mut session).await;
    assert_eq!(again[..2], ["seen(1) a rows", "upsert b rows"], "no version, no Seen");
    assert!(again[2].starts_with("seen(") && again[2].len() < 128, "{}", again[2]);
}

/// Tries to say Seen without the capability.
struct Presumptuous;

impl Script for Presumptuous {
    async fn snapshot(scope: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        Rows::snapshot(scope, out).await
    }
}

#[tokio::test]
async fn a_source_without_the_capability_never_says_seen() {
    let opening = vec![begin(begin::Mode::Full), known("", &[("a", "1", "rows")])];
    let (mut launch, mut session) = Launch::open::<Scripted<Presumptuous>>(opening).await;
    for _ in 0..2 {
        assert_eq!(
            next(&mut session).await,
            ["upsert a rows", "upsert b rows", "upsert c rows"]
        );
        launch.sync("", sync_request::Reason::Interval).await.unwrap();
    }
}

/// Declares `a` only the first time.
struct Vanishing;

static LISTINGS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

impl Script for Vanishing {
    const CAPABILITIES: &'static [Capability] = SEEN;

    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let listing = LISTINGS.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let at = At::path("p").version("1");
        if listing == 1 {
            return Ok(());
        }
        if !out.seen(&key("a"), &at).await? {
            out.object(map("a"), at).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn what_a_complete_listing_left_out_is_not_known_any_more() {
    let (mut launch, mut session) = Launch::open::<Scripted<Vanishing>>(full()).await;
    assert_eq!(next(&mut session).await, ["upsert a p"]);
    launch.sync("", sync_request::Reason::Interval).await.unwrap();
    assert_eq!(next(&mut session).await, [""; 0]);
    launch.sync("", sync_request::Reason::Interval).await.unwrap();
    assert_eq!(next(&mut session).await, ["upsert a p"], "the host may have deleted it");
}

/// Finds `b` unchanged, and then the same key in `a` too, told as `unchanged` or not.
struct Rivals;

impl Script for Rivals {
    const CAPABILITIES: &'static [Capability] = SEEN;

    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let at = |path| At::path(path).version("1");
        let found = out.known().find_path("b").map(|(found, _)| found);
        assert!(out.unchanged_as_found(&at("b"), found).await?);
        out.yaml(yaml("k").as_bytes(), at("a")).await?;
        assert!(!out.seen(&key("k"), &At::path("a").version("1 1/1")).await?);
        assert!(
            !out.unchanged(&at("b")).await?,
            "what is to be decided has to be declared"
        );
        Ok(())
    }
}

#[tokio::test]
async fn a_path_that_is_unchanged_keeps_its_keys_until_the_end_of_the_listing() {
    let opening = vec![begin(begin::Mode::Full), known("", &[("k", "1 1/1", "b")])];
    let (_launch, mut session) = Launch::open::<Scripted<Rivals>>(opening).await;
    assert_eq!(
        next(&mut session).await,
        ["seen(1 1/1) k b", "upsert k a:2", "DuplicateKey k b"]
    );
}
