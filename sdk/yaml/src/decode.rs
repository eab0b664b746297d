//! Strict decoding of a document into a type, with the exact place of what does not fit.
//!
//! Does not convert: a number is not taken for a string, nor `null` for a default. What serde buffers (`flatten`,
//! untagged enums) is placed at the value that holds it.

use std::fmt;

use serde::Deserialize;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, Expected, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde_json::Value;

use crate::Document;

/// Why a document does not fit a type, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct DecodeError {
    /// What does not fit.
    pub kind: DecodeErrorKind,
    /// The 1-based line: of the key for an unknown field, of the mapping for a missing one, else of the value.
    pub line: u32,
    /// The 1-based column, in characters, of the same.
    pub column: u32,
    /// The JSON pointer (RFC 6901) of the same.
    pub pointer: String,
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// A key that the type does not have.
    #[error("unknown field `{field}`{}", one_of(expected))]
    UnknownField {
        /// The key.
        field: String,
        /// The names that the type has, for suggestions.
        expected: Vec<&'static str>,
    },
    /// A key that the type needs.
    #[error("missing field `{field}`")]
    MissingField {
        /// The key.
        field: &'static str,
    },
    /// A name that is not among the choices.
    #[error("unknown choice `{variant}`{}", one_of(expected))]
    UnknownVariant {
        /// The name.
        variant: String,
        /// The choices, for suggestions.
        expected: Vec<&'static str>,
    },
    /// A value of another type than expected.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What is there.
        found: String,
        /// What is needed.
        expected: String,
    },
    /// A value of the right type that the type itself refuses, such as a number out of range.
    #[error("{message}")]
    Invalid {
        /// The type's own words.
        message: String,
    },
}

fn one_of(names: &[&'static str]) -> String {
    match names {
        [] => String::new(),
        [name] => format!(", expected `{name}`"),
        _ => format!(", expected one of `{}`", names.join("`, `")),
    }
}

/// Decodes a document into `T`.
///
/// # Errors
/// The first thing that does not fit, in the order of the keys in JSON (sorted), with its place in the whole input.
pub fn from_document<T: DeserializeOwned>(document: &Document<'_>) -> Result<T, DecodeError> {
    T::deserialize(Node(&document.value)).map_err(|mismatch| {
        let Mismatch { kind, mut path, at } = *mismatch.0;
        path.reverse();
        let pointer: String = path.iter().map(|token| format!("/{}", escaped(token))).collect();
        let mark = document.locate(&pointer);
        let position = mark.map(|mark| match at {
            At::Key => mark.key.unwrap_or(mark.value),
            At::Value => mark.value,
        });
        let (line, column) = position.map_or((document.line, document.column), |at| (at.line, at.column));
        DecodeError {
            kind,
            line,
            column,
            pointer,
        }
    })
}

fn escaped(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// An error on its way out of the document, which collects the path; boxed because results are returned everywhere.
#[derive(Debug)]
struct Failure(Box<Mismatch>);

#[derive(Debug)]
struct Mismatch {
    kind: DecodeErrorKind,
    /// The tokens of the pointer, innermost first.
    path: Vec<String>,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Key,
    Value,
}

impl Failure {
    fn new(kind: DecodeErrorKind) -> Self {
        Self(Box::new(Mismatch {
            kind,
            path: Vec::new(),
            at: At::Value,
        }))
    }

    fn under(mut self, token: impl ToString) -> Self {
        self.0.path.push(token.to_string());
        self
    }

    fn at_key(mut self, key: &str) -> Self {
        self.0.at = At::Key;
        self.under(key)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.kind.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(DecodeErrorKind::Invalid {
            message: message.to_string(),
        })
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = if found == Unexpected::Unit {
            "nothing (null)".to_owned()
        } else {
            found.to_string()
        };
        Self::new(DecodeErrorKind::WrongType {
            found,
            expected: expected.to_string(),
        })
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(DecodeErrorKind::UnknownField {
            field: field.to_owned(),
            expected: expected.to_vec(),
        })
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(DecodeErrorKind::UnknownVariant {
            variant: variant.to_owned(),
            expected: expected.to_vec(),
        })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(DecodeErrorKind::MissingField { field })
    }
}

/// One value being decoded.
struct Node<'de>(&'de Value);

impl<'de> de::Deserializer<'de> for Node<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (_, _, value) => visitor.visit_f64(value.unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => {
                let mut items = Items {
                    items: items.iter().enumerate(),
                };
                let decoded = visitor.visit_seq(&mut items)?;
                match items.items.next() {
                    None => Ok(decoded),
                    Some((index, _)) => Err(<Failure as de::Error>::custom("one item too many").under(index)),
                }
            }
            Value::Object(map) => visitor.visit_map(Entries {
                entries: map.iter(),
                value: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(Variant {
                name: variant,
                content: None,
            }),
            Value::Object(map) if map.len() == 1 => match map.iter().next() {
                Some((name, content)) => visitor.visit_enum(Variant {
                    name,
                    content: Some(content),
                }),
                None => self.deserialize_any(visitor),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.deserialize_any(visitor)
            }
        }
    }

    /// Unlike serde's own formats, takes no sequence for a struct.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if self.0.is_array() {
            return Err(de::Error::invalid_type(Unexpected::Seq, &visitor));
        }
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Items<'de> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
}

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some((index, item)) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(Node(item))
            .map(Some)
            .map_err(|failure| failure.under(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries<'de> {
    entries: serde_json::map::Iter<'de>,
    value: Option<(&'de str, &'de Value)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some((key, value));
        seed.deserialize(BorrowedStrDeserializer::new(key))
            .map(Some)
            .map_err(|failure: Failure| failure.at_key(key))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Failure> {
        let (key, value) = self.value.take().unwrap_or(("", &Value::Null));
        seed.deserialize(Node(value)).map_err(|failure| failure.under(key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// A choice: a name alone, or a mapping of one name to its content.
struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Value>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Failure> {
        let variant = seed.deserialize(BorrowedStrDeserializer::new(self.name));
        match variant {
            Ok(variant) => Ok((variant, self)),
            Err(failure) if self.content.is_some() => Err(Failure::at_key(failure, self.name)),
            Err(failure) => Err(failure),
        }
    }
}

impl<'de> Variant<'de> {
    fn content(&self) -> Node<'de> {
        Node(self.content.unwrap_or(&Value::Null))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        <()>::deserialize(self.content()).map_err(|failure| failure.under(self.name))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        let read = seed.deserialize(self.content());
        read.map_err(|failure| {
            if self.content.is_some() {
                failure.under(self.name)
            } else {
                failure
            }
        })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        let read = de::Deserializer::deserialize_any(self.content(), visitor);
        read.map_err(|failure| {
            if self.content.is_some() {
                failure.under(self.name)
            } else {
                failure
            }
        })
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Failure> {
        let read = de::Deserializer::deserialize_struct(self.content(), "", fields, visitor);
        read.map_err(|failure| {
            if self.content.is_some() {
                failure.under(self.name)
            } else {
                failure
            }
        })
    }
}
