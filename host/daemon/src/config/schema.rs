//! The JSON Schemas of the files that users write, for their editors; `docs/schema` holds them as committed text.
//!
//! A schema is derived from the types that read the file, so it names exactly the fields that are accepted.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::entry::ConfigurationEntry;
use super::period::Period;
use super::registry::PluginEntry;
use super::word::Word;

/// Makes the JSON Schema (2020-12) of a file of kind SyncConfiguration.
#[must_use]
pub fn sync_configuration_schema() -> Value {
    schema_of::<ConfigurationEntry>("syncconfiguration")
}

/// Makes the JSON Schema (2020-12) of a registry file, kind SourcePlugin.
#[must_use]
pub fn source_plugin_schema() -> Value {
    schema_of::<PluginEntry>("sourceplugin")
}

fn schema_of<T: JsonSchema>(name: &str) -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>();
    schema.insert(
        "$id".to_owned(),
        json!(format!("https://sync.k1s.io/schema/v1alpha1/{name}.json")),
    );
    schema.to_value()
}

/// Gives a text a schema of its own, in the place where it is used.
macro_rules! text_schema {
    ($(#[$doc:meta])* $type:ident, $schema:tt) => {
        $(#[$doc])*
        pub(super) struct $type;

        text_schema!(impl $type, $schema);
    };
    (impl $type:ident, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text_schema!(
    /// A DNS-1123 label.
    LabelText,
    { "type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63 }
);
text_schema!(
    /// A sequence of DNS-1123 labels.
    SubdomainText,
    {
        "type": "string",
        "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "maxLength": 200,
    }
);
text_schema!(
    /// A name with wildcards.
    PatternText,
    { "type": "string", "pattern": "^[-A-Za-z0-9.*]+(/[-A-Za-z0-9.*]+)?$" }
);
text_schema!(
    /// Environment variables by name.
    EnvironmentText,
    {
        "type": "object",
        "propertyNames": { "pattern": "^[^=]+$" },
        "additionalProperties": { "type": "string" },
    }
);
text_schema!(
    /// Namespaces by the namespaces in whose place they stand.
    NamespaceMapText,
    {
        "type": "object",
        "propertyNames": { "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63 },
        "additionalProperties": { "type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63 },
    }
);
text_schema!(impl Period, {
    "type": "string",
    "pattern": "^(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$",
});

/// One of the words of `T`.
pub(super) struct WordText<T>(PhantomData<T>);

impl<T: Word> JsonSchema for WordText<T> {
    fn schema_name() -> Cow<'static, str> {
        std::any::type_name::<T>().into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}
