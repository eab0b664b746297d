//! What a configuration file says of one source.

use std::collections::BTreeMap;

use k1s_sync_engine::decide::Adoption;
use k1s_sync_engine::id::SourceName;
use k1s_sync_engine::policy::Departure;
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::filter::{KindFilter, NamespaceFilter};
use super::namespace::NamespaceName;
use super::node::{Node, Read};
use super::overrides::Overrides;
use super::schema::{EnvironmentText, LabelText, NamespaceMapText, PatternText, WordText};
use super::word::OnError;

const SOURCE_LATER: &[&str] = &[
    "limits",
    "onConflict",
    "onTimeout",
    "permissions",
    "priority",
    "promptTimeout",
    "selector",
    "transactional",
    "untrusted",
];

/// Longest name or path of a plugin, in bytes.
const MAX_PLUGIN_BYTES: usize = 4096;

/// One configured instance of a plugin.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "Source", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SourceEntry {
    /// Names the source: a DNS-1123 label, unlike that of any other source.
    #[schemars(with = "LabelText")]
    pub(super) name: SourceName,
    /// The plugin: a path (with a slash, relative to this file), or a name in a registry file.
    pub(super) plugin: String,
    /// Whether it is synchronised; a disabled source keeps its objects (default true).
    pub(super) enabled: Option<bool>,
    /// The plugin's own configuration.
    pub(super) config: Option<Map<String, Value>>,
    /// Where objects of namespaced kinds without a namespace go (default `default`).
    #[schemars(with = "Option<LabelText>")]
    pub(super) default_namespace: Option<NamespaceName>,
    /// Where objects go instead of the namespace that they declare or default to; namespaces themselves keep their names.
    #[schemars(with = "Option<NamespaceMapText>")]
    pub(super) namespace_mapping: Option<NamespaceMap>,
    /// Whether a namespace that is missing is made with its first object (default true).
    pub(super) create_namespaces: Option<bool>,
    /// The kinds it may touch, as `Kind` in any group or `group/Kind`, with `*` for any characters.
    #[schemars(with = "Option<FilterEntry>")]
    pub(super) kinds: Option<KindFilter>,
    /// The namespaces it may touch, with `*` for any characters.
    #[schemars(with = "Option<FilterEntry>")]
    pub(super) namespaces: Option<NamespaceFilter>,
    /// Whether it may take over objects that no source owns (default IfEqual).
    #[schemars(with = "Option<WordText<Adoption>>")]
    pub(super) adoption: Option<Adoption>,
    /// Whether fields that it does not declare are removed from its objects (default false).
    pub(super) mirror: Option<bool>,
    /// Whether objects that it no longer declares are deleted (default true).
    pub(super) prune: Option<bool>,
    /// What becomes of objects that fall out when the configuration selects, filters or maps otherwise than before
    /// (default keep).
    #[schemars(with = "Option<WordText<Departure>>")]
    pub(super) on_selection_change: Option<Departure>,
    /// What becomes of its objects when it is configured no longer (default keep).
    #[schemars(with = "Option<WordText<Departure>>")]
    pub(super) on_source_removed: Option<Departure>,
    /// Whether it may be empty: then even the last of its objects may be deleted (default false).
    pub(super) allow_empty: Option<bool>,
    /// Whether the status of its objects is content (default false).
    pub(super) include_status: Option<bool>,
    /// What a failed object does to the others (default continue).
    #[schemars(with = "Option<WordText<OnError>>")]
    pub(super) on_error: Option<OnError>,
    /// Environment variables for the plugin, beside those of its registry file.
    #[schemars(with = "Option<EnvironmentText>")]
    pub(super) env: Environment,
    /// Instead of the same in `options`.
    #[schemars(flatten)]
    pub(super) overrides: Overrides,
}

