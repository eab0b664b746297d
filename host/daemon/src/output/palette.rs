//! The few colours there are, and when.

use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// The style of each kind of text; all are empty where there are no colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// What went well.
    pub good: Style,
    /// What failed.
    pub bad: Style,
    /// What stands beside the point.
    pub muted: Style,
}

impl Palette {
    /// No colours.
    #[must_use]
    pub const fn plain() -> Self {
        Self {
            good: Style::new(),
            bad: Style::new(),
            muted: Style::new(),
        }
    }

    /// Colours of any terminal.
    #[must_use]
    pub const fn coloured() -> Self {
        Self {
            good: AnsiColor::Green.on_default(),
            bad: AnsiColor::Red.on_default(),
            muted: Style::new().dimmed(),
        }
    }

    /// Colours where standard output is a terminal that has them and neither NO_COLOR nor CLICOLOR speaks against it.
    #[must_use]
    pub fn for_stdout() -> Self {
        match AutoStream::choice(&io::stdout()) {
            ColorChoice::Never => Self::plain(),
            ColorChoice::Auto | ColorChoice::AlwaysAnsi | ColorChoice::Always => Self::coloured(),
        }
    }
}
