//! The part of a URL between its scheme and its query.

use std::fmt;

use crate::escape;
use crate::fault::{AddressError, Part, Rule, Text};
use crate::policy::Transport;
use crate::query::Parameters;
use crate::secret::Secret;

/// The longest host, in bytes (RFC 1035).
const HOST_BYTES: usize = 253;

/// A host: a name in lower case, or an address; one of IPv6 in its brackets.
///
/// Whether a name or a number such as `0x7f.1` leads to a private address shows only when it is resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

impl Host {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what stands before a domain, and a dot; empty for the domain itself.
    pub(crate) fn below(&self, domain: &str) -> Option<&str> {
        let rest = self.0.strip_suffix(domain)?;
        if rest.is_empty() {
            Some(rest)
        } else {
            rest.strip_suffix('.')
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// User and password of a URL. Over http and https the user alone may be a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: Secret,
    /// The password.
    pub password: Option<Secret>,
}

/// A place on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// How to get there.
    pub transport: Transport,
    /// Who asks.
    pub login: Option<Login>,
    /// The server.
    pub host: Host,
    /// The port, where it is not the transport's own.
    pub port: Option<u16>,
    /// The path, encoded as URLs are; it begins with `/` or is empty.
    pub path: String,
    /// What is sent along.
    pub parameters: Parameters,
}

impl Site {
    /// Returns the path, decoded; it holds no control character.
    pub fn decoded_path(&self) -> String {
        // It was decoded before, so this cannot fail.
        escape::decode(&self.path).unwrap_or_default()
    }

    /// Returns whether another place is of the same origin: transport, host and port.
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.transport, &self.host, self.port) == (other.transport, &other.host, other.port)
    }
}

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// On a server.
    Site(Site),
    /// On this machine, at an absolute path without `.` and `..`.
    Directory(String),
}

/// Reads what stands behind `://`, without query.
pub(crate) fn site(text: Text<'_>, transport: Transport, rest: &str) -> Result<Site, AddressError> {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (login, place) = match authority.rsplit_once('@') {
        Some((login, place)) => (Some(self::login(text, login)?), place),
        None => (None, authority),
    };
    let (host, port) = divide(text, place)?;
    Ok(Site {
        transport,
        login,
        host: self::host(text, host)?,
        port: match port {
            Some(port) if transport == Transport::Ssh && !port.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(text
                    .refuse(Part::Port, port, NOT_A_PORT)
                    .write("`git@HOST:PATH` without `ssh://`, or `ssh://git@HOST/PATH`"));
            }
            // One place has one spelling, so that origins can be compared.
            Some(port) => self::port(text, port)?.filter(|port| Some(*port) != transport.port()),
            None => None,
        },
        path: self::path(text, transport, path)?,
        parameters: Parameters::default(),
    })
}

const NOT_A_PORT: Rule = Rule::Number {
    least: 1,
    most: u16::MAX as u64,
};

/// Separates host and port.
fn divide<'a>(text: Text<'_>, place: &'a str) -> Result<(&'a str, Option<&'a str>), AddressError> {
    let name_end = if place.starts_with('[') {
        let end = place
            .find(']')
            .ok_or_else(|| text.refuse(Part::Host, place, Rule::Characters).write("`[ADDRESS]`"))?;
        end + 1
    } else {
        place.find(':').unwrap_or(place.len())
    };
    let (host, rest) = place.split_at(name_end);
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok((host, None)),
        None => Err(text.refuse(Part::Host, place, Rule::Characters)),
        Some(port) => Ok((host, Some(port))),
    }
}

fn port(text: Text<'_>, written: &str) -> Result<Option<u16>, AddressError> {
    if written.is_empty() {
        return Ok(None);
    }
    let is_digits = written.bytes().all(|byte| byte.is_ascii_digit());
    let number = written.parse().ok().filter(|number| is_digits && *number > 0);
    number
        .map(Some)
        .ok_or_else(|| text.refuse(Part::Port, written, NOT_A_PORT))
}

/// Reads user and password.
fn login(text: Text<'_>, written: &str) -> Result<Login, AddressError> {
    let (user, password) = match written.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (written, None),
    };
    let read = |part: &str| {
        if part.contains(['@', ':', ' ', '[', ']', '<', '>', '"', '\\', '^', '`', '{', '|', '}']) || !part.is_ascii() {
            return Err(text
                .refuse(Part::Login, written, Rule::Characters)
                .write("`%40` for an at sign, `%3A` for a colon, and other characters likewise"));
        }
        escape::decode(part).map_err(|rule| text.refuse(Part::Login, written, rule))
    };
    let user = read(user)?;
    if user.starts_with('-') {
        return Err(text.refuse(Part::Login, written, Rule::Option));
    }
    Ok(Login {
        user: Secret::new(&user),
        password: password.map(read).transpose()?.map(|password| Secret::new(&password)),
    })
}

/// Reads a host.
pub(crate) fn host(text: Text<'_>, written: &str) -> Result<Host, AddressError> {
    let refuse = |rule| text.refuse(Part::Host, written, rule);
    if written.is_empty() {
        return Err(refuse(Rule::Missing));
    }
    if written.len() > HOST_BYTES {
        return Err(refuse(Rule::TooLong(HOST_BYTES)));
    }
    if written.starts_with('-') {
        return Err(refuse(Rule::Option));
    }
    if let Some(address) = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: core::net::Ipv6Addr = address.parse().map_err(|_| refuse(Rule::Characters))?;
        return Ok(Host(format!("[{address}]")));
    }
    if !written.is_ascii() {
        return Err(refuse(Rule::Characters).write("the name as its registry has it, beginning with `xn--`"));
    }
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !written.bytes().all(is_part) || written.starts_with('.') || written.contains("..") {
        return Err(refuse(Rule::Characters));
    }
    Ok(Host(written.to_ascii_lowercase()))
}

/// Checks a path and encodes what has to be. What counts is what it is once it is decoded: programs and servers do so at
/// different times.
pub(crate) fn path(text: Text<'_>, transport: Transport, written: &str) -> Result<String, AddressError> {
    let decoded = escape::decode(written).map_err(|rule| {
        let error = text.refuse(Part::Path, written, rule);
        if rule == Rule::Escape {
            error.write("`%25` for a percent sign")
        } else {
            error
        }
    })?;
    if transport == Transport::Ssh && decoded.starts_with("/-") {
        return Err(text.refuse(Part::Path, written, Rule::Option));
    }
    stays_below(text, written, &decoded)?;
    Ok(escape::encode_path(written))
}

/// Refuses a path on a server that has a part `.` or `..`: some resolve it, and fetch something else than what was allowed.
pub(crate) fn stays_below(text: Text<'_>, written: &str, decoded: &str) -> Result<(), AddressError> {
    if decoded.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(text
            .refuse(Part::Path, written, Rule::Outside)
            .write("the path without `.` and `..`"));
    }
    Ok(())
}
