//! URLs of http and https.

use std::fmt;

use http::Uri;
use k1s_getter_address::{Secret, Site, Transport};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::origin::{Name, NameError, Origin, Peer, Scheme};

/// What is not encoded in a part of a path or in a parameter, as signatures want it; and in a path, whose slashes stay.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &PART.remove(b'/');
/// The longest URL that is asked for or followed, in bytes.
const URL_BYTES: usize = 16 << 10;
/// The longest scheme that is told in an error, in bytes.
const TOLD_BYTES: usize = 16;

/// Why a text is no URL that can be asked for. Quotes nothing but a scheme.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is longer than is read.
    #[error("the URL is longer than {URL_BYTES} bytes")]
    TooLong,
    /// It is of another scheme than http and https.
    #[error("the URL is of the scheme `{0}`; only http and https are asked")]
    Scheme(String),
    /// It has no scheme and no host.
    #[error("the URL does not begin with http:// or https://")]
    Relative,
    /// It holds user or password, which are not sent this way.
    #[error("the URL holds a user")]
    Login,
    /// Its host is none.
    #[error(transparent)]
    Host(#[from] NameError),
    /// Its port is none.
    #[error("the port of the URL is not a number from 1 to 65535")]
    Port,
    /// It has characters that a URL does not have.
    #[error("the URL has characters that it cannot have")]
    Characters,
}

/// A URL of http or https, without user, password and fragment.
///
/// `Display` leaves out the query, which may hold signatures and tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    origin: Origin,
    path: String,
    query: Option<Secret>,
}

