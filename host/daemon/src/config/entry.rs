//! What a `SyncConfiguration` file says, before anything is filled in: the one list of its fields.
//!
//! The JSON Schema is derived from these types; a test holds their readers to it. A field lands by moving its name from
//! one of the `LATER` lists into a type and its reader.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use k1s_object::InstanceId;
use k1s_sync_engine::decide::{Adoption, ConflictPolicy};
use k1s_sync_engine::id::SourceName;
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::filter::{KindFilter, NamespaceFilter};
use super::namespace::NamespaceName;
use super::node::{Fields, Node, Read};
use super::period::Period;
use super::schema::{EnvironmentText, LabelText, PatternText, SubdomainText, WordText};
use super::word::{ConfigVersion, LogLevel, OnError, Word};

const OPTIONS_LATER: &[&str] = &[
    "api",
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
const SOURCE_LATER: &[&str] = &[
    "limits",
    "namespaceMapping",
    "onConflict",
    "onSelectionChange",
    "onSourceRemoved",
    "onTimeout",
    "permissions",
    "priority",
    "promptTimeout",
    "selector",
    "transactional",
    "untrusted",
];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// How often a source may be listed again.
const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY;
/// How long a key may stay undeclared before a watching source reports its delete.
const DELETE_SETTLE: RangeInclusive<Duration> = Duration::ZERO..=HOUR;
/// How long a start or a stop may take.
const DEADLINE: RangeInclusive<Duration> = Duration::from_millis(100)..=HOUR;
/// How long a working source may be silent.
const HUNG_AFTER: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY;
/// Longest name or path of a plugin, in bytes.
const MAX_PLUGIN_BYTES: usize = 4096;

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
    /// What holds for every source that does not say otherwise.
    pub(super) options: Option<Overrides>,
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

/// What can be said of all sources in `options`, and of one in its own entry.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Overrides {
    /// Which side's word holds where both changed (default SourceWins).
    #[schemars(with = "Option<WordText<ConflictPolicy>>")]
    pub(super) conflict_resolution: Option<ConflictPolicy>,
    /// How often a source that cannot report deletes is listed again, 1s to 24h (default: the plugin's own, else 30s).
    pub(super) interval: Option<Period>,
    /// How long a key must stay undeclared before a watching source reports its delete, at most 1h (default 1s).
    pub(super) delete_settle: Option<Period>,
    /// How long a plugin may take to become ready, 100ms to 1h (default 30s).
    pub(super) start_deadline: Option<Period>,
    /// How long a plugin may take to finish its work when it is stopped, 100ms to 1h (default 800ms).
    pub(super) stop_deadline: Option<Period>,
    /// How long a plugin may work without a sign of life, 1s to 24h (default 60s).
    pub(super) hung_after: Option<Period>,
    /// How many objects may go within an hour before a person is asked.
    pub(super) guard: Option<GuardEntry>,
    /// The least severe level that is logged (default info).
    #[schemars(with = "Option<WordText<LogLevel>>")]
    pub(super) log_level: Option<LogLevel>,
}

/// How many objects of a source may go within an hour: the larger of the two.
#[derive(Clone, Copy, Debug, Default, JsonSchema)]
#[schemars(rename = "Guard", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GuardEntry {
    /// So many objects (default 10).
    pub(super) min: Option<u64>,
    /// So many of each hundred, 0 to 100 (default 30).
    #[schemars(range(max = 100))]
    pub(super) percent: Option<u8>,
}

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
    /// Whether it may be empty: then even the last of its objects may be deleted (default false).
    pub(super) allow_empty: Option<bool>,
    /// Whether the status of its objects is content (default false).
    pub(super) include_status: Option<bool>,
    /// What a failed object does to the others (default continue).
    #[schemars(with = "Option<WordText<OnError>>")]
    pub(super) on_error: Option<OnError>,
    /// Environment variables for the plugin, beside those of its registry file.
    #[schemars(with = "Option<EnvironmentText>")]
    pub(super) env: Option<Environment>,
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

