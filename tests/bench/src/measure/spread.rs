//! What several runs say together: the middle, and how far apart they are.

use serde::Serialize;

/// The median of some figures, and the smallest and the largest of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// Sums figures up; none if there are none.
    pub(super) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let (least, most) = (*figures.first()?, *figures.last()?);
        let upper = *figures.get(figures.len() / 2)?;
        let lower = *figures.get((figures.len() - 1) / 2)?;
        Some(Self {
            median: f64::midpoint(lower, upper),
            least,
            most,
        })
    }

    /// Prints `median (least–most)`, each figure by `shown`; only the median where all are the same.
    pub(super) fn show(&self, shown: impl Fn(f64) -> String) -> String {
        let [median, least, most] = [self.median, self.least, self.most].map(shown);
        if least == most {
            return median;
        }
        format!("{median} ({least}–{most})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        let spread = |figures: &[f64]| Spread::of(figures.iter().copied());
        assert_eq!(spread(&[]), None);
        for (figures, median, least, most) in [
            (&[2.0][..], 2.0, 2.0, 2.0),
            (&[9.0, 1.0], 5.0, 1.0, 9.0),
            (&[9.0, 1.0, 2.0], 2.0, 1.0, 9.0),
            (&[4.0, 1.0, 2.0, 100.0], 3.0, 1.0, 100.0),
        ] {
            assert_eq!(spread(figures), Some(Spread { median, least, most }), "{figures:?}");
        }
        let shown = spread(&[1.0, 2.0, 4.0]).unwrap().show(|figure| format!("{figure:.1}"));
        assert_eq!(shown, "2.0 (1.0–4.0)");
        assert_eq!(spread(&[2.0]).unwrap().show(|figure| format!("{figure:.1}")), "2.0");
    }
}
