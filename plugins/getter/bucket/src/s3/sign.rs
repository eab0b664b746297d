//! Signatures of requests (AWS Signature Version 4, in headers, without a body).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{AUTHORIZATION, HOST, InvalidHeaderValue};
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use k1s_getter_address::AccessKey;
use sha2::{Digest as _, Sha256};

use crate::store::Signable;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "s3";
/// The hash of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Returns the headers that make a request one of a key's owner; none of them is printed.
pub(super) fn sign(
    request: Signable<'_>,
    key: &AccessKey,
    region: &str,
    now: Timestamp,
) -> Result<Vec<(HeaderName, HeaderValue)>, InvalidHeaderValue> {
    sign_with(request, &[], key, region, now)
}

fn sign_with(
    request: Signable<'_>,
    more: &[(HeaderName, String)],
    key: &AccessKey,
    region: &str,
    now: Timestamp,
) -> Result<Vec<(HeaderName, HeaderValue)>, InvalidHeaderValue> {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut headers = vec![(CONTENT, EMPTY.to_owned()), (DATE, time.clone())];
    if let Some(token) = &key.token {
        headers.push((TOKEN, token.expose().to_owned()));
    }
    let mut signed: BTreeMap<&str, &str> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    signed.extend(more.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    signed.insert(HOST.as_str(), request.host);

    let names = signed.keys().copied().collect::<Vec<_>>().join(";");
    let lines: String = signed
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect();
    let Signable {
        method, path, query, ..
    } = request;
    let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{EMPTY}");
    let day = time.get(..8).unwrap_or_default();
    let scope = format!("{day}/{region}/{SERVICE}/aws4_request");
    let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));

    let root = format!("AWS4{}", key.secret.expose());
    let steps = [day, region, SERVICE, "aws4_request", &text];
    let signature = steps.iter().fold(root.into_bytes(), |key, step| mac(&key, step));
    let credential = format!("{}/{scope}", key.id.expose());
    let authorization = format!(
        "{ALGORITHM} Credential={credential},SignedHeaders={names},Signature={}",
        hex(&signature)
    );
    headers.push((AUTHORIZATION, authorization));
    headers
        .into_iter()
        .map(|(name, value)| Ok((name, sensitive(&value)?)))
        .collect()
}

fn sensitive(value: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // A key of any length will do, so this cannot fail; without a key no signature would be right.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        },
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing into a text cannot fail.
        write!(hex, "{byte:02x}").map_or_else(|_| String::new(), |()| hex)
    })
}

#[cfg(test)]
mod tests {
    use k1s_getter_address::Secret;

    use http::Method;

    use super::*;

    fn key(token: Option<&str>) -> AccessKey {
        AccessKey {
            id: Secret::new("AKIAIOSFODNN7EXAMPLE"),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            token: token.map(Secret::new),
        }
    }

    fn authorization(request: Signable<'_>, more: &[(&'static str, &str)]) -> String {
        let more: Vec<_> = more
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), (*value).to_owned()))
            .collect();
        let now = "2013-05-24T00:00:00Z".parse().expect("a time");
        let headers = sign_with(request, &more, &key(None), "us-east-1", now).expect("headers");
        let found = headers.iter().find(|(name, _)| *name == AUTHORIZATION);
        found
            .and_then(|(_, value)| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    }

    /// The examples of the S3 API reference, "Signature Calculations for the Authorization Header".
    #[test]
    fn signatures_are_those_of_the_reference() {
        for (path, query, more, expected) in [
            (
                "/test.txt",
                "",
                &[("range", "bytes=0-9")][..],
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            (
                "/",
                "lifecycle=",
                &[],
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                "/",
                "max-keys=2&prefix=J",
                &[],
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            let request = Signable {
                method: &Method::GET,
                host: "examplebucket.s3.amazonaws.com",
                path,
                query,
                parameters: &BTreeMap::new(),
                headers: &[],
            };
            let authorization = authorization(request, more);
            assert!(
                authorization.ends_with(&format!("Signature={expected}")),
                "{path}: {authorization}"
            );
            let scope = "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,";
            assert!(authorization.contains(scope), "{authorization}");
        }
    }

    #[test]
    fn a_token_is_signed_and_nothing_is_printed() -> Result<(), Box<dyn std::error::Error>> {
        let request = Signable {
            method: &Method::HEAD,
            host: "h",
            path: "/",
            query: "",
            parameters: &BTreeMap::new(),
            headers: &[],
        };
        let headers = sign(request, &key(Some("CANARY")), "r", Timestamp::UNIX_EPOCH)?;
        let shown = format!("{headers:?} {:?}", key(Some("CANARY")));
        assert!(
            !shown.contains("CANARY") && !shown.contains("AKIA") && !shown.contains("Signature"),
            "{shown}"
        );
        let signed = headers.iter().any(|(_, value)| {
            value.to_str().is_ok_and(|value| {
                value.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,")
            })
        });
        assert!(signed);
        assert!(sign(request, &key(Some("a\nb")), "r", Timestamp::UNIX_EPOCH).is_err());
        Ok(())
    }
}
