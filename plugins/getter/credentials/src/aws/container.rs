//! What a container is given: by ECS, and by EKS' identities of pods.

use std::time::SystemTime;

use http::header::AUTHORIZATION;
use k1s_getter_address::AccessKey;
use k1s_getter_net::Url;

use super::key_of;
use crate::fault::Fault;
use crate::held::Lent;
use crate::variables::Variables;
use crate::web::{Web, read, sensitive};

/// Where ECS answers its containers.
const ROOT: &str = "http://169.254.170.2/";
const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
const SHOWN: &str = "the token of the container";

/// Asks for the container's key; none if it is given none.
pub(super) async fn lent(web: &Web, variables: &Variables, now: SystemTime) -> Result<Option<Lent<AccessKey>>, Fault> {
    let Some(url) = place(variables)? else {
        return Ok(None);
    };
    let token = match variables.file(TOKEN_FILE) {
        Some(file) => Some(read(&file, SHOWN).await?.expose().to_owned()),
        None => variables.get(TOKEN),
    };
    let token = token.map(|token| sensitive(&token, SHOWN)).transpose()?;
    let headers = token.map(|token| (AUTHORIZATION, token)).into_iter().collect();
    key_of(&web.get(url, headers).await?, now).map(Some)
}

fn place(variables: &Variables) -> Result<Option<Url>, Fault> {
    let Some(relative) = variables.get(RELATIVE) else {
        return variables.url(FULL);
    };
    let fault = |source| Fault::Variable { name: RELATIVE, source };
    let (path, query) = match relative.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (relative.as_str(), None),
    };
    let root = Url::parse(ROOT)?;
    root.with(path, query).map(Some).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_answered_where_its_variables_say() {
        for (name, value, expected) in [
            (
                RELATIVE,
                "/v2/credentials/x?y=z",
                Some("http://169.254.170.2/v2/credentials/x?…"),
            ),
            (
                FULL,
                "http://169.254.170.23/v1/credentials",
                Some("http://169.254.170.23/v1/credentials"),
            ),
            (FULL, "https://keys.example/x", Some("https://keys.example/x")),
            ("OTHER", "x", None),
        ] {
            let found = place(&Variables::given([(name, value)])).unwrap();
            assert_eq!(found.map(|url| url.to_string()).as_deref(), expected, "{value}");
        }
        for (name, value) in [(RELATIVE, "@evil.example/"), (FULL, "ftp://x/"), (FULL, "/x")] {
            assert!(place(&Variables::given([(name, value)])).is_err(), "{value}");
        }
    }
}
