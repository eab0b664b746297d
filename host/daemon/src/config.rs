//! Configuration: files, registry files and the command line, read strictly into one checked value.
//!
//! [`load`] is the whole of it. What it returns has every default filled in, every plugin found and checked, and no text
//! left that means something; what it refuses it refuses with file, line and column, all of it at once, and nothing has
//! been started. Fields whose behaviour has not landed are refused as "not supported in this version".
//!
//! It does not look into a plugin's own configuration: only the plugin knows its schema. Until then the values wait in
//! [`PluginConfig`], and [`Origin::place`] finds the place of each of them in its file.
//!
//! # Invariants
//! - A field is accepted if and only if the JSON Schema names it, and then it has an effect.
//! - A file that is wrong anywhere is refused whole.

mod api_entry;
mod assembly;
mod assignment;
mod directories;
mod entry;
mod files;
mod filter;
mod finding;
mod load;
mod namespace;
mod node;
mod options_entry;
mod overrides;
mod period;
mod plan;
mod plugin;
mod registry;
mod schema;
mod settings;
mod source_entry;
mod word;

pub use assignment::{Assignment, AssignmentError};
pub use directories::{Directories, NoDataDirectory};
pub use finding::{ConfigError, Finding, Place};
pub use load::{CommandLineSource, Inputs, load};
pub use namespace::NamespaceName;
pub use overrides::{DEFAULT_DELETE_SETTLE, DEFAULT_INTERVAL, DEFAULT_START_DEADLINE};
pub use period::{Period, PeriodError};
pub use plan::{Amendment, deferred, plan};
pub use plugin::{PluginOrigin, PluginRef, PluginSearch};
pub use schema::{source_plugin_schema, sync_configuration_schema};
pub use settings::{
    Activation, ApiSettings, Configuration, FileOrigin, Options, Origin, PluginConfig, SourceSettings, Timing,
};
pub use word::{LogLevel, OnError};
