//! What a later host is to know of how often a source broke the contract.
//!
//! It holds for what the source is configured and started with: another configuration, or another file of the program, begins
//! without a past.

use k1s_object::ContentHash;
use k1s_store::Writer;
use k1s_store::status::{OffenceRow, StatusNote};
use k1s_sync_engine::lifecycle::Lifecycle;

use super::record::record;
use crate::config::{Activation, SourceSettings};

/// What was stored last.
#[derive(Debug, Default)]
pub(super) struct Offences {
    violations: u32,
    is_quarantined: bool,
}

impl Offences {
    /// Tells the lifecycle what an earlier host stored, if it speaks of the same source.
    pub(super) fn recall(&mut self, row: Option<OffenceRow>, settings: &SourceSettings, lifecycle: &mut Lifecycle) {
        let Some(row) = row else { return };
        self.violations = row.violations;
        self.is_quarantined = row.quarantined.is_some();
        // What is of another source is stored until this one's is.
        if row.settings == mark(settings) {
            lifecycle.recall(row.violations, row.quarantined);
        }
    }

    /// Stores what changed; what could not be stored is tried again at the next call.
    pub(super) async fn remember(&mut self, writer: &Writer, settings: &SourceSettings, lifecycle: &Lifecycle) {
        let now = Self {
            violations: lifecycle.violations(),
            is_quarantined: lifecycle.quarantined().is_some(),
        };
        if (now.violations, now.is_quarantined) == (self.violations, self.is_quarantined) {
            return;
        }
        let row = OffenceRow {
            violations: now.violations,
            quarantined: lifecycle.quarantined().cloned(),
            settings: mark(settings),
        };
        if record(writer, &settings.name, StatusNote::Offences(row)).await {
            *self = now;
        }
    }
}

/// Tells one configuration and program from another. A host of another release may find a difference where there is none;
/// then the past is forgotten.
fn mark(settings: &SourceSettings) -> u64 {
    let SourceSettings {
        name: _,
        plugin,
        activation,
        origin: _,
        base_dir,
        config,
        policy,
        on_error,
        timing,
        log_level: _,
    } = settings;
    let program = match activation {
        Activation::Enabled(plugin) => {
            let file = std::fs::metadata(&plugin.program).ok();
            let written = file.map(|file| (file.len(), file.modified().ok()));
            Some((&plugin.program, &plugin.args, &plugin.env, written))
        }
        Activation::Disabled => None,
    };
    let text = format!("{plugin:?} {program:?} {base_dir:?} {config:?} {policy:?} {on_error:?} {timing:?}");
    let [first, ..] = *ContentHash::of(text.as_bytes()).as_bytes().as_chunks::<8>().0 else {
        return 0;
    };
    u64::from_be_bytes(first)
}
