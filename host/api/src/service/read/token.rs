//! The `continue` token: where a list in pages goes on, and as of which revision.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k1s_sync_engine::id::Revision;
use serde::Deserialize;
use serde_json::json;

use super::collection::{AsOf, Place};
use crate::service::failure::Failure;

/// The only version of tokens.
const VERSION: &str = "k1s.io/v1";

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// As of which revision; the newest when the list need not be of one piece.
    pub(super) as_of: AsOf,
    /// The first object that was not shown.
    pub(super) from: Place,
}

#[derive(Deserialize)]
struct Written {
    v: String,
    /// Absent for the newest.
    rv: Option<u64>,
    /// Absent for a cluster-scoped kind.
    #[serde(default)]
    ns: Box<str>,
    name: Box<str>,
}

impl Token {
    /// Makes it opaque.
    pub(super) fn write(&self) -> Box<str> {
        let mut written = json!({"v": VERSION, "name": self.from.name});
        if !self.from.namespace.is_empty() {
            written["ns"] = (&*self.from.namespace).into();
        }
        if let AsOf::Exactly(revision) = self.as_of {
            written["rv"] = revision.get().into();
        }
        URL_SAFE_NO_PAD.encode(written.to_string()).into()
    }

    /// Reads a token for a list of one namespace, or of all.
    ///
    /// # Errors
    /// 400 for what was not made by [`Token::write`], or for another namespace.
    pub(super) fn read(text: &str, namespace: Option<&str>) -> Result<Self, Failure> {
        let refused = |why: &str| Failure::bad_request(format!("continue key is not valid: {why}"));
        // Some clients pad what they pass on.
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
        let bytes = bytes.map_err(|error| refused(&error.to_string()))?;
        let written: Written = serde_json::from_slice(&bytes).map_err(|error| refused(&error.to_string()))?;
        if written.v != VERSION {
            return Err(refused(&format!(
                "server does not recognize this encoded version {:?}",
                written.v
            )));
        }
        if namespace.is_some_and(|namespace| *namespace != *written.ns) {
            return Err(refused("it belongs to another namespace"));
        }
        Ok(Self {
            as_of: written
                .rv
                .map_or(AsOf::Newest, |revision| AsOf::Exactly(Revision::new(revision))),
            from: Place {
                namespace: written.ns,
                name: written.name,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(as_of: AsOf) -> Token {
        Token {
            as_of,
            from: Place {
                namespace: "shop".into(),
                name: "cart-ü".into(),
            },
        }
    }

    #[test]
    fn a_token_comes_back_as_it_was() {
        for as_of in [AsOf::Newest, AsOf::Exactly(Revision::new(u64::MAX))] {
            let text = token(as_of).write();
            assert!(
                text.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            );
            for (text, namespace) in [(text.to_string(), None), (format!("{text}=="), Some("shop"))] {
                assert_eq!(Token::read(&text, namespace).unwrap(), token(as_of));
            }
        }
    }

    #[test]
    fn what_is_no_token_is_a_bad_request() {
        let own = token(AsOf::Newest).write();
        let other = URL_SAFE_NO_PAD.encode(r#"{"v":"meta.k8s.io/v1","rv":5,"name":"a"}"#);
        for (text, namespace, told) in [
            (&*own, Some("other"), "it belongs to another namespace"),
            (
                &*other,
                None,
                "does not recognize this encoded version \"meta.k8s.io/v1\"",
            ),
            ("!", None, "continue key is not valid: "),
            ("e30", None, "missing field"),
        ] {
            let refused = Token::read(text, namespace).unwrap_err();
            assert!(matches!(refused, Failure::BadRequest(_)), "{refused}");
            assert!(refused.to_string().contains(told), "{refused}");
        }
    }
}
