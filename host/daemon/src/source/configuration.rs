//! A plugin's configuration, once its schema is known: paths made absolute, secrets taken out, effects told apart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use k1s_sync_engine::policy::Identity;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::config::{AssignmentError, PluginConfig};

/// Largest secret that is read from a file, in bytes.
const MAX_SECRET_BYTES: u64 = 1024 * 1024;

/// What a plugin is initialised with.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The configuration as JSON, paths absolute, secrets absent.
    pub(super) config: Bytes,
    /// Secrets by JSON pointer.
    pub(super) secrets: BTreeMap<String, Bytes>,
    /// Fingerprint of the fields that are not mere tuning.
    pub(super) selection: u64,
    /// The fields that say which place it is: compact JSON by JSON pointer.
    pub(super) identity: Identity,
}

/// Why a configuration cannot be handed over.
#[derive(Debug, Error)]
pub(super) enum PrepareError {
    #[error("the plugin's configuration schema is not JSON: {0}")]
    Schema(#[source] serde_json::Error),
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    #[error("{pointer} is a secret: write env:NAME or @FILE instead of the value")]
    PlainSecret { pointer: String },
    #[error("{pointer}: the environment variable {name} is not set")]
    NoVariable { pointer: String, name: String },
    #[error("{pointer}: {path}: {source}")]
    SecretFile {
        pointer: String,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Prepares a configuration for the plugin that gave `schema`.
pub(super) fn prepare(
    config: &PluginConfig,
    schema: &str,
    base_dir: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Prepared, PrepareError> {
    let schema: Value = serde_json::from_str(schema).map_err(PrepareError::Schema)?;
    let mut values = config.values(Some(&schema))?;
    let mut preparation = Preparation {
        base_dir,
        variable,
        secrets: BTreeMap::new(),
    };
    preparation.visit(&schema, &mut values, "")?;
    let mut effects = Effects {
        selecting: values.clone(),
        identity: Map::new(),
    };
    let Effects { selecting, identity } = &mut effects;
    sort_out(&schema, selecting, identity, "");
    let digest: [u8; 32] = Sha256::digest(Value::Object(effects.selecting).to_string()).into();
    Ok(Prepared {
        config: Value::Object(values).to_string().into(),
        secrets: preparation.secrets,
        selection: digest
            .iter()
            .take(8)
            .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
        identity: Identity(Value::Object(effects.identity).to_string().into()),
    })
}

struct Preparation<'a> {
    base_dir: &'a Path,
    variable: &'a dyn Fn(&str) -> Option<String>,
    secrets: BTreeMap<String, Bytes>,
}

impl Preparation<'_> {
    fn visit(&mut self, schema: &Value, values: &mut Map<String, Value>, above: &str) -> Result<(), PrepareError> {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return Ok(());
        };
        for (name, property) in properties {
            let pointer = format!("{above}/{}", name.replace('~', "~0").replace('/', "~1"));
            if property.get("x-k1s-secret") == Some(&Value::Bool(true)) {
                let Some(reference) = values.remove(name) else {
                    continue;
                };
                match read_late(property, &reference).filter(|(field, _)| !values.contains_key(*field)) {
                    Some((field, path)) => {
                        let mut path = Value::String(path.to_owned());
                        make_absolute(&mut path, self.base_dir);
                        values.insert(field.to_owned(), path);
                    }
                    None => {
                        let secret = self.secret(&reference, &pointer)?;
                        self.secrets.insert(pointer, secret);
                    }
                }
            } else if property.get("x-k1s-path").is_some() {
                if !values.contains_key(name)
                    && let Some(default) = property.get("default").filter(|default| !default.is_null())
                {
                    values.insert(name.clone(), default.clone());
                }
                if let Some(value) = values.get_mut(name) {
                    make_absolute(value, self.base_dir);
                }
            } else if let Some(inner) = values.get_mut(name).and_then(Value::as_object_mut) {
                self.visit(property, inner, &pointer)?;
            }
        }
        Ok(())
    }

    fn secret(&self, reference: &Value, pointer: &str) -> Result<Bytes, PrepareError> {
        let plain = || PrepareError::PlainSecret {
            pointer: pointer.to_owned(),
        };
        let text = reference.as_str().ok_or_else(plain)?;
        if let Some(name) = text.strip_prefix("env:") {
            let missing = || PrepareError::NoVariable {
                pointer: pointer.to_owned(),
                name: name.to_owned(),
            };
            return Ok((self.variable)(name).ok_or_else(missing)?.into_bytes().into());
        }
        let path = self.base_dir.join(text.strip_prefix('@').ok_or_else(plain)?);
        read_secret(&path).map_err(|source| PrepareError::SecretFile {
            pointer: pointer.to_owned(),
            path,
            source,
        })
    }
}

/// Returns the file of a secret, and the field beside it whose file the plugin reads itself, whenever it needs it.
fn read_late<'a>(property: &'a Value, reference: &'a Value) -> Option<(&'a str, &'a str)> {
    let field = property.get("x-k1s-file")?.as_str()?;
    Some((field, reference.as_str()?.strip_prefix('@')?))
}

