//! Tokens of Apps of GitHub.
//!
//! An App says who it is by a word that it signs, and is lent a token for one installation, which may read
//! contents and nothing else.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderName, HeaderValue};
use k1s_getter_address::Secret;
use k1s_getter_net::{Reference, Settings, SettingsError, Url};
use serde::Deserialize;
use serde_json::json;

use crate::fault::{CredentialError, Fault};
use crate::held::{Held, Lent};
use crate::signed::{sign, times};
use crate::step::Step;
use crate::web::{Web, read, sensitive};

/// How much slower than ours GitHub's clock may be, and how long a word counts, which is at most 10 minutes.
const SLACK: Duration = Duration::from_mins(1);
const LASTING: Duration = Duration::from_mins(8);
const JSON: HeaderValue = HeaderValue::from_static("application/vnd.github+json");
const VERSION: HeaderName = HeaderName::from_static("x-github-api-version");
const SPOKEN: HeaderValue = HeaderValue::from_static("2022-11-28");

/// An App of GitHub, and where it is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// The App's id.
    pub id: u64,
    /// The installation's id.
    pub installation: u64,
    /// The file of the App's private key, in PEM; it is read whenever a token is asked for.
    pub private_key: PathBuf,
    /// Where the API is; without TLS on this machine only.
    pub api: Url,
}

/// Tokens of an App's installation.
#[derive(Debug)]
pub struct GithubApp {
    web: Web,
    app: App,
    held: Held<Secret>,
}

/// A token as it is lent. It is not printed.
#[derive(Deserialize)]
struct Token {
    token: String,
    expires_at: String,
}

impl GithubApp {
    /// Sets up what asks, with the proxies and authorities of these settings; it may read files.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(settings: &Settings, app: App) -> Result<Self, SettingsError> {
        Ok(Self {
            web: Web::new(settings)?,
            app,
            held: Held::nothing(),
        })
    }

    /// Returns a token that holds for some minutes more; asks for one where none does.
    ///
    /// # Errors
    /// When none is lent.
    pub async fn token(&mut self) -> Result<Secret, CredentialError> {
        let now = SystemTime::now();
        if let Some(token) = self.held.fresh(now) {
            return Ok(token);
        }
        let lent = self.lent(now).await.map_err(Step::GithubApp.fails());
        self.held.keep(lent, now)
    }

    /// Forgets what was lent, which was refused.
    pub fn forget(&mut self) {
        self.held.forget();
    }

    async fn lent(&self, now: SystemTime) -> Result<Lent<Secret>, Fault> {
        let App {
            id,
            installation,
            private_key,
            api,
        } = &self.app;
        let key = read(&Reference::File(private_key.clone()), "the private key of the App").await?;
        let (from, until) = times(now, SLACK, LASTING)?;
        let word = sign(&json!({"iss": id.to_string(), "iat": from, "exp": until}), &key, None)?;
        let shown = sensitive(&format!("Bearer {}", word.expose()), "the word of the App")?;
        let url = api.below(&format!("app/installations/{installation}/access_tokens"), &[])?;
        let headers = vec![(AUTHORIZATION, shown), (ACCEPT, JSON), (VERSION, SPOKEN)];
        // What it is lent must not do more than what it is lent for.
        let wanted = json!({"permissions": {"contents": "read"}});
        let answered = self.web.ask(url, headers, &wanted).await?;
        let token: Token = answered.json("a token and when it expires")?;
        Lent::expiring(Secret::new(&token.token), now, &token.expires_at)
    }
}
