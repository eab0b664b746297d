//! From the URL of a submodule to where it is. Pure.
//!
//! A URL is read as git does, and then as an address of its own: what may not stand in an address, and what `allow` does not
//! have, is refused here as there.

use k1s_getter_address::{Address, AddressError, Git, Policy, Remote, Site, Source};

/// A submodule has no URL that leads anywhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NamedError {
    /// It is none of git's.
    #[error("its URL is no `https://HOST/PATH`, no `HOST:PATH`, and not relative (`../PATH`)")]
    Form,
    /// It names a program.
    #[error("its URL names a program, and none is run")]
    Program,
    /// It begins above where paths begin.
    #[error("its relative URL leads above the root of its server")]
    Above,
    /// It is here, and who says so is not.
    #[error("its URL is a path of this machine, which the repository of a server cannot name")]
    Here,
    /// It is no address.
    #[error("its URL is refused as an address: {0}")]
    Address(#[source] AddressError),
}

/// Finds out where a URL leads that a repository at `parent` has for a submodule.
///
/// # Errors
/// Fails if it leads nowhere, or where nothing may be asked.
pub(super) fn place(parent: &Remote, url: &str, policy: &Policy) -> Result<Remote, NamedError> {
    if url.starts_with("./") || url.starts_with("../") {
        return beside(parent, url, policy);
    }
    let program = url.split_once("::").map(|(name, _)| name);
    if program.is_some_and(|name| name.chars().all(|char| char.is_ascii_alphanumeric())) {
        return Err(NamedError::Program);
    }
    let remote = if url.contains("://") {
        parsed(url, policy)?
    } else if url.starts_with('/') {
        // Whether it is allowed is of no interest where it cannot be.
        is_here(parent)?;
        parsed(&encoded(url), policy)?
    } else {
        let (login, path) = url.split_once(':').ok_or(NamedError::Form)?;
        if login.contains('/') || login.starts_with('[') || path.is_empty() {
            return Err(NamedError::Form);
        }
        let path = path.strip_prefix('/').unwrap_or(path);
        parsed(&format!("ssh://{login}/{}", encoded(path)), policy)?
    };
    match &remote {
        Remote::Directory(_) => is_here(parent).map(|()| remote),
        Remote::Site(_) => Ok(remote),
    }
}

fn is_here(parent: &Remote) -> Result<(), NamedError> {
    match parent {
        Remote::Directory(_) => Ok(()),
        Remote::Site(_) => Err(NamedError::Here),
    }
}

/// Resolves what is relative to a repository, whose last part is not a directory's but its own name.
fn beside(parent: &Remote, url: &str, policy: &Policy) -> Result<Remote, NamedError> {
    match parent {
        Remote::Directory(path) => {
            let path = below(path, url).ok_or(NamedError::Above)?;
            parsed(&encoded(&path), policy)
        }
        Remote::Site(site) => {
            let path = below(&site.path, url).ok_or(NamedError::Above)?;
            let port = site.port.map(|port| format!(":{port}")).unwrap_or_default();
            let text = format!("{}://{}{port}{path}", site.transport.scheme(), site.host);
            Ok(match parsed(&text, policy)? {
                // Who asks there asks here: it is the same origin.
                Remote::Site(found) => Remote::Site(Site {
                    login: site.login.clone(),
                    ..found
                }),
                found @ Remote::Directory(_) => found,
            })
        }
    }
}

/// Takes a part off for each `../`, as git does; `None` if there is none left.
fn below(path: &str, url: &str) -> Option<String> {
    let (mut path, mut rest) = (path.trim_end_matches('/'), url);
    loop {
        if let Some(next) = rest.strip_prefix("../") {
            (path, rest) = (path.get(..path.rfind('/')?)?, next);
        } else if let Some(next) = rest.strip_prefix("./") {
            rest = next;
        } else {
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            return Some(format!("{path}/{rest}"));
        }
    }
}

/// Hides from the grammar of addresses what means nothing in a path.
fn encoded(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F").replace('#', "%23")
}

