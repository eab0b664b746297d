//! Azure Blob Storage.

use crate::fault::{AddressError, Part, Rule, Text};
use crate::origin::key;
use crate::query::{Parameters, Query};
use crate::site::Site;

/// The domains that blobs are served from.
const DOMAINS: [&str; 3] = [
    "blob.core.windows.net",
    "blob.core.chinacloudapi.cn",
    "blob.core.usgovcloudapi.net",
];
const SPELLING: &str = "`azure::https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB`";

/// Blobs of Azure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Azure {
    /// The server, with the account in its path where it is not in its host. Login and parameters are empty.
    pub site: Site,
    /// The account.
    pub account: String,
    /// The container.
    pub container: String,
    /// The name of a blob, or the prefix of several, empty for all; no part of it is `.` or `..`.
    pub blob: String,
    /// The shared access signature; empty where the address has none.
    pub signature: Parameters,
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
    let named = DOMAINS.into_iter().find_map(|domain| site.host.below(domain));
    let (account, prefix, path) = match named {
        Some(account) if account.is_empty() || account.contains('.') => return Err(refused(Part::Host, Rule::Store)),
        Some(account) => (account.to_owned(), String::new(), path),
        // Emulators have the account in the path.
        None => {
            let (account, path) = path.split_once('/').ok_or_else(|| refused(Part::Path, Rule::Object))?;
            (account.to_owned(), format!("/{account}"), path)
        }
    };
    let (container, blob) = path.split_once('/').unwrap_or((path, ""));
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-$".contains(&byte))
    };
    if !is_name(&account) || !is_name(container) {
        return Err(refused(Part::Path, Rule::Object));
    }
    let (container, blob) = (container.to_owned(), key(text, slice, blob)?);
    Ok(Azure {
        site: Site { path: prefix, ..site },
        account,
        container,
        blob,
        signature: query.forward(),
    })
}

/// Returns whether the host of an address without scheme is one of Azure.
pub(crate) fn is_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    DOMAINS
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}
