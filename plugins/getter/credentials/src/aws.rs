//! Keys of Amazon.
//!
//! The chain is that of Amazon's own programs: a key in the environment, a role that a token of a cluster lets one take over, a
//! profile, what a container is given, what the machine is given.

mod container;
mod machine;
mod profile;
mod role;

use std::time::SystemTime;

use k1s_getter_address::{AccessKey, Secret};
use k1s_getter_net::{Settings, SettingsError};
use serde::Deserialize;
use tokio::task::spawn_blocking;

use crate::fault::{CredentialError, Fault};
use crate::held::{Held, Lent};
use crate::step::Step;
use crate::variables::Variables;
use crate::web::{Answered, Web};

use profile::{Files, Found};
use role::Role;

pub use profile::{ProfileError, profile_key};

const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const KEY_SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const KEY_TOKEN: &str = "AWS_SESSION_TOKEN";
const PROFILE: &str = "AWS_PROFILE";
/// The profile that counts where none is named.
const DEFAULT_PROFILE: &str = "default";

/// Keys of Amazon, along its own programs' chain.
#[derive(Debug)]
pub struct Aws {
    web: Web,
    variables: Variables,
    /// Where a role is asked for, unless the environment says.
    region: String,
    held: Held<AccessKey>,
}

/// What a service that lends keys answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    access_key_id: String,
    secret_access_key: String,
    #[serde(alias = "SessionToken")]
    token: String,
    expiration: String,
}

impl Aws {
    /// Sets up what asks, with the proxies and authorities of these settings; it may read files.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(settings: &Settings, variables: Variables, region: &str) -> Result<Self, SettingsError> {
        Ok(Self {
            web: Web::new(settings)?,
            variables,
            region: region.to_owned(),
            held: Held::nothing(),
        })
    }

    /// Returns a key that holds for some minutes more; asks for one where none does. What is in the environment or in files is
    /// read anew each time.
    ///
    /// # Errors
    /// When the first step that is set up gives none.
    pub async fn key(&mut self) -> Result<AccessKey, CredentialError> {
        if let Some(key) = in_environment(&self.variables).map_err(Step::AwsEnvironment.fails())? {
            return Ok(key);
        }
        let role = match Role::in_environment(&self.variables).map_err(Step::AwsWebIdentity.fails())? {
            Some(role) => Some(role),
            None => match self.profile().await.map_err(Step::AwsProfile.fails())? {
                Some(Found::Key(key)) => return Ok(key),
                Some(Found::Role(role)) => Some(role),
                None => None,
            },
        };
        let now = SystemTime::now();
        if let Some(key) = self.held.fresh(now) {
            return Ok(key);
        }
        let lent = self.lent(role, now).await;
        self.held.keep(lent, now)
    }

    /// Forgets what was lent, which was refused.
    pub fn forget(&mut self) {
        self.held.forget();
    }

    /// Looks into the profile that is named, or that counts where none is.
    async fn profile(&self) -> Result<Option<Found>, Fault> {
        let variables = self.variables.clone();
        let named = self.variables.get(PROFILE);
        let looked = spawn_blocking(move || {
            let found =
                Files::find(&variables).and_then(|files| files.found(named.as_deref().unwrap_or(DEFAULT_PROFILE)));
            match found {
                Ok(found) => Ok(Some(found)),
                Err(error) if named.is_none() && error.is_nothing() => Ok(None),
                Err(error) => Err(error),
            }
        });
        Ok(looked.await.map_err(|_| Fault::Broken)??)
    }

    async fn lent(&self, role: Option<Role>, now: SystemTime) -> Result<Lent<AccessKey>, CredentialError> {
        if let Some(role) = role {
            let lent = role.take_over(&self.web, &self.variables, &self.region, now).await;
            return lent.map_err(Step::AwsWebIdentity.fails());
        }
        match container::lent(&self.web, &self.variables, now).await {
            Ok(None) => {}
            Ok(Some(lent)) => return Ok(lent),
            Err(fault) => return Err(Step::AwsContainer.fails()(fault)),
        }
        let lent = machine::lent(&self.web, &self.variables, now).await;
        lent.map_err(Step::AwsMachine.fails())
    }
}

/// Reads the key in the environment, if there is one.
fn in_environment(variables: &Variables) -> Result<Option<AccessKey>, Fault> {
    let Some(id) = variables.get(KEY_ID) else {
        return match variables.get(KEY_SECRET) {
            None => Ok(None),
            Some(_) => Err(Fault::Unset(KEY_ID)),
        };
    };
    Ok(Some(AccessKey {
        id: Secret::new(&id),
        secret: Secret::new(&variables.need(KEY_SECRET)?),
        token: variables.get(KEY_TOKEN).as_deref().map(Secret::new),
    }))
}

/// Reads the key that a service of the machine lent.
fn key_of(answered: &Answered, now: SystemTime) -> Result<Lent<AccessKey>, Fault> {
    answered.json::<Key>("a key and when it expires")?.lent(now)
}

impl Key {
    fn lent(self, now: SystemTime) -> Result<Lent<AccessKey>, Fault> {
        let key = AccessKey {
            id: Secret::new(&self.access_key_id),
            secret: Secret::new(&self.secret_access_key),
            token: Some(Secret::new(&self.token)),
        };
        Lent::expiring(key, now, &self.expiration)
    }
}
