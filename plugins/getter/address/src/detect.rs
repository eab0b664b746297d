//! From a source to a place: by its scheme, or by go-getter's detectors in their order.
//!
//! go-getter's detector of Bitbucket asks Bitbucket's API whether a repository is one of git or Mercurial. Here it is one of
//! git: Bitbucket removed Mercurial in 2020, and reading an address must not depend on a server.

use crate::escape;
use crate::fault::{AddressError, Part, Rule, Text};
use crate::origin::oci::{Oci, oci};
use crate::origin::{azure, gcs, s3};
use crate::policy::{Policy, Transport};
use crate::query::{Parameters, nearest};
use crate::scan::Sections;
use crate::secret::Secret;
use crate::site::{self, Login, Site};

/// What fetches a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Git,
    Mercurial,
    Http,
    S3,
    Gcs,
    Azure,
    Oci,
    File,
}

/// Where a source is.
pub(crate) enum Place {
    Site(Site),
    Path(String),
    Artifact(Oci),
}

/// A source that was found.
pub(crate) struct Located<'a> {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    /// The sub-directory that a detector found.
    pub(crate) below: &'a str,
}

/// The getters that can stand before `::`.
const GETTERS: [(&str, Kind); 8] = [
    ("azure", Kind::Azure),
    ("file", Kind::File),
    ("gcs", Kind::Gcs),
    ("git", Kind::Git),
    ("hg", Kind::Mercurial),
    ("http", Kind::Http),
    ("https", Kind::Http),
    ("s3", Kind::S3),
];
/// Schemes that say by themselves what fetches, or how it is meant.
const SCHEMES: [(&str, Result<Kind, &str>); 9] = [
    ("https", Ok(Kind::Http)),
    ("http", Ok(Kind::Http)),
    ("file", Ok(Kind::File)),
    ("git", Ok(Kind::Git)),
    ("oci", Ok(Kind::Oci)),
    ("ssh", Err("`git::ssh://USER@HOST/PATH`")),
    ("hg", Err("`hg::https://HOST/PATH`")),
    ("s3", Err("`s3::https://s3.REGION.amazonaws.com/BUCKET/KEY`")),
    ("gcs", Err("`gcs::https://www.googleapis.com/storage/v1/BUCKET/OBJECT`")),
];
/// Hosts of repositories of git whose addresses are written without scheme.
const FORGES: [&str; 3] = ["github.com", "gitlab.com", "bitbucket.org"];

/// Finds out what fetches a source, and where it is.
pub(crate) fn locate<'a>(
    text: Text<'_>,
    sections: &Sections<'a>,
    policy: &Policy,
) -> Result<Located<'a>, AddressError> {
    let forced = sections.forced.map(|name| getter(text, name)).transpose()?;
    let mut located = match sections.scheme {
        Some(scheme) => by_scheme(text, sections.source, scheme, forced)?,
        None => by_detectors(text, sections.source, policy)?,
    };
    if let Some(forced) = forced {
        located.kind = forced;
    }
    admit(text, sections.source, &located, policy)?;
    Ok(located)
}

fn getter(text: Text<'_>, name: &str) -> Result<Kind, AddressError> {
    if let Some((_, kind)) = GETTERS.iter().find(|(known, _)| *known == name) {
        return Ok(*kind);
    }
    let error = text.refuse(Part::Getter, name, Rule::Unknown);
    if name.eq_ignore_ascii_case("oci") {
        return Err(error.write("`oci://` without a getter"));
    }
    Err(match nearest(name, GETTERS.iter().map(|(known, _)| *known)) {
        Some(known) => error.write(format!("`{known}::`")),
        None => error.write("one of azure, file, gcs, git, hg, http, https and s3"),
    })
}

