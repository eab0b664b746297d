//! Where an answer that points elsewhere may lead.

use http::{HeaderValue, Method, StatusCode};

use crate::origin::{Origin, Scheme};
use crate::url::{Url, UrlError};

/// Whether a redirect to another origin is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Crossing {
    /// It is refused, with an error that names the origin.
    #[default]
    Refuse,
    /// It is followed without any credential, header or client certificate, and so is whatever comes behind it.
    Bare,
}

/// Whether a walk is still where the request was meant to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It never left the origin.
    Home,
    /// It left it, and whoever it was led by chose all that is asked since.
    Away,
}

/// Why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectFault {
    /// It does not say where.
    #[error("it is redirected, and the answer does not say where")]
    Missing,
    /// Where it leads cannot be asked.
    #[error("it is redirected to what cannot be asked: {0}")]
    Url(#[source] UrlError),
    /// It would leave TLS.
    #[error("it is redirected from https to http, which is never followed")]
    Downgrade,
    /// It leads to another origin.
    #[error("it is redirected to another origin, {0}; name that as the source, or permit redirects to other origins")]
    Crossing(Origin),
    /// There were too many.
    #[error("it is redirected more often than the limit redirects, {0}")]
    TooMany(u32),
    /// What was sent would have to be sent otherwise.
    #[error("it is redirected with the status {0} though something was sent, which is not sent elsewhere")]
    Sent(StatusCode),
}

/// A redirect that may be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    /// Within the origin.
    Same(Url),
    /// To another one.
    Away(Url),
}

/// Returns whether an answer with this status is a redirect.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a request is, and what it may do.
pub(crate) struct Walk<'a> {
    pub(crate) method: &'a Method,
    pub(crate) crossing: Crossing,
    /// How many redirects were followed.
    pub(crate) hops: u32,
    /// How many may be.
    pub(crate) most: u32,
}

/// Decides where to go from `here`.
pub(crate) fn next(
    walk: &Walk<'_>,
    here: &Url,
    status: StatusCode,
    location: Option<&HeaderValue>,
) -> Result<Hop, RedirectFault> {
    if walk.hops >= walk.most {
        return Err(RedirectFault::TooMany(walk.most));
    }
    let location = location.ok_or(RedirectFault::Missing)?;
    let reference = location
        .to_str()
        .map_err(|_| RedirectFault::Url(UrlError::Characters))?;
    let there = here.join(reference).map_err(RedirectFault::Url)?;
    if (here.origin().scheme, there.origin().scheme) == (Scheme::Https, Scheme::Http) {
        return Err(RedirectFault::Downgrade);
    }
    let is_away = there.origin() != here.origin();
    let is_sent = !matches!(*walk.method, Method::GET | Method::HEAD);
    if is_sent && (is_away || !matches!(status.as_u16(), 307 | 308)) {
        return Err(RedirectFault::Sent(status));
    }
    match (is_away, walk.crossing) {
        (false, _) => Ok(Hop::Same(there)),
        (true, Crossing::Bare) => Ok(Hop::Away(there)),
        (true, Crossing::Refuse) => Err(RedirectFault::Crossing(there.origin().clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Led {
        Same(&'static str),
        Away(&'static str),
        Refused(&'static str),
    }
    use Led::{Away, Refused, Same};

    fn led(
        method: &Method,
        crossing: Crossing,
        status: u16,
        location: Option<&'static str>,
    ) -> Result<Hop, RedirectFault> {
        let walk = Walk {
            method,
            crossing,
            hops: 1,
            most: 2,
        };
        let here = Url::parse("https://h/a/b").expect("a URL");
        let status = StatusCode::from_u16(status).expect("a status");
        next(&walk, &here, status, location.map(HeaderValue::from_static).as_ref())
    }

    #[test]
    fn only_what_stays_or_may_leave_is_followed() -> Result<(), UrlError> {
        use Crossing::{Bare, Refuse};
        let (get, head, post) = (Method::GET, Method::HEAD, Method::POST);
        for (method, crossing, status, location, expected) in [
            (&get, Refuse, 302, Some("c"), Same("https://h/a/c")),
            (&head, Refuse, 303, Some("/c"), Same("https://h/c")),
            (&get, Refuse, 302, Some("https://H:443/c"), Same("https://h/c")),
            (
                &get,
                Refuse,
                302,
                Some("https://h:444/c"),
                Refused("another origin, https://h:444;"),
            ),
            (
                &get,
                Refuse,
                302,
                Some("//evil/c"),
                Refused("another origin, https://evil;"),
            ),
            (&get, Bare, 302, Some("//evil/c"), Away("https://evil/c")),
            (&get, Bare, 302, Some("http://h/c"), Refused("from https to http")),
            (&get, Refuse, 302, Some("http://evil/c"), Refused("from https to http")),
            (&get, Bare, 302, Some("file:///etc/passwd"), Refused("`file`")),
            (&get, Bare, 302, Some("git::file:///x"), Refused("`git`")),
            (&get, Bare, 302, Some("https://127.1/x"), Refused("ends in a number")),
            (&get, Bare, 302, Some("https://u:p@h/x"), Refused("holds a user")),
            (&get, Bare, 302, None, Refused("does not say where")),
            (&post, Refuse, 307, Some("/c"), Same("https://h/c")),
            (&post, Refuse, 308, Some("/c"), Same("https://h/c")),
            (
                &post,
                Refuse,
                302,
                Some("/c"),
                Refused("302 Found though something was sent"),
            ),
            (&post, Bare, 307, Some("//evil/"), Refused("though something was sent")),
        ] {
            let answer = led(method, crossing, status, location);
            match (&answer, &expected) {
                (Ok(Hop::Same(url)), Same(there)) | (Ok(Hop::Away(url)), Away(there)) => {
                    assert_eq!(url, &Url::parse(there)?);
                }
                (Err(fault), Refused(words)) => assert!(fault.to_string().contains(words), "{fault}"),
                (Ok(_) | Err(_), Same(_) | Away(_) | Refused(_)) => {
                    panic!("{location:?}: {answer:?}, not {expected:?}")
                }
            }
        }
        Ok(())
    }

    #[test]
    fn there_is_an_end() {
        let walk = Walk {
            method: &Method::GET,
            crossing: Crossing::Bare,
            hops: 2,
            most: 2,
        };
        let here = Url::parse("https://h/").expect("a URL");
        let answer = next(&walk, &here, StatusCode::FOUND, Some(&HeaderValue::from_static("/")));
        assert_eq!(answer, Err(RedirectFault::TooMany(2)));
    }
}
