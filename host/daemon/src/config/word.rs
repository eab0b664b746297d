//! Fields whose value is one word of a few.

use clap::ValueEnum;
use k1s_sync_engine::decide::{Adoption, ConflictPolicy};
use k1s_sync_engine::policy::Departure;

use super::finding::suggestion;
use super::node::{Node, Read};

/// A type whose values are words in a configuration file.
pub(super) trait Word: Copy + 'static {
    /// Every word with what it means.
    const WORDS: &'static [(&'static str, Self)];
    /// Words of the design whose behaviour has not landed.
    const LATER: &'static [&'static str] = &[];
}

impl<T: Word> Read for T {
    fn read(node: &Node<'_>) -> Option<Self> {
        let text = node.text()?;
        if let Some((_, value)) = T::WORDS.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        if T::LATER.contains(&text) {
            return node.refuse(format!("{text:?} is not supported in this version"));
        }
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        let choices = words.join(", ");
        node.refuse(format!(
            "{text:?} is not one of: {choices}{}",
            suggestion(text, words.iter().copied())
        ))
    }
}

impl Word for ConflictPolicy {
    const WORDS: &'static [(&'static str, Self)] = &[("SourceWins", Self::SourceWins)];
    const LATER: &'static [&'static str] = &["LocalWins", "Merge", "MergeStrategy", "PromptUser"];
}

impl Word for Adoption {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("IfEqual", Self::IfEqual),
        ("IfUnowned", Self::IfUnowned),
        ("Always", Self::Always),
        ("Never", Self::Never),
    ];
}

impl Word for Departure {
    const WORDS: &'static [(&'static str, Self)] = &[("keep", Self::Keep), ("prune", Self::Prune)];
}

/// What a failed object does to the others of its source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Nothing.
    #[default]
    Continue,
}

impl Word for OnError {
    const WORDS: &'static [(&'static str, Self)] = &[("continue", Self::Continue)];
}

/// The least severe kind of line that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// What failed for good.
    Error,
    /// What may need a person.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// How it happened.
    Debug,
    /// Every step.
    Trace,
}

impl Word for LogLevel {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

/// The version of this project's own objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConfigVersion {
    V1Alpha1,
}

impl Word for ConfigVersion {
    const WORDS: &'static [(&'static str, Self)] = &[("sync.k1s.io/v1alpha1", Self::V1Alpha1)];
}
