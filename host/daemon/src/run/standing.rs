//! The configuration in force, and what is made of one that was read again.

use crate::config::{Amendment, Configuration, deferred, plan};
use crate::reload::{Occasion, Reading};

/// The configuration in force.
pub(super) struct Standing {
    configuration: Configuration,
    refused: Option<String>,
    /// What was last said to take effect later.
    later: Vec<&'static str>,
}

/// What follows from a configuration that was read again.
#[derive(Debug, Default)]
pub(super) struct Consequence {
    /// What sources are to be told.
    pub(super) amendments: Vec<Amendment>,
    /// What a person is told.
    pub(super) lines: Vec<String>,
    /// Whether it is another matter than before whether the files are good.
    pub(super) verdict: Verdict,
}

/// Whether what the files say is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As before.
    #[default]
    Same,
    /// It is.
    Good,
    /// It is not, for this reason; what they said before is.
    Refused(String),
}

impl Standing {
    pub(super) fn new(configuration: Configuration) -> Self {
        Self {
            configuration,
            refused: None,
            later: Vec::new(),
        }
    }

    /// The configuration in force.
    pub(super) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Takes what was read: all of it, or nothing.
    pub(super) fn take(&mut self, reading: Reading) -> Consequence {
        let refusal = match reading.configuration {
            Ok(configuration) if configuration.sources.is_empty() => {
                "no source is configured; a host without any has nothing to do".to_owned()
            }
            Ok(configuration) => return self.accept(configuration, reading.occasion),
            Err(error) => error.to_string(),
        };
        if self.refused.as_ref() == Some(&refusal) && reading.occasion == Occasion::Changed {
            return Consequence::default();
        }
        self.refused = Some(refusal.clone());
        let head = "the configuration is refused, and the one before stays in force:".to_owned();
        Consequence {
            amendments: Vec::new(),
            lines: std::iter::once(head)
                .chain(refusal.lines().map(str::to_owned))
                .collect(),
            verdict: Verdict::Refused(refusal),
        }
    }

    fn accept(&mut self, configuration: Configuration, occasion: Occasion) -> Consequence {
        let amendments = plan(&self.configuration.sources, &configuration.sources);
        let later = deferred(&self.configuration, &configuration);
        let verdict = match self.refused.take() {
            Some(_) => Verdict::Good,
            None => Verdict::Same,
        };
        let told = told(&amendments);
        let is_news = occasion == Occasion::Asked || verdict == Verdict::Good;
        let mut lines = Vec::new();
        if !told.is_empty() {
            lines.push(format!("configuration read again: {}", told.join(", ")));
        } else if is_news {
            lines.push("configuration read again: no source is to change".to_owned());
        }
        if !later.is_empty() && (is_news || later != self.later) {
            lines.push(format!(
                "{} takes effect when the host is started again",
                later.join(", ")
            ));
        }
        self.later = later;
        // What takes effect later is compared with what is in force.
        self.configuration.sources = configuration.sources;
        Consequence {
            amendments,
            lines,
            verdict,
        }
    }
}

/// What sources are told, for a person; where they are written is no news.
fn told(amendments: &[Amendment]) -> Vec<String> {
    let told = |amendment: &Amendment| match amendment {
        Amendment::Removed(name) => Some(format!("{name} removed")),
        Amendment::Changed(settings) => Some(format!("{} changed", settings.name)),
        Amendment::Added(settings) => Some(format!("{} added", settings.name)),
        Amendment::Moved(_) => None,
    };
    amendments.iter().filter_map(told).collect()
}