/// Reads a URL; what only an address can say is none of it.
fn parsed(url: &str, policy: &Policy) -> Result<Remote, NamedError> {
    let address = Address::parse(&format!("git::{url}"), policy).map_err(NamedError::Address)?;
    match address {
        Address {
            source:
                Source::Git(Git {
                    remote,
                    revision: None,
                    depth: None,
                    ssh_key: None,
                }),
            subdir: None,
        } => Ok(remote),
        Address { .. } => Err(NamedError::Form),
    }
}

#[cfg(test)]
mod tests {
    use k1s_getter_address::Transport;

    use super::*;

    fn policy() -> Policy {
        Policy::default().allowing(Transport::Git).allowing(Transport::File)
    }

    fn remote(address: &str) -> Remote {
        parsed(address, &policy()).unwrap()
    }

    fn shown(remote: Remote) -> String {
        let git = Git {
            remote,
            revision: None,
            depth: None,
            ssh_key: None,
        };
        let address = Address {
            source: Source::Git(git),
            subdir: None,
        };
        address.to_string()
    }

    #[test]
    fn urls_are_resolved_as_git_does() {
        for (parent, url, found) in [
            ("https://h.org/a/b.git", "../c.git", "https://h.org/a/c.git"),
            ("https://h.org/a/b.git", "./c", "https://h.org/a/b.git/c"),
            ("https://h.org/a/b.git/", "../../c/", "https://h.org/c"),
            ("https://h.org:8443/a/b", ".././../c", "https://h.org:8443/c"),
            ("ssh://ann@h.org/a/b", "../c", "ssh://ann@h.org/a/c"),
            ("file:///srv/a", "../b%20?", "file:///srv/b%2520%3F"),
            ("https://h.org/a", "https://o.org/c", "https://o.org/c"),
            ("https://h.org/a", "git@o.org:c/d.git", "ssh://git@o.org/c/d.git"),
            ("https://h.org/a", "ann@o.org:/c", "ssh://ann@o.org/c"),
            ("https://h.org/a", "o.org:c", "ssh://o.org/c"),
            ("https://h.org/a", "git://o.org/c", "git://o.org/c"),
            ("file:///srv/a", "/srv/c", "file:///srv/c"),
            ("file:///srv/a", "file:///srv/c", "file:///srv/c"),
        ] {
            let place = place(&remote(parent), url, &policy()).unwrap();
            assert_eq!(shown(place), format!("git::{found}"), "{parent} {url}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        let of = |url: &str| place(&remote("https://h.org/a/b.git"), url, &policy()).unwrap_err();
        for (url, error) in [
            ("../../../c", NamedError::Above),
            ("c", NamedError::Form),
            ("..", NamedError::Form),
            ("github.com/a/b", NamedError::Form),
            ("[::1]:c", NamedError::Form),
            ("h.org:", NamedError::Form),
            ("https://h.org/a//b", NamedError::Form),
            ("https://h.org/a?ref=main", NamedError::Form),
            ("https://h.org/a?depth=1", NamedError::Form),
            ("ext::sh -c x", NamedError::Program),
            ("fd::17", NamedError::Program),
            ("/srv/c", NamedError::Here),
            ("file:///srv/c", NamedError::Here),
        ] {
            assert_eq!(of(url), error, "{url}");
        }
        for url in [
            "http://h.org/c",
            "ext://h.org/c",
            "../../c/../../d",
            "https://h.org/%2e%2e/c",
            "ssh://-oProxyCommand=x/c",
            "-lroot@h.org:c",
            "h.org:-c",
            "git@-h.org:c",
            "../c#d",
        ] {
            assert!(matches!(of(url), NamedError::Address(_)), "{url}: {:?}", of(url));
        }
    }

    /// What an address brought along for its server goes with what is relative to it, and with nothing else.
    #[test]
    fn g11_a_login_stays_with_what_is_relative() {
        let parent = remote("https://ann:secret@h.org/a/b.git");
        let login = |url: &str| match place(&parent, url, &policy()).unwrap() {
            Remote::Site(site) => site.login.is_some(),
            Remote::Directory(_) => false,
        };
        assert!(login("../c") && !login("https://h.org/a/c") && !login("https://o.org/c"));
    }
}