/// What is taken: everything in `allow` (everything at all when it is empty) that is not in `deny`.
#[derive(JsonSchema)]
#[schemars(rename = "Filter", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; what a pattern means is another type")]
pub(super) struct FilterEntry {
    /// What may be taken; empty for everything.
    allow: Option<Vec<PatternText>>,
    /// What may not be taken, also when it is allowed.
    deny: Option<Vec<PatternText>>,
}

/// Environment variables by name.
pub(super) type Environment = BTreeMap<String, String>;

impl Read for SourceEntry {
    fn read(node: &Node<'_>) -> Option<Self> {
        let mut fields = node.fields()?;
        let name = fields.required("name");
        let plugin = fields.required::<PluginText>("plugin");
        let enabled = fields.optional("enabled");
        let config = fields.node("config").and_then(|node| node.mapping().cloned());
        let default_namespace = fields.optional("defaultNamespace");
        let namespace_mapping = fields.optional("namespaceMapping");
        let create_namespaces = fields.optional("createNamespaces");
        let kinds = fields.optional("kinds");
        let namespaces = fields.optional("namespaces");
        let adoption = fields.optional("adoption");
        let mirror = fields.optional("mirror");
        let prune = fields.optional("prune");
        let on_selection_change = fields.optional("onSelectionChange");
        let on_source_removed = fields.optional("onSourceRemoved");
        let allow_empty = fields.optional("allowEmpty");
        let include_status = fields.optional("includeStatus");
        let on_error = fields.optional("onError");
        let env = fields
            .node("env")
            .and_then(|node| environment(&node))
            .unwrap_or_default();
        let overrides = Overrides::take(&mut fields);
        fields.finish(SOURCE_LATER);
        Some(Self {
            name: name?,
            plugin: plugin?.0,
            enabled,
            config,
            default_namespace,
            namespace_mapping,
            create_namespaces,
            kinds,
            namespaces,
            adoption,
            mirror,
            prune,
            on_selection_change,
            on_source_removed,
            allow_empty,
            include_status,
            on_error,
            env,
            overrides,
        })
    }
}

struct PluginText(String);

impl Read for PluginText {
    fn read(node: &Node<'_>) -> Option<Self> {
        match node.text()? {
            "" => node.refuse("it is empty; name a plugin or give a path"),
            text if text.len() > MAX_PLUGIN_BYTES => node.refuse("it is too long for a path"),
            text => Some(Self(text.to_owned())),
        }
    }
}

/// Reads environment variables, each of which the launch must be able to set.
pub(super) fn environment(node: &Node<'_>) -> Option<Environment> {
    let mut variables = Environment::new();
    for (name, member) in node.members()? {
        let Some(value) = member.text() else { continue };
        let one = BTreeMap::from([(name.into(), value.into())]);
        match k1s_process::Environment::allowed_from([], &one) {
            Ok(_) => variables.insert(name.to_owned(), value.to_owned()),
            Err(error) => member.refuse_key(error.to_string()),
        };
    }
    Some(variables)
}

/// Namespaces by the namespaces in whose place they stand.
#[derive(Debug, Default)]
pub(super) struct NamespaceMap(pub(super) BTreeMap<Box<str>, Box<str>>);

impl Read for NamespaceMap {
    fn read(node: &Node<'_>) -> Option<Self> {
        let mut namespaces = BTreeMap::new();
        for (from, member) in node.members()? {
            if let Err(error) = from.parse::<NamespaceName>() {
                member.refuse_key::<()>(format!("the namespace {error}"));
                continue;
            }
            if let Some(to) = NamespaceName::read(&member) {
                namespaces.insert(from.into(), to.as_str().into());
            }
        }
        Some(Self(namespaces))
    }
}

impl Read for NamespaceName {
    fn read(node: &Node<'_>) -> Option<Self> {
        let name: &str = node.text()?;
        name.parse()
            .map_or_else(|error| node.refuse(format!("the namespace {error}")), Some)
    }
}

impl Read for SourceName {
    fn read(node: &Node<'_>) -> Option<Self> {
        Self::new(node.text()?).map_or_else(|error| node.refuse(format!("the name {error}")), Some)
    }
}
