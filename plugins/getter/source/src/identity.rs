//! The fields of a configuration that say who asks over a network, and how.

use std::path::{Path, PathBuf};

use k1s_getter_address::Secret as Key;
use k1s_getter_net::{Credential, Proxy};
use k1s_source::{Diagnostic, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::network::{Credentials, word};

/// Who asks, in one of these ways; a certificate besides.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[schemars(inline)]
pub(crate) struct Identity {
    /// The user, with `password`.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    username: Option<String>,
    /// The password of `username`.
    #[serde(skip_serializing)]
    password: Option<Secret>,
    /// A token, sent as `Authorization: Bearer`.
    #[serde(skip_serializing)]
    token: Option<Secret>,
    /// A netrc file that has user and password of the server.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    netrc: Option<PathBuf>,
    /// A certificate that is shown to a server that asks for one, with those between it and its authority, in PEM.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    client_certificate: Option<PathBuf>,
    /// The key of `clientCertificate`, in PEM.
    #[serde(skip_serializing)]
    client_key: Option<Secret>,
}

impl Identity {
    /// Checks what is said of who asks; relative paths begin at `base`.
    pub(crate) fn check(&self, base: &Path, faults: &mut Vec<Diagnostic>) -> Credentials {
        let fault = |field: &str, said: &str| Diagnostic::error(format!("/credentials/{field}"), said);
        let ways = [self.username.is_some(), self.token.is_some(), self.netrc.is_some()];
        if ways.into_iter().filter(|is_used| *is_used).count() > 1 {
            let said = "more than one of `username`, `token` and `netrc`";
            faults.push(Diagnostic::error("/credentials", said).suggestion("keep the one that the server takes"));
        }
        if self.password.is_some() && self.username.is_none() {
            faults.push(fault("username", "missing, and there is a `password`"));
        }
        if self.username.as_ref().is_some_and(|user| user.contains(':')) {
            faults.push(fault(
                "username",
                "a user has no colon in it; its password belongs in `password`",
            ));
        }
        let certificate = match (&self.client_certificate, &self.client_key) {
            (Some(path), Some(key)) => Some((base.join(path), Key::new(key.expose()))),
            (None, None) => None,
            (Some(_), None) => {
                faults.push(fault("clientKey", "missing, and there is a `clientCertificate`"));
                None
            }
            (None, Some(_)) => {
                faults.push(fault("clientCertificate", "missing, and there is a `clientKey`"));
                None
            }
        };
        let expose = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        let given = word(
            expose(&self.token).as_deref(),
            self.username.as_deref(),
            expose(&self.password).as_deref(),
        );
        let netrc = self.netrc.as_ref().map(|path| Credential::Netrc(base.join(path)));
        Credentials {
            word: given.or(netrc),
            certificate,
        }
    }
}

/// Reads the field `proxy`.
pub(crate) fn proxy(text: Option<&str>, faults: &mut Vec<Diagnostic>) -> Option<Proxy> {
    let text = text?;
    if text.contains('@') {
        let said = "user and password of a proxy are secrets, which do not stand here";
        faults.push(Diagnostic::error("/proxy", said).suggestion("set HTTPS_PROXY in the environment instead"));
        return None;
    }
    match Proxy::parse(text) {
        Ok(proxy) => Some(proxy),
        Err(error) => {
            faults.push(Diagnostic::error("/proxy", error.to_string()));
            None
        }
    }
}
