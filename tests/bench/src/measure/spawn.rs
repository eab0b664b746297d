//! Spawn: from the start of a plugin's process until its source is live, which the host then prints.
//!
//! The host starts `k1s-bench-launch`, which notes the time and becomes the plugin.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use k1s_tests::program::FILESYSTEM_SOURCE;

use super::figure::{Figure, Target, Unit};
use super::ground::Ground;
use super::host::{self, Finished};
use super::measured::Measured;
use super::percentile::percentile;
use super::row::Row;
use super::stream::nanoseconds;
use crate::manifests;

/// What notes the time and becomes a plugin.
pub(super) const LAUNCHER: &str = "k1s-bench-launch";
/// The name of the plugin in its registry file.
const PLUGIN: &str = "launched";
const LIVE: Figure = Figure::aimed("live, p50", Unit::Seconds, Target::Most(0.025));
const SLOWEST: Figure = Figure::told("live, slowest", Unit::Seconds);

pub(super) fn measure(ground: &Ground) -> anyhow::Result<Measured> {
    let (root, data) = (ground.beside_trees("spawn"), ground.beside_stores("spawn"));
    let (registry, begun) = (ground.beside_stores("plugins.d"), ground.beside_stores("launched"));
    manifests::make(&root, 1)?;
    fs::create_dir_all(&registry)?;
    let text = |path: &std::path::Path| path.to_str().map(str::to_owned).context("a path that is no text");
    let plugin = serde_json::json!({
        "apiVersion": "sync.k1s.io/v1alpha1",
        "kind": "SourcePlugin",
        "name": PLUGIN,
        "command": text(&ground.program(LAUNCHER))?,
        "args": [text(&begun)?, text(&ground.program(FILESYSTEM_SOURCE))?],
    });
    fs::write(registry.join("launched.yaml"), plugin.to_string())?;
    let launch = |verdict: &str| -> anyhow::Result<Duration> {
        let settings = [format!("path={}", root.display())];
        let mut command = host::command(ground, PLUGIN, &settings, &data);
        command.arg("--plugins-dir").arg(&registry);
        let Finished { told, .. } = host::run(command, &format!("{}1 {verdict} in ", host::SUMMARY))?;
        let begun = nanoseconds(&fs::read_to_string(&begun)?)?;
        told.checked_sub(begun)
            .context("a source was live before its plugin began")
    };
    launch("created")?;
    // The first run that finds nothing new says so in the source's status.
    launch("unchanged")?;
    let mut measured = Measured::default();
    for _ in ground.runs() {
        let launches = (0..ground.scale.launches).map(|_| launch("unchanged"));
        let times = launches.collect::<anyhow::Result<Vec<Duration>>>()?;
        for (figure, part) in [(LIVE, 0.5), (SLOWEST, 1.0)] {
            measured.take(figure, percentile(&times, part).context("no launch")?);
        }
        measured.note(Row::Spawn);
    }
    Ok(measured)
}
