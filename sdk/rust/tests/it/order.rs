//! The order of calls within a launch, as the host sees it.

use k1s_source::{Capability, Code as ProblemClass, Diagnostic, Probe, Problem, Scope, SnapshotWriter};
use k1s_source_proto::v1::host_message::Message as ToSource;
use k1s_source_proto::v1::*;
use tonic::Code;

use crate::host::{Launch, NONCE, begin, soon};
use crate::scripted::{Config, Script, Scripted};

struct Plain;

impl Script for Plain {
    const CAPABILITIES: &'static [Capability] = &[Capability::Probe];

    fn check(config: &Config) -> Result<(), Vec<Diagnostic>> {
        match config.note.as_str() {
            "panic" => panic!("panicked with {}", config.token.expose()),
            "silent" => Err(Vec::new()),
            "bad" => Err(vec![Diagnostic::error("/note", "bad").suggestion("good")]),
            _ => Ok(()),
        }
    }

    async fn validate(config: &Config, probe: Probe) -> Vec<Diagnostic> {
        match (config.note.as_str(), probe) {
            ("panic", _) => panic!("no"),
            (_, Probe::Connect) => vec![Diagnostic::error("", "refused").code(ProblemClass::Auth)],
            (_, Probe::Offline) => vec![],
        }
    }

    fn scopes() -> Vec<Scope> {
        vec![Scope::new("a")]
    }

    async fn snapshot(_: &Scope, _: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        Ok(())
    }
}

type Source = Scripted<Plain>;

/// Tries every call but Stop and says which are admitted.
async fn admitted(launch: &mut Launch) -> Vec<&'static str> {
    let mut admitted = Vec::new();
    let mut note = |call, code: Option<Code>| match code {
        None => admitted.push(call),
        Some(code) => assert_eq!(code, Code::FailedPrecondition, "{call}"),
    };
    let code = |result: Result<(), tonic::Status>| result.err().map(|status| status.code());
    note(
        "describe",
        code(launch.control.describe(DescribeRequest {}).await.map(drop)),
    );
    note(
        "validate",
        code(launch.control.validate(ValidateRequest::default()).await.map(drop)),
    );
    note(
        "sync",
        code(launch.sync("a", sync_request::Reason::Requested).await.map(drop)),
    );
    let session = launch.start().await;
    note("start", code(session.as_ref().map(drop).map_err(Clone::clone)));
    if session.is_ok() {
        let second = launch.start().await.map(drop);
        assert_eq!(code(second), Some(Code::FailedPrecondition), "a second session");
    }
    admitted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_admitted_in_the_order_of_the_contract() {
    let mut launch = Launch::of::<Source>().await;
    assert_eq!(admitted(&mut launch).await, [""; 0]);
    let early = launch
        .control
        .initialize(InitializeRequest::default())
        .await
        .unwrap_err();
    assert_eq!(early.code(), Code::FailedPrecondition);
    let early = launch.control.stop(StopRequest::default()).await.unwrap_err();
    assert_eq!(early.code(), Code::FailedPrecondition);

    let response = launch.handshake(Limits::default()).await;
    assert_eq!((response.protocol_major, &response.nonce[..]), (1, &NONCE[..]));
    assert_eq!(
        response
            .features
            .iter()
            .map(|feature| feature.name.as_str())
            .collect::<Vec<_>>(),
        ["pause"]
    );
    assert_eq!(admitted(&mut launch).await, ["describe", "validate"]);

    assert_eq!(launch.initialize("{}").await, []);
    let twice = launch
        .control
        .initialize(InitializeRequest::default())
        .await
        .unwrap_err();
    assert_eq!(twice.code(), Code::FailedPrecondition);
    assert_eq!(admitted(&mut launch).await, ["describe", "validate", "start"]);

    launch.stop().await;
    launch.ended().await;
}

