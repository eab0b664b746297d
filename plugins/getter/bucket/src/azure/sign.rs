//! Signatures of requests without a body (Shared Key, versions from 2015-02-21 on).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{AUTHORIZATION, IF_MATCH};
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use k1s_getter_address::Secret;
use sha2::Sha256;

use super::{SPOKEN, VERSION};
use crate::store::{Headers, Signable};

const DATE: HeaderName = HeaderName::from_static("x-ms-date");

/// Returns the headers that make a request one of an account; none if its key is none. None of them is printed.
pub(super) fn sign(request: Signable<'_>, account: &str, key: &Secret, now: Timestamp) -> Option<Headers> {
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let key = BASE64_STANDARD.decode(key.expose().trim()).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(text(request, account, &date)?.as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let mut authorization = HeaderValue::from_str(&format!("SharedKey {account}:{signature}")).ok()?;
    authorization.set_sensitive(true);
    Some(vec![
        (VERSION, SPOKEN),
        (DATE, HeaderValue::from_str(&date).ok()?),
        (AUTHORIZATION, authorization),
    ])
}

/// Returns what is signed.
fn text(request: Signable<'_>, account: &str, date: &str) -> Option<String> {
    let Signable {
        method,
        path,
        parameters,
        headers,
        ..
    } = request;
    let condition = headers.iter().find(|(name, _)| *name == IF_MATCH);
    let condition = match condition {
        Some((_, value)) => value.to_str().ok()?,
        None => "",
    };
    // Coding, language, length, digest, type, date and If-Modified-Since stand before the condition, and three more behind it.
    let mut text = format!("{method}\n\n\n\n\n\n\n\n{condition}\n\n\n\n");
    let spoken = SPOKEN;
    let version = spoken.to_str().ok()?;
    write!(text, "{DATE}:{date}\n{VERSION}:{version}\n/{account}{path}").ok()?;
    for (name, value) in parameters {
        write!(text, "\n{}:{value}", name.to_ascii_lowercase()).ok()?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use http::Method;

    use super::*;

    #[test]
    fn what_is_signed_is_what_the_protocol_says() {
        let parameters = [("restype", "container"), ("comp", "list"), ("prefix", "a b/")];
        let parameters: BTreeMap<_, _> = parameters
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let headers = vec![(IF_MATCH, HeaderValue::from_static("\"0x1\""))];
        let request = Signable {
            method: &Method::GET,
            host: "h",
            path: "/c/a%20b",
            query: "",
            parameters: &parameters,
            headers: &headers,
        };
        let expected = "GET\n\n\n\n\n\n\n\n\"0x1\"\n\n\n\nx-ms-date:D\nx-ms-version:2021-12-02\n/acct/c/a%20b\n\
            comp:list\nprefix:a b/\nrestype:container";
        assert_eq!(text(request, "acct", "D").as_deref(), Some(expected));

        let key = Secret::new("Q0FOQVJZ");
        let now = Timestamp::from_second(784_111_777).unwrap_or_default();
        let signed = sign(request, "acct", &key, now).unwrap_or_default();
        let date = signed.iter().find(|(name, _)| *name == DATE);
        assert_eq!(
            date.and_then(|(_, value)| value.to_str().ok()),
            Some("Sun, 06 Nov 1994 08:49:37 GMT")
        );
        assert!(!format!("{signed:?}").contains("SharedKey"), "{signed:?}");
        assert_eq!(sign(request, "acct", &Secret::new("no base64!"), now), None);
    }
}
