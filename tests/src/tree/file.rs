//! The files of a tree: which objects stand together, and in what form.

use serde_json::json;

use super::body::body;
use super::object::Object;
use super::text::{self, Looks};

/// What a file holds its objects in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// YAML documents.
    Documents,
    /// One YAML document of kind List.
    List,
    /// JSON: one object, or a List where there are several.
    Json,
}

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) form: Form,
    /// Never empty.
    pub(super) objects: Vec<Object>,
}

/// What all documents of a tree have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) seed: u64,
    pub(super) object_bytes: usize,
}

impl File {
    pub(super) fn text(&self, style: Style) -> String {
        let items: Vec<_> = self
            .objects
            .iter()
            .map(|object| {
                (
                    body(object, style.seed, style.object_bytes),
                    Looks::of(style.seed, object.ordinal),
                )
            })
            .collect();
        let mut out = String::new();
        match self.form {
            Form::Documents => {
                for (position, (body, looks)) in items.iter().enumerate() {
                    if position > 0 {
                        out.push_str("---\n");
                    }
                    text::document(&mut out, body, *looks);
                }
            }
            Form::List => text::list(&mut out, &items),
            Form::Json => {
                let mut bodies: Vec<_> = items.into_iter().map(|(body, _)| body).collect();
                let whole = match bodies.len() {
                    1 => bodies.remove(0),
                    _ => json!({"apiVersion": "v1", "kind": "List", "items": bodies}),
                };
                out = format!("{whole:#}\n");
            }
        }
        out
    }
}
