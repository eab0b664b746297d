//! What is wrong with what was sent, by field, in the words of `k8s.io/apimachinery/pkg/util/validation/field`.

use serde_json::{Value, json};

/// One thing that is wrong with what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// Its class.
    pub(crate) reason: CauseReason,
    /// The path of the field; empty where there is none.
    pub(crate) field: Box<str>,
    /// What is wrong with it, and the way out.
    pub(crate) detail: Box<str>,
}

/// The class of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CauseReason {
    /// The value cannot be taken.
    Invalid,
    /// The field cannot be written.
    Forbidden,
    /// The value is none of those that are known.
    NotSupported,
}

impl CauseReason {
    const fn reason(self) -> &'static str {
        match self {
            Self::Invalid => "FieldValueInvalid",
            Self::Forbidden => "FieldValueForbidden",
            Self::NotSupported => "FieldValueNotSupported",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Invalid => "Invalid value",
            Self::Forbidden => "Forbidden",
            Self::NotSupported => "Unsupported value",
        }
    }
}

impl Cause {
    /// A cause of one field.
    pub(crate) fn new(reason: CauseReason, field: impl Into<Box<str>>, detail: impl Into<Box<str>>) -> Self {
        Self {
            reason,
            field: field.into(),
            detail: detail.into(),
        }
    }

    /// As a `Status` lists it.
    pub(super) fn of_status(&self) -> Value {
        json!({"reason": self.reason.reason(), "message": self.body(), "field": self.field})
    }

    fn body(&self) -> String {
        format!("{}: {}", self.reason.words(), self.detail)
    }
}

/// Several causes as `field.ErrorList.ToAggregate` joins them.
pub(super) fn joined(causes: &[Cause]) -> String {
    let texts: Vec<String> = causes
        .iter()
        .map(|cause| match &*cause.field {
            "" => cause.body(),
            field => format!("{field}: {}", cause.body()),
        })
        .collect();
    match texts.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}
