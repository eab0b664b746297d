//! What a cloud lends for a bucket: the one owner of it for an address.

#[cfg(feature = "s3")]
use k1s_getter_address::AccessKey;
#[cfg(any(feature = "azure", feature = "gcs"))]
use k1s_getter_address::Secret;
#[cfg(feature = "s3")]
use k1s_getter_credentials::Aws;
#[cfg(feature = "azure")]
use k1s_getter_credentials::Azure;
#[cfg(feature = "gcs")]
use k1s_getter_credentials::Google;
use k1s_getter_credentials::{CredentialError, Variables};

use super::Place;
use crate::network::{Network, NetworkError};

/// What was lent.
#[derive(Clone, Debug)]
pub(super) enum Lent {
    /// A key, which signs.
    #[cfg(feature = "s3")]
    Key(AccessKey),
    /// A token, which is shown.
    #[cfg(any(feature = "azure", feature = "gcs"))]
    Token(Secret),
}

/// Who lends.
#[derive(Debug)]
pub(super) enum Lender {
    /// Amazon.
    #[cfg(feature = "s3")]
    Aws(Box<Aws>),
    /// Google.
    #[cfg(feature = "gcs")]
    Google(Box<Google>),
    /// Azure.
    #[cfg(feature = "azure")]
    Azure(Box<Azure>),
}

impl Lender {
    /// Sets up who lends for a bucket; reads files.
    ///
    /// # Errors
    /// Fails if what is configured of the network cannot be used.
    pub(super) fn of(place: &Place, network: &Network) -> Result<Self, NetworkError> {
        let variables = Variables::of_process();
        match place {
            #[cfg(feature = "s3")]
            Place::S3(s3) => {
                let aws = network.lent(|settings| Aws::new(settings, variables, &s3.region))?;
                Ok(Self::Aws(Box::new(aws)))
            }
            #[cfg(feature = "gcs")]
            Place::Gcs(_) => {
                let google = network.lent(|settings| Google::new(settings, variables))?;
                Ok(Self::Google(Box::new(google)))
            }
            #[cfg(feature = "azure")]
            Place::Azure(_) => {
                let azure = network.lent(|settings| Azure::new(settings, variables))?;
                Ok(Self::Azure(Box::new(azure)))
            }
        }
    }

    /// Returns what holds for some minutes more.
    ///
    /// # Errors
    /// Fails if nothing is lent.
    pub(super) async fn lend(&mut self) -> Result<Lent, CredentialError> {
        match self {
            #[cfg(feature = "s3")]
            Self::Aws(aws) => aws.key().await.map(Lent::Key),
            #[cfg(feature = "gcs")]
            Self::Google(google) => google.token().await.map(Lent::Token),
            #[cfg(feature = "azure")]
            Self::Azure(azure) => azure.token().await.map(Lent::Token),
        }
    }

    /// Forgets what was lent: it was refused.
    pub(super) fn forget(&mut self) {
        match self {
            #[cfg(feature = "s3")]
            Self::Aws(aws) => aws.forget(),
            #[cfg(feature = "gcs")]
            Self::Google(google) => google.forget(),
            #[cfg(feature = "azure")]
            Self::Azure(azure) => azure.forget(),
        }
    }
}