impl Url {
    /// Reads an absolute URL.
    ///
    /// # Errors
    ///
    /// See [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        check(text)?;
        let (scheme, rest) = divide(text).ok_or(UrlError::Relative)?;
        Self::absolute(known(scheme)?, rest)
    }

    /// Returns the URL of a place; who asks ([`Site::login`]) is not part of it.
    ///
    /// # Errors
    ///
    /// See [`UrlError`].
    pub fn of(site: &Site) -> Result<Self, UrlError> {
        let scheme = match site.transport {
            Transport::Http => Scheme::Http,
            Transport::Https => Scheme::Https,
            other @ (Transport::Ssh | Transport::Git | Transport::File) => {
                return Err(UrlError::Scheme(other.scheme().to_owned()));
            }
        };
        let peer = Peer::new(site.host.as_str(), site.port.unwrap_or(scheme.port()))?;
        let query = (!site.parameters.is_empty()).then(|| site.parameters.encoded());
        Self::at(Origin { scheme, peer }, &site.path, query)
    }

    /// Returns another URL of the same origin.
    ///
    /// # Errors
    ///
    /// A path or query with characters that it cannot have.
    pub fn with(&self, path: &str, query: Option<&str>) -> Result<Self, UrlError> {
        check(path)?;
        check(query.unwrap_or_default())?;
        Self::at(self.origin.clone(), path, query.map(Secret::new))
    }

    /// Returns the URL of what is below it, by a path and by parameters that are not encoded; its own parameters stay.
    ///
    /// # Errors
    ///
    /// A URL that is too long.
    pub fn below(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Self, UrlError> {
        let base = self.path.trim_end_matches('/');
        let path = format!("{base}/{}", utf8_percent_encode(path, PATH));
        self.with_more(&path, parameters)
    }

    /// Returns the URL with more parameters, which are not encoded; its own stay.
    ///
    /// # Errors
    ///
    /// A URL that is too long.
    pub fn asking(&self, parameters: &[(&str, &str)]) -> Result<Self, UrlError> {
        self.with_more(&self.path, parameters)
    }

    fn with_more(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Self, UrlError> {
        let part = |text| utf8_percent_encode(text, PART);
        let mut query: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{}={}", part(name), part(value)))
            .collect();
        query.extend(self.query.as_ref().map(|own| own.expose().to_owned()));
        self.with(path, Some(query.join("&")).filter(|query| !query.is_empty()).as_deref())
    }

    /// Returns its origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns its path, encoded; it begins with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns its query, encoded, which may be secret.
    pub fn query(&self) -> Option<&Secret> {
        self.query.as_ref()
    }

    /// Resolves a reference that stands in an answer for this URL (RFC 3986, section 5.2).
    pub(crate) fn join(&self, reference: &str) -> Result<Self, UrlError> {
        check(reference)?;
        let reference = reference.split('#').next().unwrap_or_default();
        if let Some((scheme, rest)) = divide(reference) {
            return Self::absolute(known(scheme)?, rest);
        }
        if reference.starts_with("//") {
            return Self::absolute(self.origin.scheme, reference);
        }
        let (path, query) = split_query(reference);
        let path = match path {
            "" if query.is_none() => return Ok(self.clone()),
            "" => self.path.clone(),
            path if path.starts_with('/') => without_dots(path),
            path => {
                let directory = &self.path[..=self.path.rfind('/').unwrap_or(0)];
                without_dots(&format!("{directory}{path}"))
            }
        };
        Self::at(self.origin.clone(), &path, query.map(Secret::new))
    }

    /// Returns it as the client wants it.
    pub(crate) fn to_uri(&self) -> Result<Uri, UrlError> {
        let target = match &self.query {
            Some(query) => format!("{}?{}", self.path, query.expose()),
            None => self.path.clone(),
        };
        let uri = Uri::builder()
            .scheme(self.origin.scheme.as_str())
            .authority(self.origin.authority())
            .path_and_query(target);
        uri.build().map_err(|_| UrlError::Characters)
    }

    /// Reads what stands behind the colon of a scheme.
    fn absolute(scheme: Scheme, rest: &str) -> Result<Self, UrlError> {
        let rest = rest.strip_prefix("//").ok_or(UrlError::Relative)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlError::Login);
        }
        let name_end = authority.rfind(']').map_or_else(
            || authority.find(':'),
            |end| authority[end..].find(':').map(|colon| end + colon),
        );
        let (name, port) = authority.split_at(name_end.unwrap_or(authority.len()));
        let port = match port.strip_prefix(':') {
            None | Some("") => scheme.port(),
            Some(digits) => port_of(digits)?,
        };
        let peer = Peer {
            name: Name::parse(name)?,
            port,
        };
        let (path, query) = split_query(target);
        Self::at(Origin { scheme, peer }, &without_dots(path), query.map(Secret::new))
    }

    fn at(origin: Origin, path: &str, query: Option<Secret>) -> Result<Self, UrlError> {
        let path = match path {
            "" => "/",
            path if path.starts_with('/') && !path.contains(['?', '#']) => path,
            _ => return Err(UrlError::Characters),
        };
        let url = Self {
            origin,
            path: path.to_owned(),
            query,
        };
        url.to_uri().map(|_| url)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)?;
        match self.query {
            Some(_) => f.write_str("?…"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

/// Refuses what some would read in another way than others: spaces, control characters, what is not ASCII, backslashes.
fn check(text: &str) -> Result<(), UrlError> {
    if text.len() > URL_BYTES {
        return Err(UrlError::TooLong);
    }
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_plain { Ok(()) } else { Err(UrlError::Characters) }
}

/// Divides a scheme from what stands behind its colon.
fn divide(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some((scheme, rest))
}

fn known(scheme: &str) -> Result<Scheme, UrlError> {
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Ok(Scheme::Http),
        "https" => Ok(Scheme::Https),
        other => Err(UrlError::Scheme(other.chars().take(TOLD_BYTES).collect())),
    }
}

pub(crate) fn port_of(digits: &str) -> Result<u16, UrlError> {
    let is_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| is_digits && *port > 0);
    port.ok_or(UrlError::Port)
}

