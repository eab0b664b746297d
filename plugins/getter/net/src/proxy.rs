//! Proxies, and which of them is asked.

use k1s_getter_address::{Login, Secret};
use percent_encoding::percent_decode_str;

use crate::no_proxy::NoProxy;
use crate::origin::{NameError, Peer, Scheme};
use crate::url::port_of;

/// The longest user or password for a proxy, in bytes (RFC 1929).
const LOGIN_BYTES: usize = 255;

/// Why a text is no proxy. Quotes nothing: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// It is of a kind that is not known.
    #[error("a proxy begins with http://, https://, socks5:// or socks5h://")]
    Kind,
    /// Its host is none.
    #[error("of a proxy, {0}")]
    Host(#[from] NameError),
    /// Its port is none.
    #[error("the port of a proxy is not a number from 1 to 65535")]
    Port,
    /// Its user or password cannot be sent.
    #[error(
        "user and password of a proxy are text of at most {LOGIN_BYTES} bytes, encoded as in URLs, and the user has no colon"
    )]
    Login,
    /// It has a path.
    #[error("a proxy has no path")]
    Path,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// HTTP, without protection.
    Http,
    /// HTTP over TLS.
    Https,
    /// SOCKS5, with addresses that are found here.
    Socks5,
    /// SOCKS5, with names that it finds the addresses of.
    Socks5h,
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) kind: Kind,
    pub(crate) peer: Peer,
    pub(crate) login: Option<Login>,
}

impl Proxy {
    /// Reads `http://`, `https://`, `socks5://` or `socks5h://`, and `user:password@host:port`; without a scheme it is http.
    ///
    /// # Errors
    ///
    /// See [`ProxyError`].
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (kind, port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Kind::Http, 80),
            "https" => (Kind::Https, 443),
            "socks5" => (Kind::Socks5, 1080),
            "socks5h" => (Kind::Socks5h, 1080),
            _ => return Err(ProxyError::Kind),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(read_login(login)?), place),
            None => (None, rest),
        };
        if place.contains(['/', '?', '#']) {
            return Err(ProxyError::Path);
        }
        let (host, port) = match place.rsplit_once(':') {
            Some((host, digits)) if !digits.ends_with(']') => (host, port_of(digits).map_err(|_| ProxyError::Port)?),
            Some(_) | None => (place, port),
        };
        Ok(Self {
            kind,
            peer: Peer::new(host, port)?,
            login,
        })
    }

    /// Returns whether requests of plain http are handed to it as they are.
    pub(crate) fn is_forwarding(&self) -> bool {
        match self.kind {
            Kind::Http | Kind::Https => true,
            Kind::Socks5 | Kind::Socks5h => false,
        }
    }

    /// Returns whether it finds the addresses of names if it is let.
    pub(crate) fn is_resolving(&self) -> bool {
        match self.kind {
            Kind::Http | Kind::Https | Kind::Socks5h => true,
            Kind::Socks5 => false,
        }
    }
}

fn read_login(text: &str) -> Result<Login, ProxyError> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    let read = |part: &str| {
        let part = percent_decode_str(part).decode_utf8().map_err(|_| ProxyError::Login)?;
        let is_sendable = part.len() <= LOGIN_BYTES && !part.contains(char::is_control);
        is_sendable.then(|| Secret::new(&part)).ok_or(ProxyError::Login)
    };
    let user = read(user)?;
    if user.expose().is_empty() || user.expose().contains(':') {
        return Err(ProxyError::Login);
    }
    Ok(Login {
        user,
        password: password.map(read).transpose()?,
    })
}

/// Which proxy is asked for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    other: Option<Proxy>,
    except: NoProxy,
}

impl Proxies {
    /// Returns that none is asked.
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns that one is asked for everything but the exceptions.
    pub fn all(proxy: Proxy, except: NoProxy) -> Self {
        Self {
            http: Some(proxy.clone()),
            https: Some(proxy.clone()),
            other: Some(proxy),
            except,
        }
    }

