//! Who may be shown a registry's credential.

use k1s_getter_net::{Origin, Scheme};

/// Registries whose tokens come from elsewhere, and from where.
const KNOWN: [(&str, &str); 2] = [
    ("registry-1.docker.io", "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
];

/// Whether a service of tokens may be asked at all: what is https stays https.
pub(crate) fn may_be_asked(realm: &Origin, registry: &Origin) -> bool {
    realm.scheme == Scheme::Https || registry.scheme == Scheme::Http
}

/// Whether a service of tokens may be shown the credential.
pub(crate) fn may_be_shown(realm: &Origin, registry: &Origin, named: &[Origin]) -> bool {
    let is_known = |(of, from): &(&str, &str)| {
        let is_at = |origin: &Origin, name: &str| {
            origin.scheme == Scheme::Https
                && origin.peer.port == Scheme::Https.port()
                && origin.peer.name.as_str() == name
        };
        is_at(registry, of) && is_at(realm, from)
    };
    realm == registry || named.contains(realm) || KNOWN.iter().any(is_known)
}

#[cfg(test)]
mod tests {
    use k1s_getter_net::Url;

    use super::*;

    fn origin(text: &str) -> Origin {
        Url::parse(text).unwrap().origin().clone()
    }

    #[test]
    fn a_credential_is_shown_only_where_it_belongs() {
        let named = [origin("https://tokens.example/")];
        for (registry, realm, expected) in [
            ("https://r.example/", "https://r.example/token", true),
            ("https://r.example/", "https://r.example:8443/token", false),
            ("https://r.example/", "http://r.example/token", false),
            ("https://r.example/", "https://tokens.example/", true),
            ("https://r.example/", "https://evil.example/", false),
            ("https://registry-1.docker.io/", "https://auth.docker.io/token", true),
            ("https://r.example/", "https://auth.docker.io/token", false),
            (
                "https://registry-1.docker.io/",
                "https://auth.docker.io.evil.example/token",
                false,
            ),
            ("https://registry-1.docker.io/", "http://auth.docker.io/token", false),
            ("https://registry.gitlab.com/", "https://gitlab.com/jwt/auth", true),
            ("https://registry.gitlab.com/", "https://gitlab.com:444/jwt/auth", false),
        ] {
            let found = may_be_shown(&origin(realm), &origin(registry), &named);
            assert_eq!(found, expected, "{registry} {realm}");
        }
        assert!(!may_be_asked(
            &origin("http://r.example/"),
            &origin("https://r.example/")
        ));
        assert!(may_be_asked(&origin("http://r.example/"), &origin("http://r.example/")));
    }
}
