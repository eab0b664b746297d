//! Azure Blob Storage.

mod listing;
mod sign;

use std::time::SystemTime;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, IF_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use k1s_getter_address::{Azure as Address, AzureEndpoint, Parameters};
use k1s_getter_net::{KeyError, Reference, Url, UrlError};

use crate::encode;
use crate::fault::BucketError;
use crate::page::{Entry, ListingError, Page};
use crate::store::{Ask, Authorizing, Headers, Signable, Store, bearer};

/// The version of the protocol that is spoken: the first in which a listing tells how it spells names that XML cannot hold is
/// older.
const SPOKEN: HeaderValue = HeaderValue::from_static("2021-12-02");
const VERSION: HeaderName = HeaderName::from_static("x-ms-version");
/// What tells of a folder that has an entry of its own that it is none of the objects.
const IS_FOLDER: HeaderName = HeaderName::from_static("x-ms-meta-hdi_isfolder");
const RESOURCE: HeaderName = HeaderName::from_static("x-ms-resource-type");

/// What to ask Azure with; it is read for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AzureAccess {
    /// The key of the account, which signs and is not sent.
    Key(Reference),
    /// An access token.
    Token(Reference),
}

/// A container of Azure.
#[derive(Debug)]
pub(crate) struct Azure {
    root: Url,
    account: String,
    /// The path of the container, encoded.
    base: String,
    signature: Parameters,
    access: Option<AzureAccess>,
}

impl Azure {
    pub(crate) fn new(azure: &Address, access: Option<AzureAccess>) -> Result<Self, UrlError> {
        let Address {
            endpoint,
            account,
            container,
            ..
        } = azure;
        let container = encode::part(container);
        let (root, base) = match endpoint {
            AzureEndpoint::Official(domain) => (
                Url::parse(&format!("https://{account}.{domain}/"))?,
                format!("/{container}"),
            ),
            AzureEndpoint::Compatible(site) => (Url::of(site)?, format!("/{}/{container}", encode::part(account))),
        };
        Ok(Self {
            root,
            account: account.clone(),
            base,
            signature: azure.signature.clone(),
            access,
        })
    }

    /// Begins with the signature that the address holds; what is asked besides counts before it.
    fn signed(&self, ask: Ask) -> Ask {
        let parameters = self.signature.iter();
        parameters.fold(ask, |ask, (name, value)| ask.with(name, value.expose()))
    }

    fn path(&self, key: &str) -> String {
        format!("{}/{}", self.base, encode::path(key))
    }

    async fn authorization(&self, signable: Signable<'_>) -> Result<Headers, BucketError> {
        let mut headers = vec![(VERSION, SPOKEN)];
        match &self.access {
            None => {}
            Some(AzureAccess::Token(token)) => {
                let token = token.read().await.map_err(BucketError::Access)?;
                let value = bearer(&token).ok_or(BucketError::Access(KeyError::Characters))?;
                headers.push((AUTHORIZATION, value));
            }
            Some(AzureAccess::Key(key)) => {
                let key = key.read().await.map_err(BucketError::Access)?;
                let now = Timestamp::try_from(SystemTime::now()).map_err(|_| BucketError::Clock)?;
                let signed = sign::sign(signable, &self.account, &key, now);
                headers = signed.ok_or(BucketError::Characters)?;
            }
        }
        Ok(headers)
    }
}

impl Store for Azure {
    fn root(&self) -> &Url {
        &self.root
    }

    fn head(&self, key: &str, _: Option<&str>) -> Ask {
        self.signed(Ask::head(self.path(key)))
    }

    fn found(&self, key: &str, headers: &HeaderMap, _: &[u8]) -> Result<Option<Entry>, ListingError> {
        let text = |name| headers.get(name).and_then(|value| HeaderValue::to_str(value).ok());
        if text(IS_FOLDER) == Some("true") || text(RESOURCE) == Some(listing::DIRECTORY) {
            return Ok(None);
        }
        let entry = text(ETAG)
            .zip(text(CONTENT_LENGTH))
            .and_then(|(etag, size)| Entry::read(key.to_owned(), etag, size));
        entry.map(Some).ok_or(ListingError::Entry)
    }

    fn object(&self, key: &str, _: Option<&str>) -> Ask {
        self.signed(Ask::get(self.path(key)))
    }

    fn entry(&self, entry: &Entry, _: Option<&str>) -> Result<Ask, ListingError> {
        let etag = HeaderValue::from_str(&entry.etag).map_err(|_| ListingError::Entry)?;
        Ok(self.object(&entry.key, None).header(IF_MATCH, etag))
    }

    fn page(&self, prefix: &str, most: usize, next: Option<&str>) -> Ask {
        self.signed(Ask::get(self.base.clone()))
            .with("restype", "container")
            .with("comp", "list")
            .with("maxresults", &most.to_string())
            .with("prefix", prefix)
            .with_some("marker", next)
    }

    fn listed(&self, page: &[u8], prefix: &str) -> Result<Page, ListingError> {
        listing::parse(page, prefix)
    }

    fn authorize<'a>(&'a self, signable: Signable<'a>) -> Authorizing<'a> {
        Box::pin(self.authorization(signable))
    }

    fn is_resumable(&self) -> bool {
        // What asks for a part is signed, too, and is added where nothing is signed any more.
        !matches!(self.access, Some(AzureAccess::Key(_)))
    }
}
