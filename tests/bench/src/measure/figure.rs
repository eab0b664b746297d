//! Figures: what is measured of a row, what it is to reach, and what each run says of it.

use std::fmt;

use serde::Serialize;

use super::spread::Spread;

/// Something that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    /// None for what is told beside others.
    pub(super) target: Option<Target>,
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Unit {
    Seconds,
    Bytes,
    ObjectsPerSecond,
    /// A part of something, from 0 to 1.
    Part,
}

/// What a figure is to reach, in its unit where it is not a ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Target {
    /// At most so many times what the yardstick takes.
    Times(f64),
    /// At least so many times the rate of the yardstick; both are times.
    Rate(f64),
    /// At most so much more than the yardstick.
    Over(f64),
    /// At most so much.
    Most(f64),
    /// At least so much.
    Least(f64),
}

/// What one run says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Sample {
    pub(super) product: f64,
    pub(super) yardstick: Option<f64>,
}

/// A figure with everything that runs said.
#[derive(Debug, Serialize)]
pub(super) struct Series {
    #[serde(flatten)]
    pub(super) figure: Figure,
    pub(super) samples: Vec<Sample>,
}

impl Figure {
    /// A figure without a target.
    pub(super) const fn told(name: &'static str, unit: Unit) -> Self {
        let target = None;
        Self { name, unit, target }
    }

    /// A figure that is to reach something.
    pub(super) const fn aimed(name: &'static str, unit: Unit, target: Target) -> Self {
        let target = Some(target);
        Self { name, unit, target }
    }

    /// What a target is about, or else what is worth telling beside the product's figure; none without a yardstick.
    fn judged(&self, sample: Sample) -> Option<f64> {
        let Sample { product, yardstick } = sample;
        match self.target {
            Some(Target::Most(_) | Target::Least(_)) => Some(product),
            Some(Target::Over(_)) => Some(product - yardstick?),
            Some(Target::Rate(_)) => Some(yardstick? / product),
            Some(Target::Times(_)) | None => Some(product / yardstick?),
        }
    }

    /// Prints what [`judged`](Figure::judged) returns, of one run or of all.
    fn show(&self, judged: Spread) -> String {
        match self.target {
            Some(Target::Most(_) | Target::Least(_)) => judged.show(|judged| self.unit.show(judged)),
            Some(Target::Over(_)) => format!("{} over", judged.show(|judged| self.unit.show(judged))),
            Some(Target::Times(_) | Target::Rate(_)) | None => {
                format!("{} ×", judged.show(|ratio| format!("{ratio:.2}")))
            }
        }
    }

    /// What is to be reached, in words.
    pub(super) fn aim(&self) -> String {
        match self.target {
            Some(Target::Times(most)) => format!("≤ {most} ×"),
            Some(Target::Rate(least)) => format!("≥ {least} ×"),
            Some(Target::Over(most)) => format!("≤ {} over", self.unit.show_round(most)),
            Some(Target::Most(most)) => format!("≤ {}", self.unit.show_round(most)),
            Some(Target::Least(least)) => format!("≥ {}", self.unit.show_round(least)),
            None => "–".to_owned(),
        }
    }
}

impl Target {
    fn is_met(self, judged: f64) -> bool {
        match self {
            Self::Times(most) | Self::Over(most) | Self::Most(most) => judged <= most,
            Self::Rate(least) | Self::Least(least) => judged >= least,
        }
    }
}

impl Series {
    /// Sums up what the target is about; none where nothing was measured, or there is neither yardstick nor target.
    pub(super) fn judged(&self) -> Option<Spread> {
        Spread::of(self.samples.iter().filter_map(|sample| self.figure.judged(*sample)))
    }

    /// Sums up the product's figures.
    pub(super) fn product(&self) -> Option<Spread> {
        Spread::of(self.samples.iter().map(|sample| sample.product))
    }

    /// Sums up the yardstick's figures.
    pub(super) fn yardstick(&self) -> Option<Spread> {
        Spread::of(self.samples.iter().filter_map(|sample| sample.yardstick))
    }

    /// Whether the median reaches the target; none without a target.
    pub(super) fn is_met(&self) -> Option<bool> {
        let (target, judged) = (self.figure.target?, self.judged()?);
        Some(target.is_met(judged.median))
    }

    /// The spread of what is judged, printed.
    pub(super) fn shown(&self) -> Option<String> {
        Some(self.figure.show(self.judged()?))
    }
}

impl fmt::Display for Series {
    /// The last run, for who waits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figure { name, unit, .. } = self.figure;
        let Some(last) = self.samples.last() else {
            return write!(f, "{name} –");
        };
        write!(f, "{name} {}", unit.show(last.product))?;
        let Some(yardstick) = last.yardstick else { return Ok(()) };
        write!(f, ", yardstick {}", unit.show(yardstick))?;
        let judged = Spread::of(self.figure.judged(*last));
        judged.map_or(Ok(()), |judged| write!(f, ", {}", self.figure.show(judged)))
    }
}

