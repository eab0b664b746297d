//! What a directory is to Helm, whose charts hold files that only Helm can read.

/// The file that makes a directory a Helm chart.
pub const CHART: &str = "Chart.yaml";
/// The directory of a Helm chart that holds what only Helm can read.
const TEMPLATES: &str = "templates";

/// What a directory is to Helm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// Nothing.
    #[default]
    Plain,
    /// A chart.
    Chart,
    /// The templates of a chart.
    Templates,
}

impl Zone {
    /// Returns what a directory in this one is, its own content aside.
    #[must_use]
    pub fn below(self, name: &str) -> Self {
        match self {
            Self::Chart if name == TEMPLATES => Self::Templates,
            Self::Templates => Self::Templates,
            Self::Plain | Self::Chart => Self::Plain,
        }
    }

    /// Returns what a directory is in which there is a [`CHART`].
    #[must_use]
    pub fn with_chart(self) -> Self {
        match self {
            Self::Templates => Self::Templates,
            Self::Plain | Self::Chart => Self::Chart,
        }
    }

    /// Returns whether a file in this directory is for Helm only: a template, or the chart's own files and values.
    #[must_use]
    pub fn is_helms(self, name: &str) -> bool {
        match self {
            Self::Plain => false,
            Self::Chart => name.starts_with("Chart.") || name.starts_with("values"),
            Self::Templates => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_within_templates_is_still_a_template() {
        let templates = Zone::Plain.with_chart().below("templates");
        assert_eq!(templates, Zone::Templates);
        assert_eq!(templates.below("x").with_chart(), Zone::Templates);
        assert_eq!(Zone::Chart.below("crds"), Zone::Plain);
        assert!(templates.is_helms("a.yaml") && Zone::Chart.is_helms("values-prod.yaml"));
        assert!(!Zone::Chart.is_helms("a.yaml") && !Zone::Plain.is_helms("values.yaml"));
    }
}