#[tokio::test]
async fn a_handshake_needs_the_nonce_and_a_common_version() {
    let mut launch = Launch::of::<Source>().await;
    let request = |majors: &[u32], nonce: &[u8]| HandshakeRequest {
        protocol_majors: majors.to_vec(),
        nonce: nonce.to_vec().into(),
        ..Default::default()
    };
    let stranger = launch.control.handshake(request(&[1], &[0; 32])).await.unwrap_err();
    assert_eq!(stranger.code(), Code::PermissionDenied);
    let response = launch
        .control
        .handshake(request(&[7, 9], &NONCE))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((response.protocol_major, response.supported_majors), (0, vec![1]));
    let over = launch
        .control
        .initialize(InitializeRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        (over.code(), over.message()),
        (Code::FailedPrecondition, "no common version")
    );
    let again = launch.control.handshake(request(&[1], &NONCE)).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn an_invalid_configuration_ends_the_launch_and_says_where() {
    let cases = [
        (r#"{"note": "bad"}"#, "/note", "bad"),
        (
            r#"{"note": "silent"}"#,
            "",
            "the source refused the configuration and did not say why",
        ),
        (r#"{"note": "panic"}"#, "", "the source has a fault: it panicked"),
        (r#"{"count": "x"}"#, "/count", "invalid type: string \"x\", expected u8"),
        (r#"{"nota": 1}"#, "/nota", "unknown field `nota`"),
    ];
    for (config, pointer, summary) in cases {
        let mut launch = Launch::of::<Source>().await;
        launch.handshake(Limits::default()).await;
        let diagnostics = launch.initialize(config).await;
        let found: Vec<_> = diagnostics
            .iter()
            .map(|found| (found.pointer.as_str(), found.summary.as_str()))
            .collect();
        assert_eq!(found, [(pointer, summary)], "{config}");
        assert_eq!(
            launch.start().await.map(drop).unwrap_err().code(),
            Code::FailedPrecondition,
            "{config}"
        );
    }
}

#[tokio::test]
async fn validating_changes_nothing_and_probes_only_when_asked() {
    let mut launch = Launch::of::<Source>().await;
    launch.handshake(Limits::default()).await;
    let mut validate = async |config: &'static str, probe| {
        let request = ValidateRequest {
            config: config.into(),
            probe,
            ..Default::default()
        };
        let found = launch.control.validate(request).await.unwrap().into_inner().diagnostics;
        found
            .into_iter()
            .map(|found| (found.code(), found.summary))
            .collect::<Vec<_>>()
    };
    assert_eq!(validate("{}", false).await, []);
    assert_eq!(validate("{}", true).await, [(ProblemCode::Auth, "refused".to_owned())]);
    let panicked = (ProblemCode::Internal, "the source has a fault: it panicked".to_owned());
    assert_eq!(validate(r#"{"note": "panic"}"#, false).await, [panicked]);
    assert_eq!(validate("[]", true).await.len(), 1);
    assert_eq!(launch.initialize("{}").await, []);
}

#[tokio::test]
async fn a_session_opens_in_order_or_not_at_all() {
    let ready = || ToSource::Ready(Ready {});
    let full = || begin(begin::Mode::Full);
    let wrong = [
        vec![ready()],
        vec![full(), full()],
        vec![full(), ToSource::Pause(Pause {})],
        vec![full(), ready(), full()],
        vec![full(), ready(), ToSource::Known(Known::default())],
    ];
    let mut launch = Launch::of::<Source>().await;
    launch.handshake(Limits::default()).await;
    launch.initialize("{}").await;
    for messages in wrong {
        let mut session = launch.start().await.unwrap();
        for message in messages.clone() {
            session.say(message).await;
        }
        let status = loop {
            match session.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{messages:?} ended well"),
                Err(status) => break status,
            }
        };
        assert_eq!(status.code(), Code::FailedPrecondition, "{messages:?}");
    }
}

#[tokio::test]
async fn a_stop_before_ready_ends_what_was_ordered_early() {
    let mut launch = Launch::of::<Source>().await;
    launch.handshake(Limits::default()).await;
    launch.initialize("{}").await;
    let mut session = launch.start().await.unwrap();
    session.say(begin(begin::Mode::Full)).await;
    let mut control = launch.control.clone();
    let (early, ()) = tokio::join!(launch.sync("a", sync_request::Reason::Requested), async {
        // What is answered behind it on the same connection tells that the order is there.
        soon("Describe", control.describe(DescribeRequest::default()))
            .await
            .unwrap();
        soon("Stop", control.stop(StopRequest { deadline_ms: 4000 }))
            .await
            .unwrap();
    });
    assert_eq!(early.unwrap_err().code(), Code::FailedPrecondition);
    let rest = session.rest().await;
    assert_eq!(rest, [source_message::Message::Drained(Drained { last_seq: 0 })]);
    drop((session, control));
    launch.ended().await;
}

#[tokio::test]
async fn health_says_that_the_source_serves() {
    use tonic_health::pb::health_check_response::ServingStatus;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("s");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let mut served = tokio::task::JoinSet::new();
    served.spawn(k1s_source::serve_on::<Source>(listener, NONCE));
    let mut health = HealthClient::new(crate::host::connect(&path).await);
    for service in ["", "k1s.source.v1.Source"] {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        let response = soon("Health", health.check(request)).await.unwrap().into_inner();
        assert_eq!(response.status(), ServingStatus::Serving, "{service}");
    }
}
