//! A role that whoever has a token of a cluster may take over (`AssumeRoleWithWebIdentity` of Amazon's STS).

use std::path::PathBuf;
use std::time::SystemTime;

use k1s_getter_address::AccessKey;
use k1s_getter_net::{Reference, Url};
use serde::Deserialize;

use super::Key;
use crate::fault::Fault;
use crate::held::Lent;
use crate::variables::Variables;
use crate::web::{Web, read};

const ARN: &str = "AWS_ROLE_ARN";
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const SESSION: &str = "AWS_ROLE_SESSION_NAME";
/// What sessions are called where nothing says.
const SESSION_NAME: &str = "k1s-sync-getter";
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
const ELSEWHERE: &str = "AWS_ENDPOINT_URL_STS";

/// A role, and by which token it is taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) token: PathBuf,
    pub(super) session: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "AssumeRoleWithWebIdentityResult")]
    result: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(rename = "Credentials")]
    credentials: Key,
}

impl Role {
    /// Reads what the environment says of one, if it does.
    pub(super) fn in_environment(variables: &Variables) -> Result<Option<Self>, Fault> {
        if variables.get(ARN).is_none() && variables.get(TOKEN_FILE).is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            arn: variables.need(ARN)?,
            token: PathBuf::from(variables.need(TOKEN_FILE)?),
            session: variables.get(SESSION),
        }))
    }

    /// Asks for a key of the role.
    pub(super) async fn take_over(
        &self,
        web: &Web,
        variables: &Variables,
        region: &str,
        now: SystemTime,
    ) -> Result<Lent<AccessKey>, Fault> {
        let url = service(variables, region)?;
        let token = read(&Reference::File(self.token.clone()), "the token of the cluster").await?;
        let fields = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.arn),
            ("RoleSessionName", self.session.as_deref().unwrap_or(SESSION_NAME)),
            ("WebIdentityToken", token.expose()),
        ];
        let answered = web.form(url, &fields).await?;
        let lacks = Fault::Answer("a key and when it expires");
        let text = std::str::from_utf8(&answered.body).map_err(|_| Fault::Answer("text"))?;
        // What is wrong with it could be told in its own words.
        let response: Response = quick_xml::de::from_str(text).map_err(|_| lacks)?;
        response.result.credentials.lent(now)
    }
}

/// Returns where roles of a region are asked for.
fn service(variables: &Variables, region: &str) -> Result<Url, Fault> {
    if let Some(url) = variables.url(ELSEWHERE)? {
        return Ok(url);
    }
    let named = REGIONS.into_iter().find_map(|name| variables.get(name));
    let region = named.as_deref().unwrap_or(region);
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || !region.bytes().all(is_part) {
        return Err(Fault::Characters("the region"));
    }
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    Ok(Url::parse(&format!("https://sts.{region}.{domain}/"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_asked_for_in_its_region_and_nowhere_a_region_would_lead() {
        for (variables, region, expected) in [
            (vec![], "eu-west-1", Some("https://sts.eu-west-1.amazonaws.com/")),
            (vec![], "cn-north-1", Some("https://sts.cn-north-1.amazonaws.com.cn/")),
            (
                vec![("AWS_REGION", "us-east-2")],
                "x",
                Some("https://sts.us-east-2.amazonaws.com/"),
            ),
            (
                vec![(ELSEWHERE, "http://127.0.0.1:5000")],
                "x",
                Some("http://127.0.0.1:5000/"),
            ),
            (vec![("AWS_DEFAULT_REGION", "evil.example/")], "x", None),
            (vec![], "evil.example#", None),
            (vec![], "", None),
        ] {
            let found = service(&Variables::given(variables), region).ok();
            assert_eq!(found.map(|url| url.to_string()).as_deref(), expected, "{region}");
        }
    }

    #[test]
    fn half_of_a_role_is_not_passed_over() {
        let role = |variables: Vec<(&str, &str)>| Role::in_environment(&Variables::given(variables));
        assert!(matches!(role(vec![]), Ok(None)));
        assert!(matches!(role(vec![(ARN, "a")]), Err(Fault::Unset(TOKEN_FILE))));
        assert!(matches!(role(vec![(TOKEN_FILE, "t")]), Err(Fault::Unset(ARN))));
        assert!(matches!(role(vec![(TOKEN_FILE, "t"), (ARN, "a")]), Ok(Some(_))));
    }
}