impl Read for ConfigurationEntry {
    fn read(node: &Node<'_>) -> Option<Self> {
        let mut fields = node.fields()?;
        let api_version = fields.required("apiVersion");
        let kind = fields.required("kind");
        let instance_id = fields.optional("instanceId");
        let options = fields.node("options").and_then(|node| options(&node));
        let sources = fields.optional("sources").unwrap_or_default();
        fields.finish(&[]);
        Some(Self {
            api_version: api_version?,
            kind: kind?,
            instance_id,
            options,
            sources,
        })
    }
}

fn options(node: &Node<'_>) -> Option<Overrides> {
    let mut fields = node.fields()?;
    let overrides = Overrides::take(&mut fields);
    fields.finish(OPTIONS_LATER);
    Some(overrides)
}

impl Overrides {
    fn take(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            conflict_resolution: fields.optional("conflictResolution"),
            interval: period(fields, "interval", INTERVAL),
            delete_settle: period(fields, "deleteSettle", DELETE_SETTLE),
            start_deadline: period(fields, "startDeadline", DEADLINE),
            stop_deadline: period(fields, "stopDeadline", DEADLINE),
            hung_after: period(fields, "hungAfter", HUNG_AFTER),
            guard: fields.optional("guard"),
            log_level: fields.optional("logLevel"),
        }
    }
}

fn period(fields: &mut Fields<'_, '_>, name: &'static str, range: RangeInclusive<Duration>) -> Option<Period> {
    let node = fields.node(name)?;
    let period: Period = node.parsed()?;
    if range.contains(&period.get()) {
        return Some(period);
    }
    let [shortest, longest] = [range.start(), range.end()].map(|end| Period::new(*end));
    node.refuse(format!("{name} is {period}; it must be from {shortest} to {longest}"))
}

impl Read for SourceEntry {
    fn read(node: &Node<'_>) -> Option<Self> {
        let mut fields = node.fields()?;
        let name = fields.required("name");
        let plugin = fields.required::<PluginText>("plugin");
        let enabled = fields.optional("enabled");
        let config = fields.node("config").and_then(|node| node.mapping().cloned());
        let default_namespace = fields.optional("defaultNamespace");
        let create_namespaces = fields.optional("createNamespaces");
        let kinds = fields.optional("kinds");
        let namespaces = fields.optional("namespaces");
        let adoption = fields.optional("adoption");
        let mirror = fields.optional("mirror");
        let prune = fields.optional("prune");
        let allow_empty = fields.optional("allowEmpty");
        let include_status = fields.optional("includeStatus");
        let on_error = fields.optional("onError");
        let env = fields.node("env").and_then(|node| environment(&node));
        let overrides = Overrides::take(&mut fields);
        fields.finish(SOURCE_LATER);
        Some(Self {
            name: name?,
            plugin: plugin?.0,
            enabled,
            config,
            default_namespace,
            create_namespaces,
            kinds,
            namespaces,
            adoption,
            mirror,
            prune,
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

impl Read for GuardEntry {
    fn read(node: &Node<'_>) -> Option<Self> {
        let mut fields = node.fields()?;
        let min = fields.optional("min");
        let percent = fields.node("percent").and_then(|node| percent(&node));
        fields.finish(&[]);
        Some(Self { min, percent })
    }
}

/// Reads a share of a hundred.
fn percent(node: &Node<'_>) -> Option<u8> {
    let share = u64::read(node)?;
    match u8::try_from(share) {
        Ok(share @ 0..=100) => Some(share),
        Ok(_) | Err(_) => node.refuse(format!("{share} is not a percentage from 0 to 100")),
    }
}

impl Read for NamespaceName {
    fn read(node: &Node<'_>) -> Option<Self> {
        let name: &str = node.text()?;
        name.parse()
            .map_or_else(|error| node.refuse(format!("the namespace {error}")), Some)
    }
}

impl Read for InstanceId {
    fn read(node: &Node<'_>) -> Option<Self> {
        Self::new(node.text()?).map_or_else(|error| node.refuse(error.to_string()), Some)
    }
}

impl Read for SourceName {
    fn read(node: &Node<'_>) -> Option<Self> {
        Self::new(node.text()?).map_or_else(|error| node.refuse(format!("the name {error}")), Some)
    }
}
