//! A source that keeps a journal: for tests of what a host gives to a source, and what it asks of it.
//!
//! It declares a ConfigMap for each line `NAMESPACE/NAME VALUE` of one file (`NAME VALUE` leaves the namespace out) and can
//! go on from a token, which it gives with each listing. Each order that it gets is one line of the journal: `list`, or
//! `resume` with the token. Changes of the file are found when it is listed. With `K1S_TEST_NONSENSE` set it breaks the
//! contract before it does anything else.
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use k1s_source::{
    At, Capability, Changes, Code, Context, Diagnostic, KindInfo, Problem, Scope, Secret, SnapshotWriter, Source, serve,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// What to declare, and where to write what happens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The file with the declarations.
    #[schemars(extend("x-k1s-path" = "read"))]
    file: PathBuf,
    /// Only names that begin like this are declared.
    #[serde(default)]
    prefix: String,
    /// Which place this is.
    #[serde(default)]
    #[expect(dead_code, reason = "that it can be configured is what tests need")]
    #[schemars(extend("x-k1s-effect" = "identity"))]
    cluster: String,
    /// Nothing depends on it.
    #[serde(default)]
    #[expect(dead_code, reason = "that it can be configured is what tests need")]
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    pace: u64,
    /// Nobody asks for it.
    #[serde(default)]
    #[expect(dead_code, reason = "that it can be configured is what tests need")]
    #[schemars(extend("x-k1s-secret" = true))]
    password: Secret,
    /// Where the journal is.
    #[schemars(extend("x-k1s-path" = "write", "x-k1s-effect" = "tuning"))]
    journal: PathBuf,
}

#[derive(Debug)]
struct Ledger(Config);

impl Ledger {
    fn note(&self, what: &str) -> Result<(), Problem> {
        let mut journal = OpenOptions::new().create(true).append(true).open(&self.0.journal);
        let line = format!("{what} {}\n", std::process::id());
        let written = journal.as_mut().map(|journal| journal.write_all(line.as_bytes()));
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Problem::new(Code::Internal, error.to_string())),
            Err(error) => Err(Problem::new(Code::Internal, error.to_string())),
        }
    }
}

impl Source for Ledger {
    const TYPE: &'static str = "ledger";
    const VERSION: &'static str = "1.0.0";
    const CAPABILITIES: &'static [Capability] = &[Capability::Watch, Capability::Resume, Capability::ReportsDeletes];

    type Config = Config;

    fn new(config: Config, _: &Context) -> Result<Self, Vec<Diagnostic>> {
        Ok(Self(config))
    }

    async fn snapshot(&self, _: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let text = std::fs::read_to_string(&self.0.file)
            .map_err(|error| Problem::new(Code::RootNotFound, error.to_string()))?;
        for (line, entry) in (1..).zip(text.lines()) {
            let Some((name, value)) = entry.split_once(' ') else {
                continue;
            };
            let (namespace, name) = name.split_once('/').unwrap_or(("", name));
            if name.starts_with(&self.0.prefix) {
                let at = At::path("declarations").line(line);
                out.object(config_map(namespace, name, value), at).await?;
            }
        }
        out.token("here")
    }

    async fn watch(&self, scope: &Scope, changes: &mut Changes) -> Result<(), Problem> {
        while let Some(order) = changes.order().await {
            if std::env::var_os("K1S_TEST_NONSENSE").is_some() {
                changes.kind(unstorable_kind()).await?;
            }
            if let Some(token) = order.token() {
                self.note(&format!("resume:{}", String::from_utf8_lossy(token)))?;
                changes.live().await?;
                continue;
            }
            self.note("list")?;
            let mut out = changes.begin(order);
            let result = self.snapshot(scope, &mut out).await;
            out.end(result).await?;
        }
        Ok(())
    }
}

/// A kind that nobody can keep: its parts are told apart by a zero byte.
fn unstorable_kind() -> KindInfo {
    KindInfo {
        group: "example.com".to_owned(),
        version: "v1".to_owned(),
        kind: "No\0nsense".to_owned(),
        plural: "nonsense".to_owned(),
        namespaced: true,
    }
}

fn config_map(namespace: &str, name: &str, value: &str) -> Value {
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"value": value},
    });
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = namespace.into();
    }
    object
}

fn main() -> ExitCode {
    serve::<Ledger>()
}