    /// Reads `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` and their spellings in lower case, which go first.
    ///
    /// `HTTP_PROXY` in upper case is not read where `REQUEST_METHOD` is set: there a request could set it.
    ///
    /// # Errors
    ///
    /// A variable that names no proxy; it is never taken for none.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyError> {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        let either = |lower: &str, upper: &str| value(lower).or_else(|| value(upper));
        let proxy = |text: Option<String>| text.map(|text| Proxy::parse(&text)).transpose();
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let http = value("http_proxy").or_else(|| value("HTTP_PROXY").filter(|_| !is_cgi));
        let other = proxy(either("all_proxy", "ALL_PROXY"))?;
        Ok(Self {
            http: proxy(http)?.or_else(|| other.clone()),
            https: proxy(either("https_proxy", "HTTPS_PROXY"))?.or_else(|| other.clone()),
            other,
            except: NoProxy::parse(&either("no_proxy", "NO_PROXY").unwrap_or_default()),
        })
    }

    /// Returns the proxy to ask for a peer; `scheme` is none for what is not HTTP.
    pub(crate) fn to(&self, peer: &Peer, scheme: Option<Scheme>) -> Option<&Proxy> {
        let proxy = match scheme {
            Some(Scheme::Http) => &self.http,
            Some(Scheme::Https) => &self.https,
            None => &self.other,
        };
        proxy.as_ref().filter(|_| !self.except.covers(peer))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn proxies_are_read() {
        for (text, expected) in [
            ("http://p:3128", Ok((Kind::Http, "p:3128", None))),
            ("p:3128", Ok((Kind::Http, "p:3128", None))),
            ("HTTPS://P/", Ok((Kind::Https, "p:443", None))),
            (
                "socks5://u:p%40%3a@[::1]",
                Ok((Kind::Socks5, "[::1]:1080", Some(("u", Some("p@:"))))),
            ),
            (
                "socks5h://u@10.0.0.1:1",
                Ok((Kind::Socks5h, "10.0.0.1:1", Some(("u", None)))),
            ),
            ("socks4://p", Err(ProxyError::Kind)),
            ("http://p:0", Err(ProxyError::Port)),
            ("http://p/x", Err(ProxyError::Path)),
            ("http://", Err(ProxyError::Host(NameError::Empty))),
            ("http://127.1:3128", Err(ProxyError::Host(NameError::OddAddress))),
            ("http://u%00:p@p", Err(ProxyError::Login)),
            ("http://a%3ab:p@p", Err(ProxyError::Login)),
            ("http://:p@p", Err(ProxyError::Login)),
        ] {
            let proxy = Proxy::parse(text);
            let seen = proxy.as_ref().map(|proxy| {
                let login = proxy.login.as_ref();
                let login = login.map(|login| (login.user.expose(), login.password.as_ref().map(Secret::expose)));
                (proxy.kind, proxy.peer.to_string(), login)
            });
            assert_eq!(
                seen,
                expected
                    .as_ref()
                    .map(|(kind, peer, login)| (*kind, (*peer).to_owned(), *login)),
                "{text}"
            );
        }
        let proxy = Proxy::parse("http://user:CANARY@p");
        assert!(!format!("{proxy:?}").contains("CANARY"));
    }

    #[test]
    fn the_environment_is_read_as_others_do() -> Result<(), Box<dyn std::error::Error>> {
        let https = |port| Peer::new("h.example", port);
        for (variables, scheme, expected) in [
            (&[("HTTP_PROXY", "a")][..], Some(Scheme::Http), Some("a:80")),
            (&[("HTTP_PROXY", "a")], Some(Scheme::Https), None),
            (
                &[("HTTP_PROXY", "a"), ("REQUEST_METHOD", "GET")],
                Some(Scheme::Http),
                None,
            ),
            (
                &[("http_proxy", "a"), ("REQUEST_METHOD", "GET")],
                Some(Scheme::Http),
                Some("a:80"),
            ),
            (
                &[("HTTPS_PROXY", "b"), ("https_proxy", "a")],
                Some(Scheme::Https),
                Some("a:80"),
            ),
            (
                &[("ALL_PROXY", "a"), ("HTTPS_PROXY", "b")],
                Some(Scheme::Https),
                Some("b:80"),
            ),
            (
                &[("ALL_PROXY", "a"), ("HTTPS_PROXY", "")],
                Some(Scheme::Https),
                Some("a:80"),
            ),
            (&[("ALL_PROXY", "socks5://a")], None, Some("a:1080")),
            (&[("HTTPS_PROXY", "a")], None, None),
            (&[("ALL_PROXY", "a"), ("NO_PROXY", "example")], None, None),
            (&[("ALL_PROXY", "a"), ("NO_PROXY", "h.example:1")], None, Some("a:80")),
        ] {
            let map: BTreeMap<_, _> = variables.iter().copied().collect();
            let proxies = Proxies::from_environment(|name| map.get(name).map(|value| (*value).to_owned()))?;
            let peer = proxies.to(&https(443)?, scheme).map(|proxy| proxy.peer.to_string());
            assert_eq!(peer.as_deref(), expected, "{variables:?} {scheme:?}");
        }
        let broken = Proxies::from_environment(|name| (name == "HTTPS_PROXY").then(|| "ftp://p".to_owned()));
        assert_eq!(broken, Err(ProxyError::Kind));
        Ok(())
    }
}
