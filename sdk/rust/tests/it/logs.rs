//! A secret appears nowhere: not in logs, not in diagnostics, not in problems.

use std::io;
use std::sync::{Arc, Mutex};

use k1s_source::{At, Code, Diagnostic, Problem, Scope, SnapshotWriter};
use k1s_source_proto::v1::host_message::Message as ToSource;
use k1s_source_proto::v1::*;
use tracing_subscriber::fmt::MakeWriter;

use crate::host::{Launch, begin};
use crate::scripted::{Config, Script, Scripted};

const CANARY: &str = "canary-4f1e\"quoted";

/// Keeps every line that is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Puts its secret into everything it says.
struct Leaky;

static TOKEN: Mutex<String> = Mutex::new(String::new());

impl Script for Leaky {
    fn check(config: &Config) -> Result<(), Vec<Diagnostic>> {
        *TOKEN.lock().unwrap() = config.token.expose().to_owned();
        if config.note == "refuse" {
            let summary = format!("cannot log in with {:?}", config.token.expose());
            return Err(vec![Diagnostic::error("/token", summary).detail(config.token.expose())]);
        }
        if config.note == "panic" {
            panic!("with {}", config.token.expose());
        }
        Ok(())
    }

    async fn snapshot(_: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let token = TOKEN.lock().unwrap().clone();
        let problem = Problem::new(Code::Auth, format!("refused: {token}")).detail(format!("{token:?}"));
        out.failed(At::path("p"), problem.clone()).await?;
        Err(problem.because(&io::Error::other(token)))
    }
}

async fn initialize(config: &str, secret: &str) -> (Launch, String) {
    let mut launch = Launch::of::<Scripted<Leaky>>().await;
    launch.handshake(Limits::default()).await;
    let request = InitializeRequest {
        config: config.as_bytes().to_vec().into(),
        secrets: [(secret.to_owned(), CANARY.into())].into(),
        source_name: "test".into(),
        ..Default::default()
    };
    let response = launch.control.initialize(request).await.unwrap().into_inner();
    (launch, format!("{response:?}"))
}

#[tokio::test]
async fn a_secret_appears_nowhere() {
    let kept = Kept::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter("trace,h2=debug")
        .with_writer(kept.clone())
        .finish();
    // For the whole process: one for a thread would depend on which test meets an event first.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let mut said = Vec::new();
    for (config, secret, marker) in [
        (r#"{"note": "refuse"}"#, "/token", "cannot log in"),
        (r#"{"note": "panic"}"#, "/token", "panicked"),
        ("{}", "/count", "invalid type"),
        ("{}", "/nowhere", "unknown field"),
    ] {
        let (_launch, diagnostics) = initialize(config, secret).await;
        assert!(diagnostics.contains(marker), "{diagnostics}");
        said.push(diagnostics);
    }

    let (mut launch, diagnostics) = initialize("{}", "/token").await;
    assert!(diagnostics.contains("diagnostics: []"), "{diagnostics}");
    let mut session = launch.start().await.unwrap();
    session.say(begin(begin::Mode::Full)).await;
    session.say(ToSource::Ready(Ready {})).await;
    let messages = session.until_end().await;
    launch.stop().await;
    session.rest().await;
    said.push(format!("{messages:?}"));
    assert!(said[4].contains("refused: <secret>"), "{}", said[4]);

    let logs = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    assert!(logs.contains("handshake"), "the log has the launch");
    said.push(logs);
    for text in said {
        assert!(!text.contains("canary-4f1e"), "{text}");
    }
}
