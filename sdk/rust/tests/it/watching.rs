//! Changes after the listing.

use std::sync::Mutex;

use k1s_source::{At, Bytes, Capability, Changes, Code, Problem, Scope, SnapshotWriter};
use k1s_source_proto::v1::host_message::Message as ToSource;
use k1s_source_proto::v1::snapshot_end::Outcome;
use k1s_source_proto::v1::source_message::Message;
use k1s_source_proto::v1::sync_request::Reason;
use k1s_source_proto::v1::*;
use tokio::sync::mpsc;

use crate::host::{Launch, begin, full, key};
use crate::scripted::{Script, Scripted, map, yaml};
use crate::transcript::{batches, end, said, verify};

const WATCH: &[Capability] = &[Capability::Watch, Capability::Resume, Capability::Seen];

/// What happens at the place of a watching source.
enum Happening {
    Burst,
    Panic,
    Leave,
}

/// Watches a channel; listing and watching share what the loop owns.
struct Watching;

static HAPPENINGS: Mutex<Option<mpsc::Receiver<Happening>>> = Mutex::new(None);
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl Script for Watching {
    const CAPABILITIES: &'static [Capability] = WATCH;

    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.object(map("listed"), At::path("p").version("1")).await?;
        out.token("t1")
    }

    async fn watch(_: &Scripted<Self>, scope: &Scope, changes: &mut Changes) -> Result<(), Problem> {
        let mut happenings = HAPPENINGS.lock().unwrap().take();
        let mut bursts = 0;
        loop {
            tokio::select! {
                order = changes.order() => {
                    let Some(order) = order else { return Ok(()) };
                    match order.token().cloned() {
                        Some(token) if token == "good" => changes.live().await?,
                        Some(_) => {
                            changes.report(&Problem::new(Code::ResumeRejected, "too old")).await?;
                            let mut out = changes.begin(order);
                            let result = Self::snapshot(scope, &mut out).await;
                            out.end(result).await?;
                        }
                        None => {
                            let mut out = changes.begin(order);
                            let result = Self::snapshot(scope, &mut out).await;
                            out.end(result).await?;
                        }
                    }
                }
                happening = next(&mut happenings) => match happening {
                    Happening::Burst => {
                        bursts += 1;
                        burst(changes, bursts).await?;
                    }
                    Happening::Panic => panic!("watching"),
                    Happening::Leave => return Err(Problem::new(Code::Unavailable, "the place went away")),
                }
            }
        }
    }
}

async fn next(happenings: &mut Option<mpsc::Receiver<Happening>>) -> Happening {
    match happenings {
        Some(happenings) => match happenings.recv().await {
            Some(happening) => happening,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// One burst: two files written, two removed, one of which is the other under a new name.
async fn burst(changes: &mut Changes, count: usize) -> Result<(), Problem> {
    let mut window = changes.window();
    window.deleted(key("removed"), At::path("r"), "file removed");
    window.deleted(key("moved"), At::path("old"), "file removed");
    window
        .yaml(yaml("moved").as_bytes(), At::path("new").version("2"))
        .await?;
    window
        .object(map("changed"), At::path("p").version(format!("{count}")))
        .await?;
    window.deleted(key("changed"), At::path("p"), "an earlier event");
    window
        .failed(At::path("half"), Problem::new(Code::DataInvalid, "half written"))
        .await?;
    window.send(Some(Bytes::from(format!("t{}", count + 1)))).await
}

async fn open(opening: Vec<ToSource>) -> (Launch, crate::host::Session, mpsc::Sender<Happening>) {
    let (happen, happenings) = mpsc::channel(8);
    *HAPPENINGS.lock().unwrap() = Some(happenings);
    let (launch, session) = Launch::open::<Scripted<Watching>>(opening).await;
    (launch, session, happen)
}

fn has_token(message: &Message) -> bool {
    matches!(message, Message::Batch(batch) if batch.token.is_some())
}

const BURST: [&str; 4] = [
    "upsert moved new:2",
    "upsert changed p",
    "DataInvalid - half",
    "delete(file removed) removed r",
];

#[tokio::test]
async fn changes_follow_the_listing_upserts_before_deletes() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (mut launch, mut session, happen) = open(full()).await;
    let listing = session.until_end().await;
    assert_eq!(verify(&listing), Outcome::Complete);
    assert_eq!(end(&listing).token.as_deref(), Some(&b"t1"[..]));
    happen.send(Happening::Burst).await.unwrap();
    let changes = session.until(has_token).await;
    assert!(matches!(
        changes.iter().find(|message| !matches!(message, Message::Heartbeat(_))),
        Some(Message::Live(_))
    ));
    assert_eq!(said(&changes), BURST);
    let last = batches(&changes).into_iter().last().unwrap();
    assert_eq!((last.generation, last.token.as_deref()), (None, Some(&b"t2"[..])));
    assert_eq!(
        launch.sync("", Reason::Requested).await.unwrap(),
        2,
        "the loop that watches also lists"
    );
    let listing = session.until_end().await;
    assert_eq!((verify(&listing), end(&listing).generation), (Outcome::Complete, 2));
    happen.send(Happening::Burst).await.unwrap();
    let changes = session.until(has_token).await;
    assert!(
        !changes.iter().any(|message| matches!(message, Message::Live(_))),
        "Live is said once"
    );
    launch.stop().await;
    assert!(matches!(session.rest().await.last(), Some(Message::Drained(_))));
}

#[tokio::test]
async fn a_good_token_goes_on_and_a_bad_one_lists() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let resume = |token: &'static str| {
        vec![
            begin(begin::Mode::Resume),
            ToSource::Resume(Resume {
                scope: String::new(),
                token: Bytes::from_static(token.as_bytes()),
            }),
        ]
    };
    let (_launch, mut session, happen) = open(resume("good")).await;
    happen.send(Happening::Burst).await.unwrap();
    let changes = session.until(has_token).await;
    assert!(
        !changes
            .iter()
            .any(|message| matches!(message, Message::SnapshotBegin(_))),
        "nothing was listed"
    );
    assert!(changes.iter().any(|message| matches!(message, Message::Live(_))));
    assert_eq!(said(&changes), BURST);

    let (_launch, mut session, _happen) = open(resume("old")).await;
    let listing = session.until_end().await;
    let rejected = |message: &Message| matches!(message, Message::Problem(problem) if problem.code() == ProblemCode::ResumeRejected);
    assert!(listing.iter().any(rejected));
    assert_eq!(verify(&listing), Outcome::Complete);
}

