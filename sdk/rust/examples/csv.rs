//! Turns rows of a CSV file into ConfigMaps: the source in the README.
use k1s_source::{At, Context, Diagnostic, Problem, Scope, SnapshotWriter, Source, serve};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Turns rows of a CSV file into ConfigMaps.
#[derive(Deserialize, JsonSchema)]
struct Config {
    /// The file to read: a name and a value in each row.
    #[schemars(extend("x-k1s-path" = "read"))]
    path: PathBuf,
}

struct Csv(PathBuf);

impl Source for Csv {
    const TYPE: &'static str = "csv";
    type Config = Config;

    fn new(config: Config, _: &Context) -> Result<Self, Vec<Diagnostic>> {
        Ok(Self(config.path))
    }

    async fn snapshot(&self, _: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let text = std::fs::read_to_string(&self.0).map_err(|error| Problem::reading(self.0.display(), &error))?;
        for (line, row) in (1..).zip(text.lines()) {
            let (name, rest) = row.split_once(',').unwrap_or((row, ""));
            let map =
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"row": rest}});
            out.object(map, At::path(&self.0).line(line)).await?;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    serve::<Csv>()
}
