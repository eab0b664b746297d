//! Bars for listings that take longer than a person likes to wait without a word.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::message::Progress;

/// A listing shows a bar once it has gone on for this long.
const PATIENCE: Duration = Duration::from_secs(1);
/// Redraws a second, at most.
const RATE: u8 = 10;

/// One bar for each source that is reading; invisible where standard error is no terminal.
pub(crate) struct Bars {
    all: MultiProgress,
    bar_by_source: BTreeMap<SourceName, Reading>,
}

struct Reading {
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(RATE));
        Self {
            all,
            bar_by_source: BTreeMap::new(),
        }
    }

    /// Shows how far a source is.
    pub(crate) fn advance(&mut self, source: &SourceName, progress: &Progress) {
        let begun = || Reading {
            since: Instant::now(),
            bar: None,
        };
        let reading = self.bar_by_source.entry(source.clone()).or_insert_with(begun);
        if reading.bar.is_none() && reading.since.elapsed() >= PATIENCE {
            reading.bar = Some(self.all.add(ProgressBar::new(0)));
        }
        let Some(bar) = &reading.bar else { return };
        bar.set_style(style(progress.total));
        bar.set_prefix(format!("source {source}   {}", crate::output::visible(&progress.phase)));
        bar.set_length(progress.total.unwrap_or(progress.done));
        bar.set_position(progress.done);
    }

    /// Takes a source's bar away.
    pub(crate) fn finish(&mut self, source: &SourceName) {
        if let Some(bar) = self.bar_by_source.remove(source).and_then(|reading| reading.bar) {
            bar.finish_and_clear();
        }
    }

    /// Prints with the bars out of the way.
    pub(crate) fn aside(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }
}

/// How a bar looks; without a known end it only counts.
fn style(total: Option<u64>) -> ProgressStyle {
    let template = match total {
        Some(_) => "{prefix}  {bar:15}  {human_pos}/{human_len}  {elapsed}",
        None => "{prefix}  {spinner}  {human_pos}  {elapsed}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