#[tokio::test]
async fn once_lists_and_does_not_watch() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (mut launch, mut session, _happen) = open(vec![begin(begin::Mode::Once)]).await;
    assert_eq!(verify(&session.until_end().await), Outcome::Complete);
    assert!(HAPPENINGS.lock().unwrap().is_some(), "watch was not called");
    launch.stop().await;
    let rest = session.rest().await;
    assert!(
        !rest.iter().any(|message| matches!(message, Message::Live(_))),
        "{rest:?}"
    );
}

#[tokio::test]
async fn a_watch_that_ends_or_panics_starts_again_with_the_next_order() {
    let _alone = ONE_AT_A_TIME.lock().await;
    for (happening, code) in [
        (Happening::Leave, ProblemCode::Unavailable),
        (Happening::Panic, ProblemCode::Internal),
    ] {
        let (mut launch, mut session, happen) = open(full()).await;
        session.until_end().await;
        happen.send(happening).await.unwrap();
        let problem = session.until(|message| matches!(message, Message::Problem(_))).await;
        let Some(Message::Problem(problem)) = problem.last() else {
            panic!("{problem:?}")
        };
        assert_eq!((problem.code(), problem.level()), (code, problem::Level::Scope));
        assert_eq!(launch.sync("", Reason::Interval).await.unwrap(), 2);
        let listing = session.until_end().await;
        assert_eq!((verify(&listing), end(&listing).generation), (Outcome::Complete, 2));
    }
}

/// Begins a listing and forgets it, then sends a change.
struct Forgetful;

impl Script for Forgetful {
    const CAPABILITIES: &'static [Capability] = WATCH;

    async fn snapshot(_: &Scope, _: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        Ok(())
    }

    async fn watch(_: &Scripted<Self>, _: &Scope, changes: &mut Changes) -> Result<(), Problem> {
        while let Some(order) = changes.order().await {
            let mut out = changes.begin(order);
            out.object(map("a"), At::default()).await?;
            drop(out);
            let mut window = changes.window();
            window.object(map("b"), At::default()).await?;
            window.send(Some(vec![0; 4096].into())).await?;
            assert!(changes.window().send(Some(vec![0; 4097].into())).await.is_err());
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_listing_that_is_forgotten_is_incomplete_before_anything_else_is_said() {
    let (_launch, mut session) = Launch::open::<Scripted<Forgetful>>(full()).await;
    let listing = session.until_end().await;
    assert_eq!(verify(&listing), Outcome::Incomplete);
    assert_eq!(
        (said(&listing), end(&listing).code()),
        (vec!["upsert a".to_owned()], ProblemCode::Internal)
    );
    let change = session.until(has_token).await;
    assert_eq!(said(&change), ["upsert b"]);
    assert_eq!(batches(&change)[0].generation, None);
}
