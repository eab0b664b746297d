//! `Source`: a configured source, and how it fares.

use serde::{Deserialize, Serialize};

/// What a source is to do: the configuration, mirrored. Only `suspend` can be written here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceSpec {
    /// The plugin as configured: a path or a registered name. Absent when the source is not configured now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Whether it is configured to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether a person keeps it from running; durable.
    #[serde(default)]
    pub suspend: bool,
    /// How often it is listed, for example `30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// The namespace of what declares none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_namespace: Option<String>,
}

/// How a source fares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// The generation of `spec` that this speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<u64>,
    /// What it does now, one word: for example `Running`, `Waiting`, `Suspended`; absent when no host runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// What is true of it, the most pressing first; `Ready` is always there.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Objects it owns.
    #[serde(default)]
    pub objects: u64,
    /// Declarations that wait.
    #[serde(default)]
    pub pending: u64,
    /// What could not be read at the last pass.
    #[serde(default)]
    pub failed: u64,
    /// The program that runs for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<LaunchedPlugin>,
    /// What its scopes say the place is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<String>,
    /// Who suspended it, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_by: Option<String>,
    /// Since when it is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_since: Option<String>,
    /// When its plugin was last launched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_launch: Option<String>,
    /// When an object of it last changed because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_change: Option<String>,
    /// The last pass that said something new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_pass: Option<Pass>,
    /// The request to list that was last handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_requested_at: Option<String>,
    /// Times its plugin was started again since the host runs; absent when no host runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// When it is tried again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try: Option<String>,
    /// Names of its held prunes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_prunes: Vec<String>,
}

/// The program of a source as it was last launched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaunchedPlugin {
    /// The executable.
    pub path: String,
    /// The kind of place it reads, in its own word.
    #[serde(rename = "type")]
    pub source_type: String,
    /// Its release, in its own word.
    pub version: String,
}

/// One thing that is true of a source, or not, as `metav1.Condition`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One word why.
    pub reason: String,
    /// For a person, with what to do about it.
    pub message: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<String>,
}

impl Condition {
    /// Whether somebody has to do something, or something does not work.
    #[must_use]
    pub fn needs_someone(&self) -> bool {
        match self.status {
            ConditionStatus::True => self.kind != "Ready",
            ConditionStatus::False | ConditionStatus::Unknown => true,
        }
    }
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody knows yet.
    Unknown,
}

impl ConditionStatus {
    /// As Kubernetes writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a listing of everything a source has led to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pass {
    /// Verdicts, counted.
    pub tally: Tallied,
    /// The first of what could not be read or applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// Why the listing proved nothing, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// Verdicts, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tallied {
    /// Objects that did not exist.
    pub created: u64,
    /// Objects that changed.
    pub updated: u64,
    /// Objects that needed nothing.
    pub unchanged: u64,
    /// Objects that went.
    pub deleted: u64,
    /// What could not be read.
    pub failed: u64,
    /// What waits.
    pub pending: u64,
    /// What the source passed over.
    pub ignored: u64,
}

/// Something that could not be read or applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The object, where that is known: `ConfigMap shop/settings`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The class of the problem, for example `DATA_INVALID`.
    pub code: String,
    /// For a person.
    pub message: String,
    /// Where the source read it.
    pub path: String,
    /// The line, from 1; 0 when there is none.
    #[serde(default)]
    pub line: u32,
    /// The column, from 1; 0 when there is none.
    #[serde(default)]
    pub column: u32,
}
