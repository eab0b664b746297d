//! Tables as kubectl prints them: upper-case titles, columns three blanks apart, no lines, no trailing blanks.

use std::fmt;

use super::text::visible;

/// Blanks between columns, as in kubectl.
const PADDING: usize = 3;
/// Least width of a column with its padding, as in kubectl.
const MIN_WIDTH: usize = 6;

/// Rows of cells below titles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes a table without rows.
    #[must_use]
    pub fn new<T: Into<String>>(titles: impl IntoIterator<Item = T>) -> Self {
        let titles = titles.into_iter().map(Into::into).collect();
        Self {
            titles,
            rows: Vec::new(),
        }
    }

    /// Adds a row. A cell that is empty or missing is printed as `<none>`, as kubectl does; cells beyond the titles are
    /// dropped.
    pub fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().chain(std::iter::repeat_with(String::new));
        let shown = |cell: String| {
            if cell.is_empty() {
                "<none>".to_owned()
            } else {
                visible(&cell).into_owned()
            }
        };
        self.rows.push(cells.take(self.titles.len()).map(shown).collect());
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn widths(&self) -> Vec<usize> {
        let width = |index: usize, title: &String| {
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            let longest = cells
                .chain([title])
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default();
            (longest + PADDING).max(MIN_WIDTH)
        };
        self.titles
            .iter()
            .enumerate()
            .map(|(index, title)| width(index, title))
            .collect()
    }
}

/// Writes every line with its end; a table without rows has only titles.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        line(f, &widths, &self.titles)?;
        self.rows.iter().try_for_each(|row| line(f, &widths, row))
    }
}

fn line(f: &mut fmt::Formatter<'_>, widths: &[usize], cells: &[String]) -> fmt::Result {
    let last = cells.len().saturating_sub(1);
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if index == last {
            writeln!(f, "{cell}")?;
        } else {
            write!(f, "{cell:<width$}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_as_in_kubectl() {
        let mut table = Table::new(["NAMESPACE", "NAME", "UP", "AGE"]);
        table.push(["shop", "cart", "1", "3s", "dropped"].map(str::to_owned));
        table.push(["kube-system-long", "ü", "", "2d1h"].map(str::to_owned));
        table.push(["x\ny".to_owned()]);
        let expected = "\
NAMESPACE          NAME     UP       AGE
shop               cart     1        3s
kube-system-long   ü        <none>   2d1h
x y                <none>   <none>   <none>
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn a_narrow_column_is_six_wide() {
        let mut table = Table::new(["A", "B"]);
        assert!(table.is_empty());
        table.push(["1", "2"].map(str::to_owned));
        assert_eq!(table.to_string(), "A     B\n1     2\n");
    }
}