fn by_scheme<'a>(
    text: Text<'_>,
    source: &'a str,
    scheme: &str,
    forced: Option<Kind>,
) -> Result<Located<'a>, AddressError> {
    let lower = scheme.to_ascii_lowercase();
    let known = SCHEMES.iter().find(|(known, _)| *known == lower);
    let Some(rest) = source[scheme.len()..].strip_prefix("://") else {
        let error = text.refuse(Part::Scheme, scheme, Rule::Opaque);
        return Err(match known {
            Some((known, _)) => error.write(format!("`{known}://`")),
            None => error.write(
                "`https://HOST:PORT/PATH`, or `git@HOST:PATH` for git over SSH, or `./` before it if it is a file",
            ),
        });
    };
    let kind = match (forced, known) {
        (Some(forced), Some(_)) => forced,
        (None, Some((_, Ok(kind)))) => *kind,
        (None, Some((_, Err(spelling)))) => {
            return Err(text.refuse(Part::Scheme, scheme, Rule::Unfit).write(*spelling));
        }
        (_, None) => {
            let error = text.refuse(
                Part::Scheme,
                scheme,
                if lower == "ext" || lower == "fd" {
                    Rule::Program
                } else {
                    Rule::Unknown
                },
            );
            return Err(match nearest(&lower, SCHEMES.iter().map(|(known, _)| *known)) {
                Some(known) => error.write(format!("`{known}://`")),
                None => error,
            });
        }
    };
    let transport = [Transport::Https, Transport::Ssh, Transport::Http, Transport::Git]
        .into_iter()
        .find(|transport| transport.scheme() == lower);
    let place = match (lower.as_str(), transport) {
        ("oci", _) => Place::Artifact(oci(text, rest)?),
        (_, Some(transport)) => Place::Site(site::site(text, transport, rest)?),
        ("file", None) => Place::Path(file(text, rest)?),
        _ => return Err(text.refuse(Part::Scheme, scheme, Rule::Unfit)),
    };
    Ok(Located { kind, place, below: "" })
}

/// Reads what stands behind `file://`.
fn file(text: Text<'_>, rest: &str) -> Result<String, AddressError> {
    if !rest.starts_with('/') {
        return Err(text
            .refuse(Part::Host, rest.split('/').next().unwrap_or(rest), Rule::Meaningless)
            .write("`file:///PATH`"));
    }
    Ok(clean(&decode_path(text, rest)?))
}

fn by_detectors<'a>(text: Text<'_>, source: &'a str, policy: &Policy) -> Result<Located<'a>, AddressError> {
    if source.contains("://") {
        return Err(text.refuse(
            Part::Scheme,
            source.split("://").next().unwrap_or(source),
            Rule::Unknown,
        ));
    }
    let (host, rest) = source.split_once('/').unwrap_or((source, ""));
    let lower = host.to_ascii_lowercase();
    if FORGES.contains(&lower.as_str()) {
        return forge(text, host, rest);
    }
    if let Some((login, path)) = source.split_once(':')
        && let Some((user, host)) = login.split_once('@')
        && !login.contains('/')
    {
        return scp(text, login, user, host, path);
    }
    let kind = [
        (Kind::S3, s3::is_host(&lower)),
        (Kind::Gcs, lower == gcs::HOST),
        (Kind::Azure, azure::is_host(&lower)),
    ]
    .into_iter()
    .find_map(|(kind, is_host)| is_host.then_some(kind));
    let place = match kind {
        Some(_) => Place::Site(site::site(text, Transport::Https, source)?),
        None => Place::Path(path(text, source, policy)?),
    };
    Ok(Located {
        kind: kind.unwrap_or(Kind::File),
        place,
        below: "",
    })
}

/// Reads `github.com/OWNER/REPOSITORY/SUBDIR` and its like. A part that ends in `.git` ends the repository, so that groups
/// of groups can be named; without one the repository is the second part.
fn forge<'a>(text: Text<'_>, host: &'a str, rest: &'a str) -> Result<Located<'a>, AddressError> {
    let is_repository = |part: &str| part.len() > ".git".len() && part.ends_with(".git");
    let mut end = 0;
    for (number, part) in rest.split('/').enumerate() {
        end += part.len() + usize::from(number > 0);
        if part.is_empty() && number < 2 {
            break;
        }
        let is_last = end == rest.len();
        let groups_follow = rest[end..].split('/').any(is_repository);
        if number > 0 && (is_repository(part) || (!groups_follow && number == 1)) {
            let repository = &rest[..end];
            let suffix = if is_repository(part) { "" } else { ".git" };
            let mut place = site::site(text, Transport::Https, host)?;
            let path = site::path(text, Transport::Https, repository)?;
            place.path = format!("/{path}{suffix}");
            return Ok(Located {
                kind: Kind::Git,
                place: Place::Site(place),
                below: if is_last { "" } else { &rest[end + 1..] },
            });
        }
    }
    let slice = if rest.is_empty() { host } else { rest };
    Err(text
        .refuse(Part::Path, slice, Rule::Missing)
        .write(format!("`{}/OWNER/REPOSITORY`", host.to_ascii_lowercase())))
}

