//! What was measured, as a table and as data.

use std::fmt;

use serde::Serialize;

use super::figures::Spread;
use super::ground::Ground;
use super::machine::Machine;
use super::row::{Measured, Pair, Row, StoreSize};

/// The part of the machine that others may take before a figure is said to be noisy.
const NOISE: f64 = 0.05;
const MEBIBYTE: f64 = (1_u64 << 20) as f64;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    objects: u64,
    runs: u32,
    trees_on: String,
    stores_on: String,
    rows: Vec<RowReport>,
}

#[derive(Debug, Serialize)]
struct RowReport {
    row: Row,
    target: String,
    is_met: bool,
    ratio: Spread,
    product_seconds: Spread,
    yardstick_seconds: Spread,
    /// Processor seconds of host and plugin, from their start to their end.
    cpu_seconds: Spread,
    /// The part of the machine that others took while the product ran.
    others: Spread,
    host_peak_bytes: Option<Spread>,
    plugin_peak_bytes: Option<Spread>,
    written_bytes: Option<Spread>,
    yardstick_written_bytes: Option<Spread>,
    store: StoreSize,
    pairs: Vec<Pair>,
}

impl Report {
    pub(super) fn new(ground: &Ground, runs: u32) -> anyhow::Result<Self> {
        let (trees_on, stores_on) = ground.file_systems()?;
        Ok(Self {
            machine: Machine::of_this(),
            objects: ground.objects,
            runs,
            trees_on,
            stores_on,
            rows: Vec::new(),
        })
    }

    /// Adds a row; one without a run is left out.
    pub(super) fn add(&mut self, row: Row, measured: Measured) {
        self.rows.extend(RowReport::of(row, measured));
    }
}

impl RowReport {
    fn of(row: Row, Measured { pairs, store }: Measured) -> Option<Self> {
        let of = |figure: fn(&Pair) -> f64| Spread::of(pairs.iter().map(figure));
        let bytes =
            |figure: fn(&Pair) -> Option<u64>| Spread::of(pairs.iter().filter_map(figure).map(|bytes| bytes as f64));
        let ratio = Spread::of(pairs.iter().map(|pair| pair.ratio(row)))?;
        Some(Self {
            row,
            target: row.target().to_string(),
            is_met: row.target().is_met(ratio.median),
            ratio,
            product_seconds: of(|pair| pair.product.cost.seconds)?,
            yardstick_seconds: of(|pair| pair.yardstick.cost.seconds)?,
            cpu_seconds: of(|pair| pair.product.cost.cpu_seconds)?,
            others: of(|pair| pair.product.cost.others)?,
            host_peak_bytes: bytes(|pair| pair.product.peak),
            plugin_peak_bytes: bytes(|pair| pair.product.plugin_peak),
            written_bytes: bytes(|pair| pair.product.written),
            yardstick_written_bytes: bytes(|pair| pair.yardstick.written),
            store,
            pairs,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            machine,
            objects,
            runs,
            trees_on,
            stores_on,
            rows,
        } = self;
        writeln!(f, "{}", machine.describe())?;
        writeln!(
            f,
            "{objects} objects, median of {runs} (least–most), trees on {trees_on}, stores on {stores_on}\n"
        )?;
        line(f, ["row", "target", "ratio", "product", "yardstick", "verdict"])?;
        rows.iter().try_for_each(|row| row.times(f))?;
        writeln!(f)?;
        line(f, ["row", "objects/s", "CPU", "host RSS", "plugin RSS", "others"])?;
        rows.iter().try_for_each(|row| row.costs(f, *objects))?;
        writeln!(f)?;
        rows.iter().try_for_each(|row| row.sizes(f, *objects))
    }
}

impl RowReport {
    fn times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_met { "met" } else { "not met" };
        let noise = if self.others.median > NOISE { ", noisy" } else { "" };
        let cells = [
            self.row.to_string(),
            self.target.clone(),
            self.ratio.show(|ratio| format!("{ratio:.2}")),
            self.product_seconds.show(seconds),
            self.yardstick_seconds.show(seconds),
            format!("{verdict}{noise}"),
        ];
        line(f, cells.each_ref().map(String::as_str))
    }

    fn costs(&self, f: &mut fmt::Formatter<'_>, objects: u64) -> fmt::Result {
        let most = |bytes: &Spread| format!("{:.0} MiB", bytes.most / MEBIBYTE);
        let cells = [
            self.row.to_string(),
            format!("{:.0}", objects as f64 / self.product_seconds.median),
            self.cpu_seconds.show(seconds),
            known(self.host_peak_bytes.as_ref(), most),
            known(self.plugin_peak_bytes.as_ref(), most),
            self.others.show(|part| format!("{:.0} %", 100.0 * part)),
        ];
        line(f, cells.each_ref().map(String::as_str))
    }

    fn sizes(&self, f: &mut fmt::Formatter<'_>, objects: u64) -> fmt::Result {
        let StoreSize { row_bytes, file_bytes } = self.store;
        let each = |bytes: f64| format!("{:.0}", bytes / objects as f64);
        let written = |bytes: &Option<Spread>| known(bytes.as_ref(), |bytes| each(bytes.median));
        writeln!(
            f,
            "{}: bytes an object: {} of rows, {} of file, {} written (yardstick {})",
            self.row,
            each(row_bytes as f64),
            each(file_bytes as f64),
            written(&self.written_bytes),
            written(&self.yardstick_written_bytes),
        )
    }
}

/// What is not known is shown as such.
fn known(spread: Option<&Spread>, shown: impl Fn(&Spread) -> String) -> String {
    spread.map_or_else(|| "–".to_owned(), shown)
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.3} s")
}

fn line(f: &mut fmt::Formatter<'_>, cells: [&str; 6]) -> fmt::Result {
    let [row, target, ratio, product, yardstick, verdict] = cells;
    writeln!(
        f,
        "{row:<11} {target:>10}  {ratio:>22}  {product:>27}  {yardstick:>27}  {verdict:>16}"
    )
}
