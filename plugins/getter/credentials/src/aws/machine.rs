//! What a machine of Amazon is given, by the second version of its metadata service.

use std::time::SystemTime;

use http::{HeaderName, HeaderValue};
use k1s_getter_address::AccessKey;
use k1s_getter_net::Url;

use super::key_of;
use crate::fault::Fault;
use crate::held::Lent;
use crate::variables::Variables;
use crate::web::{Web, sensitive};

const ROOT: &str = "http://169.254.169.254/";
const ELSEWHERE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const OFF: &str = "AWS_EC2_METADATA_DISABLED";
const TOKEN_PATH: &str = "latest/api/token";
const ROLE_PATH: &str = "latest/meta-data/iam/security-credentials/";
const LASTING: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
/// How long the token counts that is shown to the service, in seconds: it is for two questions.
const LASTING_SECONDS: HeaderValue = HeaderValue::from_static("60");
const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");

/// Asks for the key of the machine's role.
pub(super) async fn lent(web: &Web, variables: &Variables, now: SystemTime) -> Result<Lent<AccessKey>, Fault> {
    if variables
        .get(OFF)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    {
        return Err(Fault::Off(OFF));
    }
    let root = match variables.url(ELSEWHERE)? {
        Some(root) => root,
        None => Url::parse(ROOT)?,
    };
    let token = web
        .put(root.below(TOKEN_PATH, &[])?, vec![(LASTING, LASTING_SECONDS)])
        .await?;
    let token = text(&token.body, "a token")?;
    let shown = || Ok::<_, Fault>(vec![(TOKEN, sensitive(token, "the token of the metadata service")?)]);
    let roles = web.get(root.below(ROLE_PATH, &[])?, shown()?).await?;
    let role = text(&roles.body, "the name of a role")?;
    let key = web
        .get(root.below(&format!("{ROLE_PATH}{role}"), &[])?, shown()?)
        .await?;
    key_of(&key, now)
}

/// Reads the first line of an answer.
fn text<'a>(answer: &'a [u8], lacks: &'static str) -> Result<&'a str, Fault> {
    let text = std::str::from_utf8(answer).ok().and_then(|text| text.lines().next());
    let text = text
        .map(str::trim)
        .filter(|text| !text.is_empty() && !text.contains('/'));
    text.ok_or(Fault::Answer(lacks))
}
