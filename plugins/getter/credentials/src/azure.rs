//! Tokens of Azure, for its storage.
//!
//! The chain is: a token of a cluster that an application of Azure trusts (workload identity), the identity that an application is
//! given, the identity that the machine is given.

use std::time::SystemTime;

use http::{HeaderName, HeaderValue};
use k1s_getter_address::Secret;
use k1s_getter_net::{Settings, SettingsError, Url};
use serde::Deserialize;
use serde_json::Value;

use crate::fault::{CredentialError, Fault};
use crate::held::{Held, Lent};
use crate::step::Step;
use crate::variables::Variables;
use crate::web::{Answered, Web, read, sensitive};

const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
const TENANT: &str = "AZURE_TENANT_ID";
const CLIENT: &str = "AZURE_CLIENT_ID";
const AUTHORITY: &str = "AZURE_AUTHORITY_HOST";
const DEFAULT_AUTHORITY: &str = "https://login.microsoftonline.com/";
/// What a token is for.
const RESOURCE: &str = "https://storage.azure.com/";
const SCOPE: &str = "https://storage.azure.com/.default";
const ENDPOINT: &str = "IDENTITY_ENDPOINT";
const ENDPOINT_SECRET: &str = "IDENTITY_HEADER";
const ENDPOINT_HEADER: HeaderName = HeaderName::from_static("x-identity-header");
const ENDPOINT_VERSION: &str = "2019-08-01";
const MACHINE: &str = "http://169.254.169.254/";
const MACHINE_ELSEWHERE: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
const MACHINE_PATH: &str = "metadata/identity/oauth2/token";
const MACHINE_VERSION: &str = "2018-02-01";
const METADATA: HeaderName = HeaderName::from_static("metadata");

/// Tokens of Azure, along its own programs' chain.
#[derive(Debug)]
pub struct Azure {
    web: Web,
    variables: Variables,
    held: Held<Secret>,
}

/// A token as it is lent; some services write numbers as text. It is not printed.
#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: Option<Value>,
    expires_on: Option<Value>,
}

impl Azure {
    /// Sets up what asks, with the proxies and authorities of these settings; it may read files.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(settings: &Settings, variables: Variables) -> Result<Self, SettingsError> {
        Ok(Self {
            web: Web::new(settings)?,
            variables,
            held: Held::nothing(),
        })
    }

    /// Returns a token that holds for some minutes more; asks for one where none does.
    ///
    /// # Errors
    /// When the first step that is set up gives none.
    pub async fn token(&mut self) -> Result<Secret, CredentialError> {
        let now = SystemTime::now();
        if let Some(token) = self.held.fresh(now) {
            return Ok(token);
        }
        let lent = self.lent(now).await;
        self.held.keep(lent, now)
    }

    /// Forgets what was lent, which was refused.
    pub fn forget(&mut self) {
        self.held.forget();
    }

    async fn lent(&self, now: SystemTime) -> Result<Lent<Secret>, CredentialError> {
        if self.variables.get(TOKEN_FILE).is_some() {
            return self.federated(now).await.map_err(Step::AzureFederation.fails());
        }
        if self.variables.get(ENDPOINT).is_some() {
            return self.application(now).await.map_err(Step::AzureApplication.fails());
        }
        self.machine(now).await.map_err(Step::AzureMachine.fails())
    }

    async fn federated(&self, now: SystemTime) -> Result<Lent<Secret>, Fault> {
        let file = self.variables.file(TOKEN_FILE).ok_or(Fault::Unset(TOKEN_FILE))?;
        let (tenant, client) = (self.variables.need(TENANT)?, self.variables.need(CLIENT)?);
        let authority = match self.variables.url(AUTHORITY)? {
            Some(authority) => authority,
            None => Url::parse(DEFAULT_AUTHORITY)?,
        };
        if !tenant
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        {
            return Err(Fault::Characters(TENANT));
        }
        let url = authority.below(&format!("{tenant}/oauth2/v2.0/token"), &[])?;
        let token = read(&file, "the token of the cluster").await?;
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &client),
            ("scope", SCOPE),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", token.expose()),
        ];
        lent(&self.web.form(url, &fields).await?, now)
    }

    async fn application(&self, now: SystemTime) -> Result<Lent<Secret>, Fault> {
        let endpoint = self.variables.url(ENDPOINT)?.ok_or(Fault::Unset(ENDPOINT))?;
        let secret = sensitive(&self.variables.need(ENDPOINT_SECRET)?, ENDPOINT_SECRET)?;
        let url = self.asking(&endpoint, ENDPOINT_VERSION)?;
        lent(&self.web.get(url, vec![(ENDPOINT_HEADER, secret)]).await?, now)
    }

    async fn machine(&self, now: SystemTime) -> Result<Lent<Secret>, Fault> {
        let root = match self.variables.url(MACHINE_ELSEWHERE)? {
            Some(root) => root,
            None => Url::parse(MACHINE)?,
        };
        let url = self.asking(&root.below(MACHINE_PATH, &[])?, MACHINE_VERSION)?;
        let headers = vec![(METADATA, HeaderValue::from_static("true"))];
        lent(&self.web.get(url, headers).await?, now)
    }

    /// Asks a service for the token of the identity that is named, or of the only one.
    fn asking(&self, service: &Url, version: &str) -> Result<Url, Fault> {
        let client = self.variables.get(CLIENT);
        let mut parameters = vec![("api-version", version), ("resource", RESOURCE)];
        parameters.extend(client.as_deref().map(|client| ("client_id", client)));
        Ok(service.asking(&parameters)?)
    }
}

fn lent(answered: &Answered, now: SystemTime) -> Result<Lent<Secret>, Fault> {
    const LACKS: &str = "a token and how long it lasts";
    let token: Token = answered.json(LACKS)?;
    let number = |value: &Option<Value>| match value {
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_u64(),
        None => None,
    };
    let since = now.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| Fault::Clock)?;
    let on = number(&token.expires_on).map(|on: u64| on.saturating_sub(since.as_secs()));
    let seconds = number(&token.expires_in).or(on).ok_or(Fault::Answer(LACKS))?;
    Ok(Lent::lasting(Secret::new(&token.access_token), now, seconds))
}
