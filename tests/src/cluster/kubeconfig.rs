//! Kubeconfigs.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::authority::Leaf;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens, with TLS.
    pub address: SocketAddr,
    /// Who vouches for it, in PEM.
    pub authority: String,
}

/// Who somebody is to a server.
#[derive(Clone, Debug)]
pub enum User {
    /// Who has a token.
    Token(String),
    /// Who has the token that is in a file.
    TokenFile(PathBuf),
    /// Who has a certificate.
    Certificate(Leaf),
}

/// A kubeconfig, whose first context is the current one.
#[derive(Clone, Debug, Default)]
pub struct Kubeconfig {
    contexts: Vec<(String, Endpoint, User)>,
}

impl Kubeconfig {
    /// A kubeconfig with one context.
    #[must_use]
    pub fn of(context: &str, endpoint: Endpoint, user: User) -> Self {
        Self::default().and(context, endpoint, user)
    }

    /// With another context.
    #[must_use]
    pub fn and(mut self, context: &str, endpoint: Endpoint, user: User) -> Self {
        self.contexts.push((context.to_owned(), endpoint, user));
        self
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let each = |made: fn(&(String, Endpoint, User)) -> Value| self.contexts.iter().map(made).collect::<Vec<_>>();
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config",
            "clusters": each(|(name, endpoint, _)| json!({"name": name, "cluster": {
                "server": format!("https://{}", endpoint.address),
                "certificate-authority-data": BASE64_STANDARD.encode(&endpoint.authority),
            }})),
            "users": each(|(name, _, user)| json!({"name": name, "user": told(user)})),
            "contexts": each(|(name, ..)| json!({"name": name, "context": {"cluster": name, "user": name}})),
            "current-context": self.contexts.first().map(|(name, ..)| name),
        });
        Ok(fs::write(path, kubeconfig.to_string())?)
    }
}

fn told(user: &User) -> Value {
    match user {
        User::Token(token) => json!({"token": token}),
        User::TokenFile(path) => json!({"tokenFile": path}),
        User::Certificate(leaf) => json!({
            "client-certificate-data": BASE64_STANDARD.encode(&leaf.certificate),
            "client-key-data": BASE64_STANDARD.encode(&leaf.key),
        }),
    }
}
