//! One listing: what declarations become on the wire.

use k1s_source::{At, Code, Ignore, Problem, Progress, Scope, SnapshotWriter};
use k1s_source_proto::v1::event::Change;
use k1s_source_proto::v1::snapshot_end::Outcome;
use k1s_source_proto::v1::source_message::Message;
use k1s_source_proto::v1::*;
use serde_json::json;

use crate::host::{Launch, full, key};
use crate::scripted::{Script, Scripted, map, yaml};
use crate::transcript::{batches, end, events, pick, said, verify};

/// Opens a session and returns the first listing.
async fn listed<T: Script>() -> (Launch, Vec<Message>) {
    let (launch, mut session) = Launch::open::<Scripted<T>>(full()).await;
    (launch, session.until_end().await)
}

struct Everything;

impl Script for Everything {
    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.root_identity("root")?;
        out.expected(9)?;
        out.empty_is_intentional();
        let at = At::path("a.yaml").uri("file:///x").revision("r").version("v");
        let stream = yaml("a") + "---\n# nothing\n---\nvalues: true\n---\nkind: Pod\n---\na: [\n" + &yaml("b");
        out.yaml(stream.as_bytes(), at.clone()).await?;
        out.object(map("c"), At::path("rows").line(3).column(7).version("etag"))
            .await?;
        out.ignored(At::path("link"), Ignore::Link).await?;
        out.failed(At::path("broken"), Problem::new(Code::Permission, "no").detail("d"))
            .await?;
        out.failed_object(key("f"), At::default(), Problem::new(Code::TooLarge, "big"))
            .await?;
        out.deleted(key("g"), At::path("gone"), "vanished").await?;
        assert!(out.root_identity("late").is_err());
        assert!(out.expected(1).is_err());
        Ok(())
    }
}

#[tokio::test]
async fn a_listing_is_what_was_declared() {
    let (_launch, messages) = listed::<Everything>().await;
    assert_eq!(verify(&messages), Outcome::Complete);
    let begun = pick!(messages, SnapshotBegin).next().unwrap();
    assert_eq!(
        (begun.root_identity.as_str(), begun.expected, begun.generation),
        ("root", Some(9), 1)
    );
    assert!(end(&messages).empty_is_intentional);
    let expected = [
        "upsert a a.yaml:2",
        "NotAnObject - a.yaml:9",
        "DataInvalid - a.yaml:11",
        "DataInvalid - a.yaml:13",
        "upsert b a.yaml:15",
        "upsert c rows:3",
        "Link - link",
        "Permission - broken",
        "TooLarge f",
        "delete(vanished) g gone",
    ];
    assert_eq!(said(&messages), expected);
    let events = events(&messages);
    let provenance = events[4].provenance.clone().unwrap();
    assert_eq!(
        (
            provenance.uri.as_str(),
            provenance.revision.as_str(),
            provenance.document
        ),
        ("file:///x", "r", 4)
    );
    let versions: Vec<&str> = events.iter().map(|event| event.source_version.as_str()).collect();
    assert_eq!(versions, ["v 1/5", "", "", "", "v 5/5", "etag", "", "", "", ""]);
    let Some(Change::Failed(problem)) = &events[7].change else {
        panic!("{:?}", events[7])
    };
    assert_eq!(
        (problem.level(), problem.detail.as_str()),
        (problem::Level::Object, "d")
    );
}

struct Large;

impl Script for Large {
    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        for index in 0..1300 {
            out.object(map(&format!("small-{index}")), At::default()).await?;
        }
        let sized = |name: &str, bytes: usize| {
            let frame = map(name).to_string().len() + r#""data":"","#.len();
            let mut object = map(name);
            object["data"] = json!("x".repeat(bytes - frame));
            object
        };
        for index in 0..6 {
            out.object(sized(&format!("half-{index}"), 500_000), At::default())
                .await?;
        }
        out.object(sized("largest", 8 << 20), At::default()).await?;
        out.object(sized("too-large", (8 << 20) + 1), At::default()).await?;
        let mut deep = json!(1);
        for _ in 0..63 {
            deep = json!([deep]);
        }
        let mut object = map("deepest");
        object["data"] = deep.clone();
        out.object(object, At::default()).await?;
        let mut object = map("too-deep");
        object["data"] = json!([deep]);
        out.object(object, At::default()).await
    }
}

#[tokio::test]
async fn batches_keep_to_the_limits_and_objects_beyond_them_fail() {
    let (_launch, messages) = listed::<Large>().await;
    assert_eq!(verify(&messages), Outcome::Complete);
    assert_eq!(
        end(&messages).counts.unwrap(),
        Counts {
            upserts: 1308,
            failed: 2,
            ..Default::default()
        }
    );
    assert_eq!(
        said(&messages)[1306..],
        [
            "upsert largest",
            "TooLarge too-large",
            "upsert deepest",
            "TooLarge too-deep"
        ]
    );
    assert!(batches(&messages).len() < 40, "{} batches", batches(&messages).len());
}

