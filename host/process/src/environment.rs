//! The environment of a child: an allow-list of the parent's, then what its registry entry declares.
//!
//! The parent's variables come in as values, so nothing here reads the process's own environment.
//! What is not on the list is absent in the child, whatever it is called.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

/// The variable that tells a plugin where to listen: `unix:` and the path of its socket.
pub const ADDRESS_VARIABLE: &str = "K1S_SOURCE_ADDR";
/// The variable that carries the nonce a plugin must echo in its handshake.
pub const NONCE_VARIABLE: &str = "K1S_SOURCE_NONCE";

const RESERVED_PREFIX: &str = "K1S_SOURCE_";
const ALLOWED_NAMES: [&str; 6] = ["HOME", "LANG", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TZ"];
const ALLOWED_PREFIXES: [&str; 1] = ["LC_"];
const ALLOWED_SUFFIXES: [&str; 2] = ["_PROXY", "_proxy"];

/// Says why a declared variable is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// The name belongs to the contract between host and plugin.
    #[error("environment variable {name} is set by the host; choose a name that does not begin with K1S_SOURCE_")]
    Reserved {
        /// The name as declared.
        name: String,
    },
    /// The name is empty, or name or value hold a byte that no environment can.
    #[error(
        "environment variable {name:?} cannot be passed on: a name is not empty and without `=`, and neither name nor value hold a NUL byte"
    )]
    Malformed {
        /// The name as declared.
        name: String,
    },
}

/// The variables a child is started with, before the host adds address and nonce.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Takes what the allow-list names from `parent` (PATH, HOME, LANG, LC_*, TZ, SSL_CERT_FILE, SSL_CERT_DIR, and proxy
    /// settings in both cases), then sets every `declared` variable; fails on a declared name or value that cannot be set.
    pub fn allowed_from(
        parent: impl IntoIterator<Item = (OsString, OsString)>,
        declared: &BTreeMap<OsString, OsString>,
    ) -> Result<Self, EnvironmentError> {
        let mut variables: BTreeMap<OsString, OsString> =
            parent.into_iter().filter(|(name, _)| is_allowed(name)).collect();
        for (name, value) in declared {
            check_declared(name, value)?;
            variables.insert(name.clone(), value.clone());
        }
        Ok(Self { variables })
    }

    /// Lists the variables in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

/// Shows the names only: values may be secrets.
impl std::fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.variables.keys()).finish()
    }
}

fn is_allowed(name: &OsStr) -> bool {
    let name = name.as_bytes();
    ALLOWED_NAMES.iter().any(|allowed| name == allowed.as_bytes())
        || ALLOWED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix.as_bytes()))
        || ALLOWED_SUFFIXES.iter().any(|suffix| name.ends_with(suffix.as_bytes()))
}

fn check_declared(name: &OsStr, value: &OsStr) -> Result<(), EnvironmentError> {
    let shown = || name.to_string_lossy().into_owned();
    if name.as_bytes().starts_with(RESERVED_PREFIX.as_bytes()) {
        return Err(EnvironmentError::Reserved { name: shown() });
    }
    let malformed = name.is_empty() || name.as_bytes().contains(&b'=');
    if malformed || name.as_bytes().contains(&0) || value.as_bytes().contains(&0) {
        return Err(EnvironmentError::Malformed { name: shown() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(names: &[&str]) -> Vec<(OsString, OsString)> {
        names
            .iter()
            .map(|name| (OsString::from(name), OsString::from("x")))
            .collect()
    }

    fn names(environment: &Environment) -> Vec<String> {
        environment
            .iter()
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn only_the_allow_list_passes() {
        let allowed = [
            "HOME",
            "HTTPS_PROXY",
            "LANG",
            "LC_ALL",
            "LC_TIME",
            "NO_PROXY",
            "PATH",
            "SSL_CERT_DIR",
            "SSL_CERT_FILE",
            "TZ",
            "all_proxy",
            "http_proxy",
            "no_proxy",
        ];
        let refused = [
            "AWS_SECRET_ACCESS_KEY",
            "K1S_SOURCE_NONCE",
            "KUBECONFIG",
            "LANGUAGE",
            "LD_PRELOAD",
            "PATHEXT",
            "PROXY",
            "SSL_CERT_FILES",
            "TZDIR",
            "XDG_RUNTIME_DIR",
            "home",
        ];
        let parent = pairs(&allowed).into_iter().chain(pairs(&refused));
        let environment = Environment::allowed_from(parent, &BTreeMap::new()).unwrap();
        assert_eq!(names(&environment), allowed);
    }

    #[test]
    fn a_declared_variable_wins_over_the_parent_and_the_list() {
        let declared = BTreeMap::from([("PATH".into(), "/opt".into()), ("TOKEN".into(), "t".into())]);
        let environment = Environment::allowed_from(pairs(&["PATH", "TOKEN"]), &declared).unwrap();
        let seen: Vec<_> = environment
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(seen, [("PATH".into(), "/opt".into()), ("TOKEN".into(), "t".into())]);
    }

    #[test]
    fn values_do_not_show_in_debug() {
        let declared = BTreeMap::from([("TOKEN".into(), "secret-value".into())]);
        let shown = format!("{:?}", Environment::allowed_from([], &declared).unwrap());
        assert!(shown.contains("TOKEN") && !shown.contains("secret-value"), "{shown}");
    }

    #[test]
    fn what_no_environment_can_hold_is_refused() {
        let malformed = |name: &str| EnvironmentError::Malformed { name: name.into() };
        let cases = [
            ("", "v", malformed("")),
            ("A=B", "v", malformed("A=B")),
            ("A\0", "v", malformed("A\0")),
            ("A", "v\0", malformed("A")),
            (
                NONCE_VARIABLE,
                "v",
                EnvironmentError::Reserved {
                    name: NONCE_VARIABLE.into(),
                },
            ),
            (
                "K1S_SOURCE_X",
                "v",
                EnvironmentError::Reserved {
                    name: "K1S_SOURCE_X".into(),
                },
            ),
        ];
        for (name, value, expected) in cases {
            let declared = BTreeMap::from([(name.into(), value.into())]);
            assert_eq!(
                Environment::allowed_from([], &declared),
                Err(expected),
                "{name:?}={value:?}"
            );
        }
    }
}
