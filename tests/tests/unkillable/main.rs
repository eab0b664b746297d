//! kill -9 at every step of host and plugin, and at random: contract.md §7 with the real programs.
//!
//! Each trial lets one process die, or stand still while the other dies, lets the host go on or starts it anew, and has the
//! oracle judge what a watcher was told all the while. `docs/reliability.md` has the table; `K1S_POINT=H6` runs the trials
//! of one point, `K1S_SEED=17` one random run.
#![forbid(unsafe_code)]

mod acknowledged;
mod compaction;
mod host_points;
mod plugin_points;
mod random;
mod restart;
mod stage;
mod trial;
mod window;

use std::path::Path;

use anyhow::Context as _;

#[test]
fn every_point_is_in_the_documentation() -> anyhow::Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reliability.md");
    let page = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let of_plugin = [
        plugin_points::FIRST_LISTING,
        plugin_points::PRUNING_LISTING,
        plugin_points::LIVE_AND_END,
    ];
    let of_host = [
        host_points::FIRST_LISTING,
        host_points::PRUNING_LISTING,
        host_points::LIVE_AND_END,
    ];
    for (name, ..) in of_plugin.into_iter().chain(of_host).flatten() {
        anyhow::ensure!(
            page.contains(&format!("| {name} |")),
            "{name} is not in docs/reliability.md"
        );
    }
    Ok(())
}
