//! What an App of GitHub is lent, for one address: who asks a server of HTTP or git is another word each hour.

#[cfg(not(feature = "github-app"))]
use std::future::{Ready, ready};

#[cfg(feature = "github-app")]
use k1s_getter_address::Secret;
#[cfg(feature = "github-app")]
use k1s_getter_credentials::GithubApp;
use k1s_getter_net::Credential;
#[cfg(feature = "github-app")]
use k1s_getter_net::Reference;
#[cfg(feature = "github-app")]
use tokio::task::spawn_blocking;

use crate::network::Network;
use crate::origin::OriginError;

/// Whom the password is of that a token is.
#[cfg(feature = "github-app")]
const USER: &str = "x-access-token";

/// What to ask with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// What was lent; none where what is configured counts.
    pub(crate) credential: Option<Credential>,
    /// Whether it is another than before.
    pub(crate) is_other: bool,
}

/// What an App is lent; nothing where none is configured.
#[derive(Debug, Default)]
pub(crate) struct Guest {
    /// Set up with the first look.
    #[cfg(feature = "github-app")]
    app: Option<GithubApp>,
    #[cfg(feature = "github-app")]
    last: Option<Secret>,
}

#[cfg(feature = "github-app")]
impl Guest {
    /// Returns what to ask with now.
    ///
    /// # Errors
    /// Fails if an App is configured and lent nothing.
    pub(crate) async fn word(&mut self, network: &Network) -> Result<Word, OriginError> {
        let Some(configured) = &network.credentials.app else {
            return Ok(Word::default());
        };
        let app = match self.app.take() {
            Some(app) => app,
            None => {
                let (network, configured) = (network.clone(), configured.clone());
                // Certificates are read from files.
                spawn_blocking(move || network.lent(|settings| GithubApp::new(settings, configured)))
                    .await?
                    .map_err(OriginError::Network)?
            }
        };
        let token = self.app.insert(app).token().await.map_err(OriginError::Lent)?;
        let is_other = self.last.as_ref() != Some(&token);
        self.last = Some(token.clone());
        Ok(Word {
            credential: Some(Credential::Basic {
                user: Secret::new(USER),
                password: Reference::Given(token),
            }),
            is_other,
        })
    }

    /// Has another token asked for if what came of this one is that it was refused.
    pub(crate) fn told<T>(&mut self, outcome: Result<T, OriginError>) -> Result<T, OriginError> {
        if let (Err(error), Some(app)) = (&outcome, &mut self.app)
            && error.is_refusal()
        {
            app.forget();
        }
        outcome
    }
}

#[cfg(not(feature = "github-app"))]
impl Guest {
    /// Returns what to ask with now.
    pub(crate) fn word(&mut self, _: &Network) -> Ready<Result<Word, OriginError>> {
        ready(Ok(Word::default()))
    }

    /// Says nothing of what came of it.
    pub(crate) fn told<T>(&mut self, outcome: Result<T, OriginError>) -> Result<T, OriginError> {
        outcome
    }
}
