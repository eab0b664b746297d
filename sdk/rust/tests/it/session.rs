//! Orders, pauses and ends.

use std::time::{Duration, Instant};

use k1s_source::{At, Capability, Problem, Scope, SnapshotWriter};
use k1s_source_proto::v1::host_message::Message as ToSource;
use k1s_source_proto::v1::snapshot_end::Outcome;
use k1s_source_proto::v1::source_message::Message;
use k1s_source_proto::v1::sync_request::Reason;
use k1s_source_proto::v1::*;
use tokio::sync::Semaphore;

use crate::host::{Launch, begin, full, known, soon};
use crate::scripted::{Script, Scripted, map};
use crate::transcript::{batches, end, pick, said, verify};

/// Declares one object before a gate and one after it; each listing needs one pass.
struct Gated;

static GATE: Semaphore = Semaphore::const_new(0);

impl Script for Gated {
    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.object(map("before"), At::default()).await?;
        GATE.acquire().await?.forget();
        out.object(map("after"), At::default()).await
    }
}

fn is_batch(message: &Message) -> bool {
    matches!(message, Message::Batch(_))
}

/// Declares one object.
struct Plain;

impl Script for Plain {
    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.object(map("one"), At::default()).await
    }
}

#[tokio::test]
async fn an_order_that_is_here_before_ready_is_obeyed_behind_it() {
    let mut launch = Launch::of::<Scripted<Plain>>().await;
    launch.handshake(Limits::default()).await;
    assert_eq!(launch.initialize("{}").await, []);
    let mut session = launch.start().await.unwrap();
    let mut asked = launch.control.clone();
    let (ordered, ()) = tokio::join!(launch.sync("", Reason::Requested), async {
        // What is answered behind it on the same connection tells that the order is there.
        soon("Describe", asked.describe(DescribeRequest::default()))
            .await
            .unwrap();
        for message in full() {
            session.say(message).await;
        }
        session.say(ToSource::Ready(Ready {})).await;
    });
    let ordered = ordered.unwrap();
    loop {
        let listing = session.until_end().await;
        assert_eq!(verify(&listing), Outcome::Complete);
        if end(&listing).generation == ordered {
            return;
        }
    }
}

#[tokio::test]
async fn an_open_listing_is_answered_by_the_next() {
    let (mut launch, mut session) = Launch::open::<Scripted<Gated>>(full()).await;
    let mut first = session.until(is_batch).await;
    assert_eq!(
        launch.sync("", Reason::Requested).await.unwrap(),
        2,
        "generation 1 is open"
    );
    assert_eq!(
        launch.sync("", Reason::Interval).await.unwrap(),
        2,
        "generation 2 has not begun"
    );
    assert_eq!(
        launch.sync("elsewhere", Reason::Requested).await.unwrap_err().code(),
        tonic::Code::NotFound
    );
    GATE.add_permits(2);
    first.extend(session.until_end().await);
    assert_eq!((verify(&first), end(&first).generation), (Outcome::Complete, 1));
    let second = session.until_end().await;
    assert_eq!((verify(&second), end(&second).generation), (Outcome::Complete, 2));
    let idle = session.until(|message| matches!(message, Message::Heartbeat(_))).await;
    let Some(Message::Heartbeat(heartbeat)) = idle.last() else {
        panic!("{idle:?}")
    };
    assert_eq!(
        heartbeat.state(),
        heartbeat::State::Waiting,
        "two listings were ordered, no third follows"
    );
    launch.stop().await;
    let rest = session.rest().await;
    assert!(rest.iter().all(|message| !is_batch(message)), "{rest:?}");
}

/// Declares objects until it is told not to.
struct Endless;