/// Reads `git@HOST:PATH`.
fn scp<'a>(text: Text<'_>, login: &'a str, user: &str, host: &str, path: &str) -> Result<Located<'a>, AddressError> {
    if user.starts_with('-') || path.starts_with('-') {
        let (part, slice) = if user.starts_with('-') {
            (Part::Login, user)
        } else {
            (Part::Path, path)
        };
        return Err(text.refuse(part, slice, Rule::Option));
    }
    let host = site::host(text, host)?;
    if user != "git" {
        return Err(text
            .refuse(Part::Login, login, Rule::Scp)
            .write("`git::ssh://USER@HOST/PATH`"));
    }
    if path.is_empty() {
        return Err(text.refuse(Part::Path, path, Rule::Missing).write("`git@HOST:PATH`"));
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.starts_with('-') {
        return Err(text.refuse(Part::Path, path, Rule::Option));
    }
    site::stays_below(text, path, path)?;
    Ok(Located {
        kind: Kind::Git,
        place: Place::Site(Site {
            transport: Transport::Ssh,
            login: Some(Login {
                user: Secret::new(user),
                password: None,
            }),
            host,
            port: None,
            path: format!("/{}", escape::encode_plain_path(path)),
            parameters: Parameters::default(),
        }),
        below: "",
    })
}

/// Reads a path of this machine.
fn path(text: Text<'_>, source: &str, policy: &Policy) -> Result<String, AddressError> {
    if source == "~" || source.starts_with("~/") {
        return Err(text
            .refuse(Part::Path, source, Rule::Home)
            .write("an absolute path, or `./~` for a directory of that name"));
    }
    let path = decode_path(text, source)?;
    if path.starts_with('/') {
        return Ok(clean(&path));
    }
    match policy.base() {
        Some(base) => Ok(clean(&format!("{base}/{path}"))),
        None => Err(text
            .refuse(Part::Path, source, Rule::Relative)
            .write("an absolute path")),
    }
}

fn decode_path(text: Text<'_>, written: &str) -> Result<String, AddressError> {
    escape::decode(written).map_err(|rule| {
        let error = text.refuse(Part::Path, written, rule);
        if rule == Rule::Escape {
            error.write("`%25` for a percent sign")
        } else {
            error
        }
    })
}

/// Takes `.`, `..` and empty parts out of an absolute path, as Go's `path.Clean` does.
fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // Above the root is the root.
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Checks that what fetches a source can do so over its transport, and may.
fn admit(text: Text<'_>, source: &str, located: &Located<'_>, policy: &Policy) -> Result<(), AddressError> {
    let transport = match &located.place {
        Place::Site(site) => Some(site.transport),
        Place::Path(_) => Some(Transport::File),
        Place::Artifact(_) => None,
    };
    let fitting: &[Transport] = match located.kind {
        Kind::Git => &[
            Transport::Https,
            Transport::Ssh,
            Transport::Http,
            Transport::Git,
            Transport::File,
        ],
        Kind::Mercurial => &[Transport::Https, Transport::Ssh, Transport::Http, Transport::File],
        Kind::Http | Kind::S3 | Kind::Azure => &[Transport::Https, Transport::Http],
        Kind::Gcs => &[Transport::Https],
        Kind::Oci => &[],
        Kind::File => &[Transport::File],
    };
    let slice = source.split(':').next().unwrap_or(source);
    let Some(transport) = transport else {
        let is_fit = located.kind == Kind::Oci;
        return if is_fit {
            Ok(())
        } else {
            Err(text
                .refuse(Part::Scheme, slice, Rule::Unfit)
                .write("`oci://` without a getter"))
        };
    };
    if !fitting.contains(&transport) {
        let error = text.refuse(Part::Scheme, slice, Rule::Unfit);
        return Err(match fitting.first() {
            Some(Transport::File) => error.write("a path, or `file:///PATH`"),
            _ => error.write("`https://`"),
        });
    }
    if located.kind != Kind::File && !policy.permits(transport) {
        let spelling = format!("`https://`, or name `{}` in `allow`", transport.scheme());
        return Err(text.refuse(Part::Scheme, slice, Rule::NotAllowed).write(spelling));
    }
    Ok(())
}
