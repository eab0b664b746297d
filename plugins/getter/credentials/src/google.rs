//! Tokens of Google.
//!
//! The chain is: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, that which `gcloud` makes for programs, what the machine is
//! given. Accounts of services and of users count; others (`external_account` and its like) name places and programs to ask, and
//! are refused. A token is for reading storage only.

use std::path::Path;
use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue};
use k1s_getter_address::Secret;
use k1s_getter_net::{Reference, Settings, SettingsError, Url};
use serde::Deserialize;
use serde_json::json;

use crate::fault::{CredentialError, Fault};
use crate::held::{Held, Lent};
use crate::signed::{sign, times};
use crate::step::Step;
use crate::variables::Variables;
use crate::web::{Answered, Web, read};

const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// Where `gcloud` keeps what it makes for programs: in the directory of the variable, or else in the user's.
const GCLOUD: &str = "CLOUDSDK_CONFIG";
const GCLOUD_PLACE: &str = ".config/gcloud";
const GCLOUD_FILE: &str = "application_default_credentials.json";
/// What a token may be used for.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_only";
/// Where tokens are asked for.
const SERVICE: &str = "https://oauth2.googleapis.com/token";
/// How long the word of a service's account counts, which is the longest that Google takes.
const WORD_LASTING: Duration = Duration::from_hours(1);
const MACHINE: &str = "http://169.254.169.254/";
const MACHINE_ELSEWHERE: &str = "GCE_METADATA_HOST";
const MACHINE_PATH: &str = "computeMetadata/v1/instance/service-accounts/default/token";
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
const GOOGLE: HeaderValue = HeaderValue::from_static("Google");
const CONTENT: &str = "the file of Google's credentials";

/// Tokens of Google, along its own programs' chain.
#[derive(Debug)]
pub struct Google {
    web: Web,
    variables: Variables,
    held: Held<Secret>,
}

/// A file of credentials. It is not printed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Account {
    r#type: String,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
}

/// A token as it is lent. It is not printed.
#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: u64,
}

impl Google {
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
        match self.file() {
            Some(file) => self.by_file(&file, now).await.map_err(Step::GoogleFile.fails()),
            None => self.by_machine(now).await.map_err(Step::GoogleMachine.fails()),
        }
    }

    /// Returns the file that counts, if there is one.
    fn file(&self) -> Option<Reference> {
        if let Some(file) = self.variables.file(FILE) {
            return Some(file);
        }
        let made = match self.variables.get(GCLOUD) {
            Some(folder) => Path::new(&folder).join(GCLOUD_FILE),
            None => self.variables.at_home(GCLOUD_PLACE)?.join(GCLOUD_FILE),
        };
        made.exists().then_some(Reference::File(made))
    }

    async fn by_file(&self, file: &Reference, now: SystemTime) -> Result<Lent<Secret>, Fault> {
        let text = read(file, CONTENT).await?;
        // What is wrong with it could be told in its own words.
        let account: Account = serde_json::from_str(text.expose()).map_err(|_| lacks("JSON with a `type`"))?;
        match account.r#type.as_str() {
            "service_account" => self.by_word(&account, now).await,
            "authorized_user" => {
                let [id, secret, token] = [
                    need(&account.client_id, "`client_id`")?,
                    need(&account.client_secret, "`client_secret`")?,
                    need(&account.refresh_token, "`refresh_token`")?,
                ];
                let fields = [
                    ("grant_type", "refresh_token"),
                    ("client_id", id),
                    ("client_secret", secret),
                    ("refresh_token", token),
                ];
                lent(&self.web.form(service(&account)?, &fields).await?, now)
            }
            _ => Err(Fault::Unsupported(
                "a `type` other than `service_account` and `authorized_user`",
            )),
        }
    }

    /// Asks by the word of a service's account.
    async fn by_word(&self, account: &Account, now: SystemTime) -> Result<Lent<Secret>, Fault> {
        let email = need(&account.client_email, "`client_email`")?;
        let key = Secret::new(need(&account.private_key, "`private_key`")?);
        let audience = account.token_uri.as_deref().unwrap_or(SERVICE);
        let (from, until) = times(now, Duration::ZERO, WORD_LASTING)?;
        let claims = json!({"iss": email, "scope": SCOPE, "aud": audience, "iat": from, "exp": until});
        let word = sign(&claims, &key, account.private_key_id.as_deref())?;
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", word.expose()),
        ];
        lent(&self.web.form(service(account)?, &fields).await?, now)
    }

    async fn by_machine(&self, now: SystemTime) -> Result<Lent<Secret>, Fault> {
        let root = match self.variables.get(MACHINE_ELSEWHERE) {
            Some(host) => Url::parse(&format!("http://{host}/")).map_err(|source| Fault::Variable {
                name: MACHINE_ELSEWHERE,
                source,
            })?,
            None => Url::parse(MACHINE)?,
        };
        let url = root.below(MACHINE_PATH, &[("scopes", SCOPE)])?;
        let answered = self.web.get(url, vec![(FLAVOR, GOOGLE)]).await?;
        if answered.headers.get(FLAVOR).is_none_or(|flavor| flavor != "Google") {
            return Err(Fault::Answer("the word of Google's metadata service that it is one"));
        }
        lent(&answered, now)
    }
}

fn lacks(lacks: &'static str) -> Fault {
    Fault::Content { what: CONTENT, lacks }
}

fn need<'a>(field: &'a Option<String>, name: &'static str) -> Result<&'a str, Fault> {
    let field = field.as_deref().filter(|text| !text.is_empty());
    field.ok_or_else(|| lacks(name))
}

/// Returns where the tokens of an account are asked for.
fn service(account: &Account) -> Result<Url, Fault> {
    Ok(Url::parse(account.token_uri.as_deref().unwrap_or(SERVICE))?)
}

fn lent(answered: &Answered, now: SystemTime) -> Result<Lent<Secret>, Fault> {
    let token: Token = answered.json("a token and how long it lasts")?;
    Ok(Lent::lasting(Secret::new(&token.access_token), now, token.expires_in))
}
