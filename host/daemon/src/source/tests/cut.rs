//! The wire between host and plugin, cut at every place: what was sent before holds or not, batch by batch; the next session
//! converges; nothing that the source still has is deleted.
//!
//! The plugin is a real HTTP/2 server at the other end of a real Unix socket, which replays what a source says; everything
//! from the socket to the store is the host's own.

mod scissors;
mod script;
mod stage;

use std::collections::BTreeMap;

use k1s_sync_engine::message::Mode;
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::session::EndCause;

use self::scissors::{Cut, frames};
use self::script::Script;
use self::stage::Stage;
use crate::source::run::RunEnd;

/// What a store holds of a source: values by name.
type Contents = BTreeMap<String, String>;

/// The largest session that is cut at every byte.
const SMALL_BYTES: usize = 8 * 1024;

/// Cuts one session of a source that goes from one round's state to the next; then lets a whole one follow.
async fn cut_and_converge(stage: &mut Stage, script: impl Fn(u64) -> Script, round: u64, cut: Cut) {
    let (script, before) = (script(round), stage.contents());
    let revision = stage.revision();
    let end = stage.run(&script.session(), Mode::Full, cut).await;
    match &end {
        // The plugin is not to blame: neither a violation nor a quarantine follows.
        RunEnd::Ended(EndCause::Ended(problem)) | RunEnd::Failed(problem) => {
            assert_eq!(problem.code, ProblemCode::Crashed, "{cut:?}: {problem:?}");
        }
        RunEnd::Ended(other) => panic!("{cut:?}: {other:?}"),
    }
    let found = stage.contents();
    let prefixes = script.prefixes(&before);
    assert!(
        prefixes.contains(&found),
        "{cut:?}: {found:?} is after no batch\nbefore {before:?}"
    );
    let end = stage.run(&script.listing(), Mode::Once, Cut::NEVER).await;
    assert!(matches!(end, RunEnd::Ended(EndCause::Finished)), "{cut:?}: {end:?}");
    assert_eq!(stage.contents(), script.declared(), "{cut:?}");
    let gone = stage.deleted_since(revision);
    assert!(
        gone.iter().all(|name| !script.declared().contains_key(name)),
        "{cut:?}: {gone:?} were deleted"
    );
}

#[tokio::test]
async fn a_session_that_is_cut_at_any_byte_converges_when_it_is_begun_again() {
    let mut stage = Stage::new().await;
    let small = Script::small;
    let end = stage.run(&small(0).session(), Mode::Full, Cut::NEVER).await;
    assert!(matches!(end, RunEnd::Ended(EndCause::Ended(_))), "{end:?}");
    assert_eq!(stage.contents(), small(0).declared());
    let traffic = stage.traffic();
    let (said, heard) = (traffic.heard.len(), traffic.said);
    assert!(
        (1_000..=SMALL_BYTES).contains(&said) && heard > 100,
        "{said} and {heard} bytes"
    );
    let cuts = (0..said).map(Cut::heard).chain((0..heard).map(Cut::said));
    for (round, cut) in (1..).zip(cuts) {
        cut_and_converge(&mut stage, small, round, cut).await;
    }
    // The cuts really differed: some came before anything was stored, some after everything was.
    let kept = stage.kept();
    assert!(kept.nothing > 100 && kept.part > 100 && kept.all > 10, "{kept:?}");
}

#[tokio::test]
async fn a_large_session_that_is_cut_between_any_two_frames_converges_when_it_is_begun_again() {
    let mut stage = Stage::new().await;
    let large = Script::large;
    stage.run(&large(0).session(), Mode::Full, Cut::NEVER).await;
    assert_eq!(stage.contents(), large(0).declared());
    let boundaries = frames(&stage.traffic().heard);
    assert!(boundaries.len() > 20, "{boundaries:?}");
    for (round, boundary) in (1..).zip(boundaries) {
        cut_and_converge(&mut stage, large, round, Cut::heard(boundary)).await;
    }
}
