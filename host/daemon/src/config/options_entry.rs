//! What a configuration file says in `options`.

use schemars::JsonSchema;

use super::api_entry::ApiEntry;
use super::node::{Node, Read};
use super::overrides::Overrides;

const OPTIONS_LATER: &[&str] = &[
    "buffers",
    "debounce",
    "history",
    "metrics",
    "onConflict",
    "onTimeout",
    "promptTimeout",
    "retention",
    "statusInObject",
    "transferGrace",
    "unknownKinds",
];

/// What holds for the host, and for every source that does not say otherwise.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename = "Options", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OptionsEntry {
    /// How the host serves its Kubernetes API.
    pub(super) api: Option<ApiEntry>,
    /// For every source.
    #[schemars(flatten)]
    pub(super) overrides: Overrides,
}

impl Read for OptionsEntry {
    fn read(node: &Node<'_>) -> Option<Self> {
        let mut fields = node.fields()?;
        let api = fields.optional("api");
        let overrides = Overrides::take(&mut fields);
        fields.finish(OPTIONS_LATER);
        Some(Self { api, overrides })
    }
}
