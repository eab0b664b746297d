//! What a `SyncConfiguration` file says, before anything is filled in.
//!
//! The JSON Schema is derived from this type, `OptionsEntry`, `SourceEntry` and `Overrides`; a test holds their readers
//! to it. A field lands by moving its name from one of the `LATER` lists into a type and its reader.

use k1s_object::InstanceId;
use schemars::JsonSchema;

use super::node::{Node, Read};
use super::options_entry::OptionsEntry;
use super::schema::{SubdomainText, WordText};
use super::source_entry::SourceEntry;
use super::word::{ConfigVersion, Word};

/// A file of kind SyncConfiguration: what one host synchronises, and how.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "SyncConfiguration", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ConfigurationEntry {
    /// The version of this format.
    #[expect(dead_code, reason = "there is one version; reading it is the check")]
    #[schemars(with = "WordText<ConfigVersion>")]
    api_version: ConfigVersion,
    /// The kind of this file.
    #[expect(dead_code, reason = "reading it is the check")]
    #[schemars(with = "WordText<ConfigurationKind>")]
    kind: ConfigurationKind,
    /// Names this host; else the id that its data directory keeps.
    #[schemars(with = "Option<SubdomainText>")]
    pub(super) instance_id: Option<InstanceId>,
    /// What holds for the host, and for every source that does not say otherwise.
    pub(super) options: Option<OptionsEntry>,
    /// The sources; a source is synchronised unless `enabled` is false.
    #[schemars(with = "Option<Vec<SourceEntry>>")]
    pub(super) sources: Vec<Located<SourceEntry>>,
}

/// The kind of a configuration file.
#[derive(Clone, Copy, Debug)]
pub(super) enum ConfigurationKind {
    SyncConfiguration,
}

impl Word for ConfigurationKind {
    const WORDS: &'static [(&'static str, Self)] = &[("SyncConfiguration", Self::SyncConfiguration)];
}

/// A value and the JSON pointer to it.
#[derive(Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) pointer: String,
}

impl<T: Read> Read for Located<T> {
    fn read(node: &Node<'_>) -> Option<Self> {
        Some(Self {
            value: T::read(node)?,
            pointer: node.pointer().to_owned(),
        })
    }
}

impl Read for ConfigurationEntry {
    fn read(node: &Node<'_>) -> Option<Self> {
        let mut fields = node.fields()?;
        let api_version = fields.required("apiVersion");
        let kind = fields.required("kind");
        let instance_id = fields.optional("instanceId");
        let options = fields.optional("options");
        // A source that cannot be read is reported and left out, so that the others are checked, too.
        let sources = fields
            .node("sources")
            .and_then(|node| node.items_with(|item| Some(Located::read(item))));
        fields.finish(&[]);
        Some(Self {
            api_version: api_version?,
            kind: kind?,
            instance_id,
            options,
            sources: sources.unwrap_or_default().into_iter().flatten().collect(),
        })
    }
}

impl Read for InstanceId {
    fn read(node: &Node<'_>) -> Option<Self> {
        Self::new(node.text()?).map_or_else(|error| node.refuse(error.to_string()), Some)
    }
}
