//! A source that holds its objects in memory and sends all of them in every listing, whatever the host knows.
//!
//! The objects are made before the listing begins; when it begins is written to a file, by the clock that all processes of
//! the machine share, so that whoever waits for the host's word knows how long it took.

use std::fs;
use std::path::PathBuf;

use k1s_source::{At, Context, Diagnostic, Documents, ObjectLimits, Problem, Scope, SnapshotWriter, Source};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::task::spawn_blocking;

use crate::{cost, objects};

/// What to send, and where to say when it began.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// How many objects there are.
    objects: u64,
    /// The file that the beginning of a listing is written to, in nanoseconds of the monotonic clock.
    #[schemars(extend("x-k1s-path" = "write"))]
    begun: PathBuf,
}

/// The source.
#[derive(Debug)]
pub struct Replay(Config);

impl Source for Replay {
    const TYPE: &'static str = "replay";
    const NAME: &'static str = "k1s-bench-source";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    type Config = Config;

    fn new(config: Config, _: &Context) -> Result<Self, Vec<Diagnostic>> {
        Ok(Self(config))
    }

    async fn snapshot(&self, _: &Scope, out: &mut SnapshotWriter<'_>) -> Result<(), Problem> {
        let (count, limits) = (self.0.objects, out.limits());
        let made = spawn_blocking(move || make(count, &limits)).await?;
        fs::write(&self.0.begun, cost::now().as_nanos().to_string())?;
        for (documents, at) in made {
            out.documents(documents, at).await?;
        }
        Ok(())
    }
}

fn make(count: u64, limits: &ObjectLimits) -> Vec<(Documents, At)> {
    let documents = |number| Documents::parse(objects::json(number).as_bytes(), limits);
    let made = (0..count).map(|number| (documents(number), At::path(objects::path(number))));
    made.collect()
}
