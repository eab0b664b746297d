//! Whose view something is: what a server said to one who asks, for one query, is nothing to another or for another.

use k1s_getter_net::{Credential, Reference};
use sha2::{Digest as _, Sha256};

use crate::kept::hexadecimal;

/// How much is kept of the hash of a secret: enough to tell most changes, and far too little to search for it.
const SECRET_HASH_BYTES: usize = 2;

/// Names a view by who asks, and by everything else that is sent along.
#[must_use]
pub(crate) fn whose(credential: Option<&Credential>, along: &[&str]) -> String {
    let mut hasher = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(bytes);
    };
    match credential {
        None => add(b"nobody"),
        Some(Credential::Basic { user, password }) => {
            add(b"basic");
            add(user.expose().as_bytes());
            add(&place(password));
        }
        Some(Credential::Bearer(token)) => {
            add(b"bearer");
            add(&place(token));
        }
        Some(Credential::Netrc(path)) => {
            add(b"netrc");
            add(path.as_os_str().as_encoded_bytes());
        }
    }
    for part in along {
        add(part.as_bytes());
    }
    hexadecimal(&hasher.finalize())
}

/// Returns where a secret is, or a little of its hash where it is nowhere else: one that is renewed in its place is the same.
fn place(reference: &Reference) -> Vec<u8> {
    match reference {
        Reference::File(path) => path.as_os_str().as_encoded_bytes().to_vec(),
        Reference::Environment(name) => name.clone().into_bytes(),
        Reference::Given(secret) => Sha256::digest(secret.expose())
            .into_iter()
            .take(SECRET_HASH_BYTES)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use k1s_getter_address::Secret;

    use super::*;

    #[test]
    fn another_query_or_another_who_asks_is_another_view() {
        let given = |text| Reference::Given(Secret::new(text));
        let basic = |user, password| Credential::Basic {
            user: Secret::new(user),
            password: given(password),
        };
        let views = [
            whose(None, &["file=new"]),
            whose(None, &["file=old"]),
            whose(None, &[]),
            whose(None, &["file=", "new"]),
            whose(Some(&basic("ann", "1")), &[]),
            whose(Some(&basic("ann", "2")), &[]),
            whose(Some(&basic("bob", "1")), &[]),
            whose(Some(&Credential::Bearer(given("1"))), &[]),
            whose(Some(&Credential::Bearer(Reference::Environment("1".to_owned()))), &[]),
            whose(Some(&Credential::Netrc("1".into())), &[]),
        ];
        for (at, one) in views.iter().enumerate() {
            assert!(!views[..at].contains(one), "{at}");
        }
        assert_eq!(whose(Some(&basic("ann", "1")), &[]), views[4]);
    }
}