#[tokio::test]
async fn the_handshake_lowers_limits() {
    let limits = Limits {
        max_batch_events: 10,
        max_object_bytes: 1000,
        max_batch_bytes: 600,
        ..Default::default()
    };
    let (_launch, mut session) = Launch::open_within::<Scripted<Large>>(limits, full()).await;
    let messages = session.until_end().await;
    verify(&messages);
    assert_eq!(
        end(&messages).counts.unwrap(),
        Counts {
            upserts: 1301,
            failed: 9,
            ..Default::default()
        }
    );
    for batch in batches(&messages) {
        let bytes: usize = batch.events.iter().map(prost::Message::encoded_len).sum();
        assert!(
            batch.events.len() <= 10 && bytes <= 600,
            "{} events, {bytes} bytes",
            batch.events.len()
        );
    }
}

struct Empty;

impl Script for Empty {
    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.root_identity("r")
    }
}

#[tokio::test]
async fn nothing_declared_is_a_complete_listing_of_nothing() {
    let (_launch, messages) = listed::<Empty>().await;
    assert_eq!(verify(&messages), Outcome::Complete);
    assert_eq!(said(&messages), [""; 0]);
    assert!(!end(&messages).empty_is_intentional);
}

struct Failing;

impl Script for Failing {
    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.object(map("a"), At::path("p")).await?;
        std::fs::read("/nonexistent/k1s")?;
        Ok(())
    }
}

struct Panicking;

impl Script for Panicking {
    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.object(map("a"), At::path("p")).await?;
        panic!("the author's fault");
    }
}

struct PanickingAtOnce;

impl Script for PanickingAtOnce {
    async fn snapshot(_: &Scope, _: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        panic!("the author's fault");
    }
}

#[tokio::test]
async fn errors_and_panics_end_a_listing_incomplete_and_the_next_goes_on() {
    async fn check<T: Script>(code: ProblemCode, upserts: u64, detail: &str) {
        let (mut launch, mut session) = Launch::open::<Scripted<T>>(full()).await;
        for generation in 1..=2 {
            let messages = session.until_end().await;
            assert_eq!(verify(&messages), Outcome::Incomplete);
            let end = end(&messages);
            assert_eq!(
                (end.generation, end.code(), end.counts.unwrap().upserts),
                (generation, code, upserts)
            );
            let problem = pick!(messages, Problem).next().expect("a problem within the listing");
            assert_eq!((problem.code(), problem.level()), (code, problem::Level::Scope));
            assert!(problem.detail.contains(detail), "{problem:?}");
            if generation == 1 {
                assert_eq!(launch.sync("", sync_request::Reason::Requested).await.unwrap(), 2);
            }
        }
    }
    check::<Failing>(ProblemCode::RootNotFound, 1, "").await;
    check::<Panicking>(ProblemCode::Internal, 1, "the author's fault").await;
    check::<PanickingAtOnce>(ProblemCode::Internal, 0, "the author's fault").await;
}

struct Reporting;

impl Script for Reporting {
    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        for done in 0..=1000 {
            let phase = if done < 500 { "fetching" } else { "reading" }.to_owned();
            out.progress(Progress {
                done,
                total: Some(1000),
                phase,
                ..Default::default()
            })
            .await?;
        }
        Ok(())
    }
}

struct Slow;

impl Script for Slow {
    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.progress(Progress::default()).await?;
        // What makes the place this place was found out while it was reached for.
        out.root_identity("found")
    }
}

#[tokio::test]
async fn progress_begins_no_listing() {
    let (_launch, messages) = listed::<Slow>().await;
    let begun = pick!(messages, SnapshotBegin).next().expect("a listing");
    assert_eq!(begun.root_identity, "found");
    let end = pick!(messages, SnapshotEnd).next().expect("its end");
    assert_eq!(end.code(), ProblemCode::Unspecified);
}

#[tokio::test]
async fn progress_is_told_but_not_each_time() {
    let (_launch, messages) = listed::<Reporting>().await;
    let told: Vec<(u64, &str)> = pick!(messages, Progress)
        .map(|progress| (progress.done, progress.phase.as_str()))
        .collect();
    assert_eq!((told[0], told[told.len() - 1]), ((0, "fetching"), (1000, "reading")));
    assert!(told.contains(&(500, "reading")), "a new phase is news: {told:?}");
    assert!(told.len() < 100, "{}", told.len());
}
