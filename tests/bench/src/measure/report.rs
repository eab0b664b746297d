//! What was measured, as a table and as data.

use std::fmt;

use serde::Serialize;

use super::figure::{Series, Unit};
use super::ground::Ground;
use super::machine::Machine;
use super::measured::Measured;
use super::row::Row;
use super::scale::Scale;
use super::spread::Spread;

/// The part of the machine that others may take before a figure is said to be noisy.
const NOISE: f64 = 0.05;
/// The columns of the table, in characters.
const WIDTHS: [usize; 6] = [26, 15, 30, 33, 33, 8];

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    scale: Scale,
    trees_on: String,
    stores_on: String,
    rows: Vec<RowReport>,
}

#[derive(Debug, Serialize)]
struct RowReport {
    row: Row,
    figures: Vec<Summary>,
    /// The part of the machine that others took while the product ran.
    others: Option<Spread>,
}

/// A figure and what its runs say together.
#[derive(Debug, Serialize)]
struct Summary {
    #[serde(flatten)]
    series: Series,
    judged: Option<Spread>,
    product: Spread,
    yardstick: Option<Spread>,
    is_met: Option<bool>,
}

impl Report {
    pub(super) fn new(ground: &Ground) -> anyhow::Result<Self> {
        let (trees_on, stores_on) = ground.file_systems()?;
        Ok(Self {
            machine: Machine::of_this(),
            scale: ground.scale,
            trees_on,
            stores_on,
            rows: Vec::new(),
        })
    }

    /// Adds what a row came to.
    pub(super) fn add(&mut self, row: Row, measured: Measured) {
        let Measured { series, others } = measured;
        self.rows.push(RowReport {
            row,
            figures: series.into_iter().filter_map(Summary::of).collect(),
            others: Spread::of(others),
        });
    }
}

impl Summary {
    fn of(series: Series) -> Option<Self> {
        Some(Self {
            judged: series.judged(),
            product: series.product()?,
            yardstick: series.yardstick(),
            is_met: series.is_met(),
            series,
        })
    }

    /// The cells after the one with the name.
    fn cells(&self) -> [String; 5] {
        let unit = self.series.figure.unit;
        let show = |spread: Spread| spread.show(|figure| unit.show(figure));
        let verdict = match self.is_met {
            Some(true) => "met",
            Some(false) => "not met",
            None => "",
        };
        [
            self.series.figure.aim(),
            self.series.shown().unwrap_or_default(),
            show(self.product),
            self.yardstick.map(show).unwrap_or_default(),
            verdict.to_owned(),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            machine,
            scale,
            trees_on,
            stores_on,
            rows,
        } = self;
        writeln!(f, "{}", machine.describe())?;
        writeln!(
            f,
            "{} objects, median of {} (least–most), trees on {trees_on}, stores on {stores_on}\n",
            scale.objects, scale.runs
        )?;
        line(f, ["", "target", "reached", "product", "yardstick", "verdict"])?;
        rows.iter().try_for_each(|row| write!(f, "{row}"))
    }
}

impl fmt::Display for RowReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.others.map_or_else(String::new, |others| {
            let noise = if others.median > NOISE { ": noisy" } else { "" };
            let shown = others.show(|part| Unit::Part.show(part));
            format!(" (others took {shown} of the machine{noise})")
        });
        writeln!(f, "{}{others}", self.row)?;
        for summary in &self.figures {
            let [aim, judged, product, yardstick, verdict] = summary.cells();
            let name = format!("  {}", summary.series.figure.name);
            line(f, [&name, &aim, &judged, &product, &yardstick, &verdict])?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, cells: [&str; 6]) -> fmt::Result {
    let mut text = String::new();
    for (cell, width) in cells.into_iter().zip(WIDTHS) {
        text.push_str(&format!("{cell:<width$} "));
    }
    writeln!(f, "{}", text.trim_end())
}
