//! What kinds of stores differ in: how one is asked, and how it answers. What is made of the answers is the same for all.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use k1s_getter_address::Secret;
use k1s_getter_net::Url;

use crate::fault::BucketError;
use crate::page::{Entry, ListingError, Page};

/// Headers to be sent.
pub(crate) type Headers = Vec<(HeaderName, HeaderValue)>;

/// Headers that say who asks, once they can be had.
pub(crate) type Authorizing<'a> = Pin<Box<dyn Future<Output = Result<Headers, BucketError>> + Send + 'a>>;

/// Returns the value of `Authorization` that shows a token; none if the token cannot be sent.
pub(crate) fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What is asked. Nothing of it is printed: a parameter may be secret.
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Encoded.
    pub(crate) path: String,
    /// Not encoded.
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) headers: Headers,
}

impl Ask {
    fn new(method: Method, path: String) -> Self {
        Self {
            method,
            path,
            parameters: BTreeMap::new(),
            headers: Headers::new(),
        }
    }

    pub(crate) fn get(path: String) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn head(path: String) -> Self {
        Self::new(Method::HEAD, path)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// A request as it will be sent, for what is signed of it.
#[derive(Clone, Copy)]
pub(crate) struct Signable<'a> {
    pub(crate) method: &'a Method,
    /// As the header `Host` says it.
    pub(crate) host: &'a str,
    /// Encoded.
    pub(crate) path: &'a str,
    /// Encoded and sorted.
    pub(crate) query: &'a str,
    /// The same, not encoded.
    pub(crate) parameters: &'a BTreeMap<String, String>,
    /// Those that are sent besides what says who asks.
    pub(crate) headers: &'a [(HeaderName, HeaderValue)],
}

/// One bucket of a kind of store.
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// Returns the root of the server.
    fn root(&self) -> &Url;

    /// Asks what an object is, without its bytes.
    fn head(&self, key: &str, version: Option<&str>) -> Ask;

    /// Reads the answer to that; none if what has this key is no object.
    fn found(&self, key: &str, headers: &HeaderMap, body: &[u8]) -> Result<Option<Entry>, ListingError>;

    /// Asks for an object.
    fn object(&self, key: &str, version: Option<&str>) -> Ask;

    /// Asks for an object as it was found; if it is another now, the answer is a failure.
    fn entry(&self, entry: &Entry, version: Option<&str>) -> Result<Ask, ListingError>;

    /// Asks for at most so many of the keys that begin with a prefix, in the order of their bytes.
    fn page(&self, prefix: &str, most: usize, next: Option<&str>) -> Ask;

    /// Reads the answer to that.
    fn listed(&self, page: &[u8], prefix: &str) -> Result<Page, ListingError>;

    /// Says who asks.
    fn authorize<'a>(&'a self, signable: Signable<'a>) -> Authorizing<'a>;

    /// Returns whether the rest of what was cut may be asked for by adding to the request, which is signed by then.
    fn is_resumable(&self) -> bool {
        true
    }
}