impl Unit {
    /// Prints a figure that was measured.
    pub(super) fn show(self, figure: f64) -> String {
        match self {
            Self::Seconds if figure.abs() < 0.001 => format!("{:.1} µs", 1e6 * figure),
            Self::Seconds if figure.abs() < 0.01 => format!("{:.2} ms", 1e3 * figure),
            Self::Seconds if figure.abs() < 1.0 => format!("{:.0} ms", 1e3 * figure),
            Self::Seconds => format!("{figure:.2} s"),
            Self::Bytes if figure.abs() < 20_480.0 => format!("{figure:.0} B"),
            Self::Bytes => format!("{:.1} MiB", figure / f64::from(1 << 20)),
            Self::ObjectsPerSecond => format!("{figure:.0}/s"),
            Self::Part => format!("{:.2} %", 100.0 * figure),
        }
    }

    /// Prints a figure that somebody has chosen, with no more digits than that has.
    fn show_round(self, figure: f64) -> String {
        match self {
            Self::Seconds if figure < 1.0 => format!("{} ms", 1e3 * figure),
            Self::Seconds => format!("{figure} s"),
            Self::Bytes => format!("{} MiB", figure / f64::from(1 << 20)),
            Self::ObjectsPerSecond => format!("{figure}/s"),
            Self::Part => format!("{} %", 100.0 * figure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(target: Option<Target>, unit: Unit, samples: &[(f64, Option<f64>)]) -> Series {
        let figure = Figure {
            name: "time",
            unit,
            target,
        };
        let samples = samples
            .iter()
            .map(|&(product, yardstick)| Sample { product, yardstick });
        Series {
            figure,
            samples: samples.collect(),
        }
    }

    #[test]
    fn a_slow_product_meets_no_target() {
        for (target, met, missed) in [
            (Target::Times(1.25), 1.25, 1.26),
            (Target::Rate(0.5), 2.0, 2.1),
            (Target::Over(0.5), 1.5, 1.6),
            (Target::Most(0.025), 0.025, 0.026),
            (Target::Least(120_000.0), 120_000.0, 119_999.0),
        ] {
            for (product, expected) in [(met, true), (missed, false)] {
                let one = series(Some(target), Unit::Seconds, &[(product, Some(1.0))]);
                assert_eq!(one.is_met(), Some(expected), "{target:?} {product}");
            }
        }
        assert_eq!(series(None, Unit::Seconds, &[(1.0, Some(1.0))]).is_met(), None);
        assert_eq!(series(Some(Target::Most(1.0)), Unit::Seconds, &[]).is_met(), None);
    }

    #[test]
    fn the_median_decides_and_is_taken_of_pairs() {
        let runs = [(1.0, Some(1.0)), (9.0, Some(3.0)), (2.0, Some(1.0))];
        let three = series(Some(Target::Times(2.0)), Unit::Seconds, &runs);
        assert_eq!(three.is_met(), Some(true));
        assert_eq!(three.shown().unwrap(), "2.00 (1.00–3.00) ×");
        assert_eq!(three.product().unwrap().median, 2.0);
        assert_eq!(three.yardstick().unwrap().most, 3.0);
        assert_eq!(three.to_string(), "time 2.00 s, yardstick 1.00 s, 2.00 ×");
    }

    #[test]
    fn what_has_no_yardstick_stands_alone() {
        let alone = series(None, Unit::Bytes, &[(512.0, None)]);
        assert_eq!((alone.shown(), alone.figure.aim()), (None, "–".to_owned()));
        assert_eq!(alone.to_string(), "time 512 B");
    }

    #[test]
    fn figures_are_printed_in_their_unit() {
        for (unit, figure, shown) in [
            (Unit::Seconds, 0.000_123_46, "123.5 µs"),
            (Unit::Seconds, 0.002_346, "2.35 ms"),
            (Unit::Seconds, 0.2, "200 ms"),
            (Unit::Seconds, 12.346, "12.35 s"),
            (Unit::Bytes, 1_500.4, "1500 B"),
            (Unit::Bytes, 33_554_432.0, "32.0 MiB"),
            (Unit::ObjectsPerSecond, 123_456.8, "123457/s"),
            (Unit::Part, 0.005, "0.50 %"),
        ] {
            assert_eq!(unit.show(figure), shown);
        }
        for (figure, aim) in [
            (Figure::aimed("p50", Unit::Seconds, Target::Over(0.003)), "≤ 3 ms over"),
            (Figure::aimed("live", Unit::Seconds, Target::Most(0.025)), "≤ 25 ms"),
            (
                Figure::aimed("rate", Unit::ObjectsPerSecond, Target::Least(120_000.0)),
                "≥ 120000/s",
            ),
            (Figure::aimed("idle", Unit::Part, Target::Most(0.005)), "≤ 0.5 %"),
            (Figure::aimed("time", Unit::Seconds, Target::Times(1.25)), "≤ 1.25 ×"),
            (Figure::aimed("time", Unit::Seconds, Target::Rate(0.5)), "≥ 0.5 ×"),
            (Figure::told("time", Unit::Seconds), "–"),
        ] {
            assert_eq!(figure.aim(), aim);
        }
    }
}