/// Reads a secret; one newline at its end belongs to the file, not to the secret.
fn read_secret(path: &Path) -> std::io::Result<Bytes> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_SECRET_BYTES)
        .read_to_end(&mut bytes)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Ok(bytes.into())
}

fn make_absolute(value: &mut Value, base_dir: &Path) {
    match value {
        Value::String(path) => {
            let joined = base_dir.join(&*path);
            // "." and "./x" are the directory itself and a file in it; ".." may lead through a link and is kept.
            let plain: PathBuf = joined
                .components()
                .filter(|part| *part != std::path::Component::CurDir)
                .collect();
            *path = plain.to_string_lossy().into_owned();
        }
        Value::Array(paths) => paths.iter_mut().for_each(|path| make_absolute(path, base_dir)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
}

/// A configuration by what a change of it means.
struct Effects {
    /// What selects, and what says which place it is.
    selecting: Map<String, Value>,
    /// What says which place it is, by JSON pointer.
    identity: Map<String, Value>,
}

/// Takes out what is mere tuning, and writes out defaults, so that to say what holds anyway changes nothing. Identity is
/// kept beside.
fn sort_out(schema: &Value, values: &mut Map<String, Value>, identity: &mut Map<String, Value>, above: &str) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    for (name, property) in properties {
        let effect = property.get("x-k1s-effect").and_then(Value::as_str);
        if effect == Some("tuning") || property.get("x-k1s-secret") == Some(&Value::Bool(true)) {
            values.remove(name);
            continue;
        }
        if !values.contains_key(name)
            && let Some(default) = property.get("default").filter(|default| !default.is_null())
        {
            values.insert(name.clone(), default.clone());
        }
        let pointer = format!("{above}/{}", name.replace('~', "~0").replace('/', "~1"));
        match values.get_mut(name) {
            Some(value) if effect == Some("identity") => drop(identity.insert(pointer, value.clone())),
            Some(Value::Object(inner)) => sort_out(property, inner, identity, &pointer),
            Some(_) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCHEMA: &str = r#"{"properties": {
        "path": {"x-k1s-path": "read", "default": "."},
        "token": {"type": "string", "x-k1s-secret": true},
        "workers": {"type": "integer", "x-k1s-effect": "tuning"},
        "inner": {"properties": {"key": {"type": "string", "x-k1s-secret": true}, "n": {"type": "integer"}}}
    }}"#;

    fn prepared(values: &Value) -> Result<Prepared, String> {
        let config = PluginConfig::Values(values.as_object().expect("a map").clone());
        let variable = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        prepare(&config, SCHEMA, Path::new("/base"), &variable).map_err(|error| error.to_string())
    }

    #[test]
    fn paths_become_absolute_and_secrets_travel_apart() {
        let result =
            prepared(&json!({"path": ["./a", "/b/../c"], "token": "env:TOKEN", "inner": {"key": "env:TOKEN", "n": 1}}));
        let result = result.expect("valid");
        assert_eq!(&*result.config, br#"{"inner":{"n":1},"path":["/base/a","/b/../c"]}"#);
        let pointers: Vec<&String> = result.secrets.keys().collect();
        assert_eq!(pointers, ["/inner/key", "/token"]);
        assert!(result.secrets.values().all(|secret| &**secret == b"s3cret"));
    }

    #[test]
    fn a_secret_that_the_plugin_reads_itself_is_told_by_its_path() {
        const LATE: &str = r#"{"properties": {"inner": {"properties": {
            "a": {"x-k1s-path": "read", "x-k1s-effect": "tuning"},
            "key": {"x-k1s-secret": true, "x-k1s-file": "z"},
            "word": {"x-k1s-secret": true, "x-k1s-file": "a"},
            "z": {"x-k1s-path": "read", "x-k1s-effect": "tuning"}
        }}}}"#;
        let prepared = |inner: Value| {
            let config = PluginConfig::Values(json!({ "inner": inner }).as_object().expect("a map").clone());
            prepare(&config, LATE, Path::new("/base"), &|_| Some("s3cret".to_owned()))
                .map_err(|error| error.to_string())
        };
        let late = prepared(json!({"key": "@./k", "word": "@/w"})).expect("valid");
        assert_eq!(&*late.config, br#"{"inner":{"a":"/w","z":"/base/k"}}"#);
        assert!(late.secrets.is_empty());
        let early = prepared(json!({"key": "env:K", "word": "env:W"})).expect("valid");
        assert_eq!((&*early.config, early.secrets.len()), (&br#"{"inner":{}}"#[..], 2));
        assert_eq!(late.selection, early.selection, "where a secret is selects nothing");
        // What is said twice is for the plugin to refuse.
        let twice = prepared(json!({"key": "@k", "z": "other"})).expect_err("it is read");
        assert!(twice.starts_with("/inner/key: /base/k: "), "{twice}");
    }

    #[test]
    fn a_default_path_is_the_users_directory() {
        assert_eq!(&*prepared(&json!({})).expect("valid").config, br#"{"path":"/base"}"#);
    }

    #[test]
    fn only_what_selects_makes_the_fingerprint() {
        let selection = |values: Value| prepared(&values).expect("valid").selection;
        assert_eq!(selection(json!({"workers": 1})), selection(json!({"workers": 2})));
        assert_ne!(selection(json!({"path": "a"})), selection(json!({"path": "b"})));
        assert_eq!(selection(json!({"token": "env:TOKEN"})), selection(json!({})));
    }

    #[test]
    fn every_field_has_one_effect() {
        const EFFECTS: &str = r#"{"properties": {
            "path": {"type": "string"},
            "deep": {"type": "boolean", "default": true},
            "server": {"type": "string", "x-k1s-effect": "identity"},
            "account": {"type": "string", "x-k1s-effect": "identity", "default": "main"},
            "workers": {"type": "integer", "x-k1s-effect": "tuning"},
            "token": {"type": "string", "x-k1s-secret": true, "x-k1s-effect": "identity"},
            "inner": {"properties": {
                "region": {"type": "string", "x-k1s-effect": "identity"},
                "retries": {"type": "integer", "x-k1s-effect": "tuning"},
                "prefix": {"type": "string", "x-k1s-effect": "selection"}
            }}
        }}"#;
        let effects = |values: Value| {
            let config = PluginConfig::Values(values.as_object().expect("a map").clone());
            let prepared = prepare(&config, EFFECTS, Path::new("/base"), &|_| Some("s".to_owned())).expect("valid");
            (prepared.selection, prepared.identity.0)
        };
        let before = json!({"path": "a", "server": "x", "inner": {"region": "eu", "prefix": "p"}});
        let with = |pointer: &str, value: Value| {
            let mut after = before.clone();
            let (above, name) = pointer.rsplit_once('/').expect("a pointer");
            after.pointer_mut(above).expect("there")[name] = value;
            after
        };
        let (selection, identity) = effects(before.clone());
        assert_eq!(&*identity, r#"{"/account":"main","/inner/region":"eu","/server":"x"}"#);
        // The field, whether the fingerprint changes with it, whether the identity does.
        for (pointer, value, selects, identifies) in [
            ("/path", json!("b"), true, false),
            ("/deep", json!(true), false, false),
            ("/deep", json!(false), true, false),
            ("/server", json!("y"), true, true),
            ("/account", json!("main"), false, false),
            ("/account", json!("other"), true, true),
            ("/workers", json!(9), false, false),
            ("/token", json!("env:T"), false, false),
            ("/inner/region", json!("us"), true, true),
            ("/inner/retries", json!(3), false, false),
            ("/inner/prefix", json!("q"), true, false),
            ("/unheard", json!(1), true, false),
        ] {
            let after = effects(with(pointer, value.clone()));
            assert_eq!(
                (after.0 != selection, after.1 != identity),
                (selects, identifies),
                "{pointer} {value}"
            );
        }
    }

    #[test]
    fn secrets_are_never_taken_literally() {
        for (value, expected) in [
            (
                json!({"token": "abc"}),
                "/token is a secret: write env:NAME or @FILE instead of the value",
            ),
            (
                json!({"inner": {"key": 1}}),
                "/inner/key is a secret: write env:NAME or @FILE instead of the value",
            ),
            (
                json!({"token": "env:NONE"}),
                "/token: the environment variable NONE is not set",
            ),
        ] {
            assert_eq!(prepared(&value).expect_err("refused"), expected);
        }
        assert!(
            prepared(&json!({"token": "@missing"}))
                .expect_err("refused")
                .starts_with("/token: /base/missing: ")
        );
    }
}