impl Script for Endless {
    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        for index in 0u64.. {
            out.object(map(&format!("n-{index}")), At::default()).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn stop_drains_what_was_declared_and_says_so_last() {
    let (mut launch, mut session) = Launch::open::<Scripted<Endless>>(full()).await;
    let mut messages = session.until(is_batch).await;
    launch.stop().await;
    messages.extend(session.rest().await);
    let Some(Message::Drained(drained)) = messages.pop() else {
        panic!("{:?}", messages.last())
    };
    assert_eq!(drained.last_seq, batches(&messages).last().unwrap().seq);
    while !matches!(messages.last(), Some(Message::SnapshotEnd(_))) {
        messages.pop();
    }
    assert_eq!(verify(&messages), Outcome::Incomplete);
    assert_eq!(end(&messages).code(), ProblemCode::Partial);
    drop(session);
    launch.ended().await;
}

/// Blocks a thread and never looks at anything.
struct Stuck;

static UNSTICK: std::sync::Condvar = std::sync::Condvar::new();
static STUCK: std::sync::Mutex<bool> = std::sync::Mutex::new(true);

impl Script for Stuck {
    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.object(map("a"), At::default()).await?;
        let stuck = STUCK.lock().unwrap();
        drop(UNSTICK.wait_while(stuck, |stuck| *stuck).unwrap());
        Ok(())
    }
}

/// Lets the source go when the test ends, however it ends.
struct Unstick;

impl Drop for Unstick {
    fn drop(&mut self) {
        *STUCK.lock().unwrap() = false;
        UNSTICK.notify_all();
    }
}

#[tokio::test]
async fn a_source_that_does_not_stop_is_left_behind() {
    let _unstick = Unstick;
    let mut launch = Launch::apart::<Scripted<Stuck>>().await;
    let mut session = launch.begin(Limits::default(), full()).await;
    let mut messages = session.until(is_batch).await;
    let asked = Instant::now();
    launch.stop().await;
    messages.extend(session.rest().await);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert!(matches!(
        messages.pop(),
        Some(Message::Drained(Drained { last_seq: 1 }))
    ));
}

#[tokio::test]
async fn stop_without_a_session_ends_the_launch() {
    let mut launch = Launch::of::<Scripted<Endless>>().await;
    launch.handshake(Limits::default()).await;
    launch.stop().await;
    launch.ended().await;
}

#[tokio::test]
async fn a_cut_session_ends_and_another_may_follow() {
    let (mut launch, mut session) = Launch::open::<Scripted<Endless>>(full()).await;
    session.until(is_batch).await;
    drop(session);
    // The source may need a moment to notice; until then a second session is refused.
    let mut session = soon("another session", async {
        loop {
            match launch.start().await {
                Ok(session) => return session,
                Err(status) => assert_eq!(status.code(), tonic::Code::FailedPrecondition),
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    session.say(begin(begin::Mode::Full)).await;
    session.say(ToSource::Ready(Ready {})).await;
    let messages = session.until(is_batch).await;
    assert_eq!(batches(&messages)[0].seq, 1, "each session counts from 1");
}

#[tokio::test]
async fn a_pause_holds_batches_and_nothing_else() {
    let (mut launch, mut session) = Launch::open::<Scripted<Endless>>(full()).await;
    session.until(is_batch).await;
    session.say(ToSource::Pause(Pause {})).await;
    // What was on its way still comes; then a heartbeat says that the source waits.
    let waits =
        |message: &Message| matches!(message, Message::Heartbeat(beat) if beat.state() == heartbeat::State::Waiting);
    session.until(waits).await;
    assert_eq!(
        launch.sync("", Reason::Requested).await.unwrap(),
        2,
        "control works meanwhile"
    );
    let silence = tokio::time::timeout(Duration::from_millis(100), session.from_source.message()).await;
    assert!(silence.is_err(), "{silence:?}");
    session.say(ToSource::Continue(Continue {})).await;
    session.until(is_batch).await;
    session.say(ToSource::Pause(Pause {})).await;
    session.until(waits).await;
    launch.stop().await;
    let rest = session.rest().await;
    assert!(
        matches!(rest.last(), Some(Message::Drained(_))),
        "a pause does not keep back the end"
    );
}

/// Two scopes, one of which fails.
struct Split;

impl Script for Split {
    const CAPABILITIES: &'static [Capability] = &[Capability::MultiScope, Capability::NeedsKnown];

    fn scopes() -> Vec<Scope> {
        vec![Scope::new("good"), Scope::new("bad")]
    }

    async fn snapshot(scope: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        out.object(map(scope.id()), At::default()).await?;
        match scope.id() {
            "bad" => Err(Problem::new(k1s_source::Code::Auth, "no")),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn scopes_are_complete_by_themselves() {
    let opening = vec![
        begin(begin::Mode::Full),
        known("removed", &[("x", "1", "p")]),
        known("good", &[]),
    ];
    let (mut launch, mut session) = Launch::open::<Scripted<Split>>(opening).await;
    let mut messages = session.until_end().await;
    messages.extend(session.until_end().await);
    launch.stop().await;
    messages.extend(session.rest().await);
    for (scope, outcome) in [("good", Outcome::Complete), ("bad", Outcome::Incomplete)] {
        let begin = pick!(messages, SnapshotBegin)
            .find(|begin| begin.scope == scope)
            .unwrap();
        let batch = pick!(messages, Batch).find(|batch| batch.scope == scope).unwrap();
        let end = pick!(messages, SnapshotEnd).find(|end| end.scope == scope).unwrap();
        assert_eq!(
            (begin.generation, batch.generation, end.outcome()),
            (1, Some(1), outcome)
        );
        assert_eq!(said(&[Message::Batch(batch.clone())]), [format!("upsert {scope}")]);
    }
    assert!(
        batches(&messages).is_sorted_by(|left, right| left.seq + 1 == right.seq),
        "one sequence for all"
    );
    let gone: Vec<&ScopeGone> = pick!(messages, ScopeGone).collect();
    assert_eq!(
        (gone.len(), gone[0].scope.as_str(), gone[0].reason()),
        (1, "removed", scope_gone::Reason::Deselected)
    );
}

#[tokio::test]
async fn a_source_rests_though_the_host_knows_a_scope_that_is_not_configured() {
    struct Empty;
    impl Script for Empty {
        async fn snapshot(_: &Scope, _: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
            Ok(())
        }
    }
    let opening = vec![begin(begin::Mode::Once), known("removed", &[])];
    let (_launch, mut session) = Launch::open::<Scripted<Empty>>(opening).await;
    let mut messages = session.until_end().await;
    let gone = messages
        .iter()
        .position(|message| matches!(message, Message::ScopeGone(_)));
    let begun = messages
        .iter()
        .position(|message| matches!(message, Message::SnapshotBegin(_)));
    assert!(
        gone.is_some() && gone < begun,
        "it is given up before anything is listed"
    );
    let rests =
        |message: &Message| matches!(message, Message::Heartbeat(beat) if beat.state() == heartbeat::State::Waiting);
    messages.extend(session.until(rests).await);
    assert!(messages.last().is_some_and(rests));
}
