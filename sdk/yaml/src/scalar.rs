//! What a scalar is: the rules of go.yaml.in/yaml v2 (`resolve.go`), by which Kubernetes reads YAML 1.1.
//!
//! Does not know where a scalar stands; that decides whether `<<` merges and how a value becomes a key.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Number, Value};

use crate::error::{ErrorKind, excerpt};
use crate::event::Style;
use crate::{number, timestamp};

const TAG_PREFIX: &str = "tag:yaml.org,2002:";

/// Go's `base64.StdEncoding`, which does not mind set bits behind the last byte.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A scalar with its type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer beyond `i64`.
    Uint(u64),
    Float(f64),
    String(String),
    /// An unquoted `<<`, which merges as a key and is a string as a value.
    Merge,
}

impl Scalar {
    /// Returns the scalar's place in JSON, with numbers as JSON prints them: `1.0` is `1`.
    pub(crate) fn into_value(self) -> Result<Value, ErrorKind> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => value.into(),
            Self::Uint(value) => value.into(),
            Self::Float(value) => Value::Number(json_number(value)?),
            Self::String(text) => Value::String(text),
            Self::Merge => Value::String("<<".to_owned()),
        })
    }

    /// Returns the scalar as a JSON key, as `convertToJSONableObject` of sigs.k8s.io/yaml makes it.
    pub(crate) fn into_key(self) -> Result<String, ErrorKind> {
        match self {
            Self::Null => Err(ErrorKind::KeyType { found: "null" }),
            Self::Bool(value) => Ok(value.to_string()),
            Self::Int(value) => Ok(value.to_string()),
            Self::Uint(_) => Err(ErrorKind::KeyType {
                found: "an integer beyond 9223372036854775807",
            }),
            Self::Float(value) => Ok(number::float32_key(value)),
            Self::String(text) => Ok(text),
            Self::Merge => Ok("<<".to_owned()),
        }
    }

    fn tag(&self) -> &'static str {
        match self {
            Self::Null => "!!null",
            Self::Bool(_) => "!!bool",
            Self::Int(_) | Self::Uint(_) => "!!int",
            Self::Float(_) => "!!float",
            Self::String(_) => "!!str",
            Self::Merge => "!!merge",
        }
    }
}

/// Returns the JSON number for `value`; integers lose their point, as Go's encoder has it.
fn json_number(value: f64) -> Result<Number, ErrorKind> {
    if let Some(integer) = number::integral(value) {
        return Ok(integer);
    }
    Number::from_f64(value).ok_or_else(|| {
        let text = match (value.is_nan(), value > 0.0) {
            (true, _) => ".nan",
            (false, true) => ".inf",
            (false, false) => "-.inf",
        };
        ErrorKind::NotJson { text: text.to_owned() }
    })
}

/// Resolves a scalar by its notation.
pub(crate) fn resolve(text: &str, style: Style<'_>) -> Result<Scalar, ErrorKind> {
    match style {
        Style::Plain => Ok(plain(text)),
        Style::Quoted => Ok(Scalar::String(text.to_owned())),
        Style::Tagged(tag) => tagged(text, tag),
    }
}

/// Resolves a scalar that has neither quotes nor tag.
pub(crate) fn plain(text: &str) -> Scalar {
    by_text(text).unwrap_or_else(|| match text {
        "<<" => Scalar::Merge,
        _ => Scalar::String(text.to_owned()),
    })
}

/// Returns what `text` is if it is not a string; the first byte decides what can match at all.
fn by_text(text: &str) -> Option<Scalar> {
    let Some(&first) = text.as_bytes().first() else {
        return Some(Scalar::Null);
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'+' | b'-' | b'0'..=b'9' => special_float(text).or_else(|| number::number(text)),
        b'.' => special_float(text).or_else(|| number::go_float(text).map(Scalar::Float)),
        _ => None,
    }
}

fn word(text: &str) -> Option<Scalar> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(Scalar::Bool(true)),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(Scalar::Bool(false))
        }
        "~" | "null" | "Null" | "NULL" => Some(Scalar::Null),
        _ => None,
    }
}

fn special_float(text: &str) -> Option<Scalar> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(Scalar::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(Scalar::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => Some(Scalar::Float(f64::NEG_INFINITY)),
        _ => None,
    }
}

fn tagged(text: &str, tag: &str) -> Result<Scalar, ErrorKind> {
    let Some(short) = tag.strip_prefix(TAG_PREFIX) else {
        // The bare `!` leaves a scalar a string, but to go-yaml `<<` still merges.
        return Ok(if tag == "!" && text == "<<" {
            Scalar::Merge
        } else {
            Scalar::String(text.to_owned())
        });
    };
    let mismatch = || ErrorKind::Tag {
        tag: format!("!!{short}"),
        text: excerpt(text),
    };
    match short {
        "bool" | "int" | "float" | "null" => {
            let scalar = by_text(text).ok_or_else(mismatch)?;
            match (short, scalar) {
                // go-yaml widens what fits an int, but not what needs 64 unsigned bits.
                #[expect(clippy::cast_precision_loss, reason = "the widening is the tag's meaning")]
                ("float", Scalar::Int(value)) => Ok(Scalar::Float(value as f64)),
                (_, scalar) if scalar.tag().strip_prefix("!!") == Some(short) => Ok(scalar),
                _ => Err(mismatch()),
            }
        }
        "timestamp" if timestamp::is_timestamp(text) => Ok(Scalar::String(text.to_owned())),
        "timestamp" => Err(mismatch()),
        "binary" => binary(text).ok_or_else(mismatch),
        "merge" if text == "<<" => Ok(Scalar::Merge),
        _ => Ok(Scalar::String(text.to_owned())),
    }
}

/// Decodes base64 and makes text of it as Go's JSON encoder does: one U+FFFD for each byte that is not UTF-8.
fn binary(text: &str) -> Option<Scalar> {
    let compact: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let bytes = BASE64.decode(compact).ok()?;
    let mut decoded = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        decoded.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Some(Scalar::String(decoded))
}
