//! Scopes that only the place can tell.

use k1s_source::{At, Capability, Code, Gone, Parts, Problem, Scope, Scopes, SnapshotWriter};
use k1s_source_proto::v1::begin::Mode;
use k1s_source_proto::v1::source_message::Message;
use k1s_source_proto::v1::*;

use crate::host::{Launch, Session, begin, known};
use crate::scripted::{Script, Scripted, map};

/// A place with two scopes, that once had a third.
struct Place;

impl Script for Place {
    const CAPABILITIES: &'static [Capability] = &[Capability::MultiScope];
    const PARTS: Parts = Parts::Discovered;

    fn scopes() -> Vec<Scope> {
        unreachable!("nobody asks the configuration")
    }

    async fn discover(scopes: &mut Scopes) -> Result<(), Problem> {
        let told: Vec<Scope> = scopes.unopened().cloned().collect();
        assert_eq!(told, ["a", "old"].map(Scope::new));
        scopes.gone(&Scope::new("old"), Gone::Unsupported).await?;
        for name in ["a", "b", "a"] {
            scopes.open(Scope::new(name)).await?;
        }
        assert_eq!(scopes.unopened().count(), 0);
        let long = scopes.open(Scope::new("x".repeat(257))).await;
        assert!(long.is_err());
        scopes.until(std::future::pending::<()>()).await;
        Ok(())
    }

    async fn snapshot(scope: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.distinct(map(scope.id()), At::path("p").version("1")).await?;
        out.distinct(map("again"), At::path("p").version("1")).await?;
        out.distinct(map("again"), At::path("q").version("2")).await
    }
}

/// A place that cannot be asked.
struct Nowhere;

impl Script for Nowhere {
    const CAPABILITIES: &'static [Capability] = &[Capability::MultiScope];
    const PARTS: Parts = Parts::Discovered;

    async fn discover(_: &mut Scopes) -> Result<(), Problem> {
        Err(Problem::new(Code::Unavailable, "nobody is there"))
    }

    async fn snapshot(_: &Scope, _: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        Ok(())
    }
}

fn rests(message: &Message) -> bool {
    matches!(message, Message::Heartbeat(beat) if beat.state() == heartbeat::State::Waiting)
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_are_listed_as_they_are_found_and_none_is_missed() {
    let opening = vec![begin(Mode::Once), known("a", &[]), known("old", &[])];
    let (mut launch, mut session) = Launch::open::<Scripted<Place>>(opening).await;
    let messages = session.until(rests).await;
    let mut ends = Vec::new();
    let mut gone = Vec::new();
    for message in &messages {
        if let Message::SnapshotEnd(end) = message {
            ends.push((end.scope.as_str(), end.counts.unwrap().upserts));
        }
        if let Message::ScopeGone(scope) = message {
            gone.push((scope.scope.as_str(), scope.reason()));
        }
    }
    ends.sort_unstable();
    // Before all of it is listed the source never rests, and what is said twice is sent twice.
    assert_eq!(ends, [("a", 3), ("b", 3)]);
    assert_eq!(gone, [("old", scope_gone::Reason::Unsupported)]);
    assert_eq!(launch.sync("b", sync_request::Reason::Requested).await.unwrap(), 2);
    assert!(launch.sync("c", sync_request::Reason::Requested).await.is_err());
    launch.stop().await;
    drained(&mut session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_cannot_be_asked_ends_a_session_that_lists_once() {
    let (_launch, mut session) = Launch::open::<Scripted<Nowhere>>(vec![begin(Mode::Once)]).await;
    let problem = session
        .until(|message| matches!(message, Message::Problem(_)))
        .await
        .pop();
    let Some(Message::Problem(problem)) = problem else {
        unreachable!("it was waited for")
    };
    assert_eq!(
        (problem.code(), problem.level()),
        (ProblemCode::Unavailable, problem::Level::Source)
    );
    drained(&mut session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_cannot_be_asked_is_told_once_and_asked_again() {
    let (mut launch, mut session) = Launch::open::<Scripted<Nowhere>>(vec![begin(Mode::Full)]).await;
    session.until(|message| matches!(message, Message::Problem(_))).await;
    // It rests until it asks again, works, fails again, and rests.
    let again = session.until(rests).await;
    let again = [again, session.until(rests).await].concat();
    assert!(!again.iter().any(|message| matches!(message, Message::Problem(_))));
    launch.stop().await;
    drained(&mut session).await;
}

async fn drained(session: &mut Session) {
    session.until(|message| matches!(message, Message::Drained(_))).await;
}
