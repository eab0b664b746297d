//! What the runs of a row have said so far.

use super::figure::{Figure, Sample, Series, Unit};
use super::row::Row;
use super::side::Side;

/// Processor time of host and plugin, from their start to their end.
const CPU: Figure = Figure::told("CPU", Unit::Seconds);
/// The most memory the host had until it told of its listing.
const HOST_MEMORY: Figure = Figure::told("host memory", Unit::Bytes);
/// The most memory the plugin had.
const PLUGIN_MEMORY: Figure = Figure::told("plugin memory", Unit::Bytes);
/// What was caused to be written to the disk.
const WRITTEN: Figure = Figure::told("written", Unit::Bytes);

/// The figures of a row.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) series: Vec<Series>,
    /// In each run, the part of the machine that everything else took.
    pub(super) others: Vec<f64>,
}

impl Measured {
    /// Takes in what a run says of a figure.
    pub(super) fn take(&mut self, figure: Figure, product: f64) {
        self.add(figure, product, None);
    }

    /// Takes in what a run says of a figure, and what its yardstick does.
    pub(super) fn compare(&mut self, figure: Figure, product: f64, yardstick: f64) {
        self.add(figure, product, Some(yardstick));
    }

    /// Takes in a run that processes began and ended with, beside its yardstick.
    pub(super) fn sides(&mut self, time: Figure, product: &Side, yardstick: &Side) {
        self.compare(time, product.cost.seconds, yardstick.cost.seconds);
        self.sizes(product);
        if let (Some(product), Some(yardstick)) = (product.written, yardstick.written) {
            self.compare(WRITTEN, product as f64, yardstick as f64);
        }
    }

    /// Takes in what a run took beside time.
    pub(super) fn sizes(&mut self, product: &Side) {
        self.take(CPU, product.cost.cpu_seconds);
        for (figure, bytes) in [(HOST_MEMORY, product.peak), (PLUGIN_MEMORY, product.plugin_peak)] {
            bytes.iter().for_each(|bytes| self.take(figure, *bytes as f64));
        }
        self.others.push(product.cost.others);
    }

    /// Says on standard error what the last run came to.
    pub(super) fn note(&self, row: Row) {
        let has_target = |series: &&Series| series.figure.target.is_some();
        let aimed: Vec<&Series> = self.series.iter().filter(has_target).collect();
        let all: Vec<&Series> = self.series.iter().collect();
        let told: Vec<String> = if aimed.is_empty() { all } else { aimed }
            .iter()
            .map(ToString::to_string)
            .collect();
        eprintln!("{row}: {}", told.join("; "));
    }

    fn add(&mut self, figure: Figure, product: f64, yardstick: Option<f64>) {
        let sample = Sample { product, yardstick };
        match self.series.iter_mut().find(|series| series.figure == figure) {
            Some(series) => series.samples.push(sample),
            None => self.series.push(Series {
                figure,
                samples: vec![sample],
            }),
        }
    }
}
