//! Azure Blob Storage.

use crate::fault::{AddressError, Part, Rule, Text};
use crate::origin::key;
use crate::policy::Transport;
use crate::query::{Parameters, Query};
use crate::site::Site;

/// The domains that blobs are served from.
const DOMAINS: [&str; 3] = [
    "blob.core.windows.net",
    "blob.core.chinacloudapi.cn",
    "blob.core.usgovcloudapi.net",
];
/// The parameters of a shared access signature, of a container, an account or a user's delegation. Others would ask for something
/// else than what the address names.
const SIGNATURE: [&str; 26] = [
    "sv", "ss", "srt", "sp", "st", "se", "spr", "sip", "sr", "si", "sig", "sdd", "ses", "skoid", "sktid", "skt", "ske",
    "sks", "skv", "saoid", "suoid", "scid", "rscc", "rscd", "rsce", "rsct",
];
const SPELLING: &str = "`azure::https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB`";

/// Blobs of Azure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Azure {
    /// The store.
    pub endpoint: AzureEndpoint,
    /// The account.
    pub account: String,
    /// The container.
    pub container: String,
    /// The name of a blob, or the prefix of several, empty for all; no part of it is `.` or `..`.
    pub blob: String,
    /// The shared access signature; empty where the address has none.
    pub signature: Parameters,
}

/// A store of blobs.
///
/// Credentials that the address does not hold itself, such as those of the environment, are for [`Self::Official`] only:
/// anyone can answer for another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AzureEndpoint {
    /// The cloud with this domain, asked over https with the account before it.
    Official(&'static str),
    /// Another, such as an emulator, asked with the account in the path. Path, parameters and login are empty.
    Compatible(Site),
}

pub(crate) fn azure(text: Text<'_>, slice: &str, site: Site, query: Query<'_>) -> Result<Azure, AddressError> {
    if site.login.is_some() {
        return Err(text
            .refuse(Part::Login, slice, Rule::Meaningless)
            .write("`credentials`"));
    }
    let refused = |part, rule| text.refuse(part, slice, rule).write(SPELLING);
    let path = site.decoded_path();
    let path = path.strip_prefix('/').unwrap_or(&path);
    let named = DOMAINS
        .into_iter()
        .find_map(|domain| Some((domain, site.host.below(domain)?)));
    let (endpoint, account, path) = match named {
        Some((_, account)) if account.is_empty() || account.contains('.') => {
            return Err(refused(Part::Host, Rule::Store));
        }
        Some((domain, _)) if site.port.is_some() || site.transport != Transport::Https => {
            return Err(text
                .refuse(Part::Host, slice, Rule::Contradiction)
                .write(format!("`https://` and no port for hosts of {domain}")));
        }
        Some((domain, account)) => (AzureEndpoint::Official(domain), account.to_owned(), path),
        None => {
            let (account, path) = path.split_once('/').ok_or_else(|| refused(Part::Path, Rule::Object))?;
            let endpoint = AzureEndpoint::Compatible(Site {
                path: String::new(),
                ..site.clone()
            });
            (endpoint, account.to_owned(), path)
        }
    };
    let (container, blob) = path.split_once('/').unwrap_or((path, ""));
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with('-')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-$".contains(&byte))
    };
    if !is_name(&account) || !is_name(container) {
        return Err(refused(Part::Path, Rule::Object));
    }
    let (container, blob) = (container.to_owned(), key(text, slice, blob)?);
    Ok(Azure {
        endpoint,
        account,
        container,
        blob,
        signature: query.forward_only(&SIGNATURE)?,
    })
}

/// Returns whether the host of an address without scheme is one of Azure.
pub(crate) fn is_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    DOMAINS
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}