fn split_query(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// Resolves `.` and `..` (RFC 3986, section 5.2.4); none leads above the root.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut is_directory = false;
    for part in path.split('/').skip(1) {
        is_directory = false;
        match part {
            "." => is_directory = true,
            ".." => {
                kept.pop();
                is_directory = true;
            }
            part => kept.push(part),
        }
    }
    let end = if is_directory && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(url: &Url) -> String {
        let query = url.query().map(|query| format!("?{}", query.expose()));
        format!("{}{}{}", url.origin(), url.path(), query.unwrap_or_default())
    }

    #[test]
    fn what_is_below_is_encoded_and_keeps_what_was_asked_with() -> Result<(), UrlError> {
        for (url, path, parameters, expected) in [
            ("https://h", "a b/ü?#", vec![], "https://h/a%20b/%C3%BC%3F%23"),
            ("https://h/r/", "", vec![("key", "a&b")], "https://h/r/?key=a%26b"),
            ("https://h/r?t=1", "x", vec![("k", "v")], "https://h/r/x?k=v&t=1"),
            ("https://h/r?t=1", "x", vec![], "https://h/r/x?t=1"),
        ] {
            assert_eq!(
                Url::parse(url)?.below(path, &parameters)?,
                Url::parse(expected)?,
                "{url} {path}"
            );
        }
        Ok(())
    }

    #[test]
    fn references_resolve_as_the_standard_says() -> Result<(), UrlError> {
        let base = Url::parse("https://h:8443/a/b/c?q=1")?;
        for (reference, expected) in [
            ("d", "https://h:8443/a/b/d"),
            ("./d", "https://h:8443/a/b/d"),
            ("../d", "https://h:8443/a/d"),
            ("../../../d", "https://h:8443/d"),
            ("/d/../e/./f", "https://h:8443/e/f"),
            ("/d/..", "https://h:8443/"),
            ("/d/e/.", "https://h:8443/d/e/"),
            ("?r=2", "https://h:8443/a/b/c?r=2"),
            ("", "https://h:8443/a/b/c?q=1"),
            ("#f", "https://h:8443/a/b/c?q=1"),
            ("d?x=a:b//c#f", "https://h:8443/a/b/d?x=a:b//c"),
            ("//other/x", "https://other/x"),
            ("HTTPS://Other:443/x", "https://other/x"),
            ("http://[::1]:80?z", "http://[::1]/?z"),
            ("https://h:8443//x", "https://h:8443//x"),
        ] {
            assert_eq!(shown(&base.join(reference)?), expected, "{reference}");
        }
        Ok(())
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() -> Result<(), UrlError> {
        let base = Url::parse("https://h/")?;
        for (reference, expected) in [
            ("file:///etc/passwd", UrlError::Scheme("file".to_owned())),
            ("git::https://h/", UrlError::Scheme("git".to_owned())),
            ("javascript:x", UrlError::Scheme("javascript".to_owned())),
            ("https:/h/x", UrlError::Relative),
            ("https:h", UrlError::Relative),
            ("https://user:pw@h/", UrlError::Login),
            ("https://h@evil/", UrlError::Login),
            ("https:///x", UrlError::Host(NameError::Empty)),
            ("https://127.1/", UrlError::Host(NameError::OddAddress)),
            ("https://h:0/", UrlError::Port),
            ("https://h:+8/", UrlError::Port),
            ("https://h:99999/", UrlError::Port),
            ("https://h\\@evil/", UrlError::Characters),
            ("/a b", UrlError::Characters),
            ("/a\u{7f}", UrlError::Characters),
            ("https://[::1]x/", UrlError::Host(NameError::Characters)),
        ] {
            assert_eq!(base.join(reference), Err(expected), "{reference}");
        }
        assert_eq!(base.join(&"a".repeat(URL_BYTES + 1)), Err(UrlError::TooLong));
        Ok(())
    }

    proptest! {
        #[test]
        fn whatever_is_joined_is_a_url_or_refused(
            reference in "(https?|HTTP|file|git|:|/|//|\\\\|@|\\?|#|\\.|\\.\\.|%2e|\\[|\\]|::1|127\\.1|0x7f|h|:8|\u{e9}| ){0,12}",
        ) {
            let base = Url::parse("https://base/a/b?c")?;
            if let Ok(url) = base.join(&reference) {
                prop_assert!(url.path().starts_with('/') && !url.path().contains(['?', '#']));
                prop_assert!(!url.path().split('/').any(|part| matches!(part, "." | "..")));
                // What is shown is read as the same again: no part of it passes into another.
                prop_assert_eq!(Url::parse(&shown(&url))?, url);
            }
        }
    }

    #[test]
    fn a_query_is_not_shown() -> Result<(), UrlError> {
        let url = Url::parse("https://h/b?X-Amz-Signature=CANARY")?;
        assert_eq!(format!("{url} {url:?}"), "https://h/b?… Url(https://h/b?…)");
        Ok(())
    }
}
