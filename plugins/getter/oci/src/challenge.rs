//! What a server wants to see (RFC 9110, section 11).

use std::collections::BTreeMap;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A user and a password.
    Basic,
    /// A token of a service.
    Bearer {
        /// Where the service is.
        realm: String,
        /// For whom the token is.
        service: Option<String>,
    },
}

/// Reads every challenge of the values of `WWW-Authenticate` that is known here.
pub(crate) fn challenges<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Challenge> {
    values.flat_map(of_value).collect()
}

fn of_value(value: &str) -> Vec<Challenge> {
    let mut schemes: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    for part in parts(value) {
        let parameter = match part.split_once(' ') {
            // `Scheme name=value`, where `name` has no blank before `=`.
            Some((scheme, rest)) if !scheme.contains('=') && !rest.trim_start().starts_with('=') => {
                schemes.push((scheme.to_ascii_lowercase(), BTreeMap::new()));
                rest.trim_start()
            }
            None if !part.contains('=') => {
                schemes.push((part.to_ascii_lowercase(), BTreeMap::new()));
                continue;
            }
            Some(_) | None => part,
        };
        if let (Some((_, parameters)), Some((name, value))) = (schemes.last_mut(), parameter.split_once('=')) {
            // Of two the first counts, whatever another reader takes.
            let name = name.trim().to_ascii_lowercase();
            parameters.entry(name).or_insert_with(|| unquoted(value.trim()));
        }
    }
    let known = schemes
        .into_iter()
        .filter_map(|(scheme, mut parameters)| match scheme.as_str() {
            "basic" => Some(Challenge::Basic),
            "bearer" => Some(Challenge::Bearer {
                realm: parameters.remove("realm")?,
                service: parameters.remove("service"),
            }),
            _ => None,
        });
    known.collect()
}

/// What stands between commas that are not between quotes.
fn parts(value: &str) -> Vec<&str> {
    let (mut parts, mut begins, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(value.get(begins..at).unwrap_or_default().trim());
                begins = at + 1;
            }
            _ => {}
        }
    }
    parts.push(value.get(begins..).unwrap_or_default().trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut escaped = false;
    let kept = inside.chars().filter(|c| {
        escaped = *c == '\\' && !escaped;
        !escaped
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        }
    }

    #[test]
    fn what_servers_want_is_read() {
        let docker = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        for (value, expected) in [
            (
                docker,
                vec![bearer("https://auth.docker.io/token", Some("registry.docker.io"))],
            ),
            ("Basic realm=\"x\"", vec![Challenge::Basic]),
            ("basic", vec![Challenge::Basic]),
            ("BEARER REALM=https://t/", vec![bearer("https://t/", None)]),
            ("Bearer realm=\"a\\\"b\\\\c\"", vec![bearer("a\"b\\c", None)]),
            ("Basic realm=\"a, Bearer realm=b\"", vec![Challenge::Basic]),
            (
                "Negotiate, Basic realm=x, Bearer realm=y , service = z",
                vec![Challenge::Basic, bearer("y", Some("z"))],
            ),
            ("Bearer realm=one, realm=two", vec![bearer("one", None)]),
            ("Bearer service=x", vec![]),
            ("Digest realm=x", vec![]),
            ("", vec![]),
            (",,,", vec![]),
            ("realm=x", vec![]),
        ] {
            assert_eq!(challenges([value].into_iter()), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_read_without_harm(value in "[ -~]{0,60}") {
            prop_assert!(challenges([value.as_str()].into_iter()).len() <= value.len());
        }

        #[test]
        fn a_realm_comes_back(realm in "[!-~&&[^\"\\\\]]{1,40}") {
            let value = format!("Bearer realm=\"{realm}\"");
            prop_assert_eq!(challenges([value.as_str()].into_iter()), vec![bearer(&realm, None)]);
        }
    }
}
