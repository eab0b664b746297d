//! Secrets that are lent, and those that they are lent for.

use std::process::Command;

use anyhow::ensure;
use k1s_tests::canary::Canary;
use k1s_tests::scene::{Scene, config_map};
use k1s_tests::web::Page;
use serde_json::{Value, json};

use super::Way;

/// What an App is lent for its installation.
const INSTALLATION: &str = "/api/v3/app/installations/4/access_tokens";
/// When what is lent expires.
const LATER: &str = "2099-01-01T00:00:00Z";

/// The ways in which something is lent; what it is lent for is given to `keep`.
pub(super) fn ways(scene: &Scene, mut keep: impl FnMut(&str, &str) -> std::io::Result<()>) -> anyhow::Result<Vec<Way>> {
    let [container, refresh, client] = ["Container", "Refresh", "Client"].map(Canary::new);
    keep("container", container.text())?;
    Ok(vec![
        of_amazon(scene, container)?,
        of_profile(scene, &mut keep)?,
        of_role(scene, &mut keep)?,
        of_google(scene, [refresh, client], &mut keep)?,
        of_app(scene, keep)?,
    ])
}

/// A bucket with one object, which is asked for with an id and a session's token that are told, and a key that is not.
fn of_bucket(name: &'static str, lending: Value, told: &[&Canary], key: Canary) -> anyhow::Result<Way> {
    let rest = lending["query"].as_str().unwrap_or_default().to_owned();
    let address = |place: &str| format!("s3::http://{place}/pail/a.yaml?region=eu-west-1{rest}");
    let mut way = Way::file(name, told, address, lending["config"].clone())?;
    way.web.put("/pail/a.yaml", Page::of(config_map(name, "1")));
    way.paths = ["/pail/a.yaml", "/pail/"].map(str::to_owned).to_vec();
    way.kept = Some(key);
    Ok(way)
}

/// A profile of Amazon's shared files.
fn of_profile(scene: &Scene, mut keep: impl FnMut(&str, &str) -> std::io::Result<()>) -> anyhow::Result<Way> {
    let [id, session, key] = ["ProfileId", "ProfileSession", "ProfileKey"].map(Canary::new);
    let (said, kept) = (
        format!(
            "aws_access_key_id = {}\naws_session_token = {}",
            id.text(),
            session.text()
        ),
        format!("aws_secret_access_key = {}", key.text()),
    );
    keep("profiles", &format!("[team]\n{said}\n{kept}\n"))?;
    let lending = json!({"query": "&aws_profile=team", "config": {}});
    let mut way = of_bucket("profile", lending, &[&id, &session], key)?;
    way.env = json!({"AWS_SHARED_CREDENTIALS_FILE": scene.outside("profiles")});
    Ok(way)
}

/// A role that a token of a cluster lets one take over.
fn of_role(scene: &Scene, mut keep: impl FnMut(&str, &str) -> std::io::Result<()>) -> anyhow::Result<Way> {
    let [token, id, session, key] = ["RoleToken", "RoleId", "RoleSession", "RoleKey"].map(Canary::new);
    keep("identity", token.text())?;
    let lent = format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{}</AccessKeyId>\
         <SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken><Expiration>{LATER}</Expiration></Credentials>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
        id.text(),
        key.text(),
        session.text()
    );
    let lending = json!({"config": {"credentials": {"cloud": "aws"}}});
    let mut way = of_bucket("role", lending, &[&token, &id, &session], key)?;
    way.web.put("/", Page::of(lent).with("Content-Type", "text/xml"));
    way.paths.push("/".to_owned());
    way.env = json!({
        "AWS_ENDPOINT_URL_STS": way.web.url("/"),
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/shop",
        "AWS_WEB_IDENTITY_TOKEN_FILE": scene.outside("identity"),
    });
    Ok(way)
}

fn said(value: &Value) -> Page {
    Page::of(value.to_string()).with("Content-Type", "application/json")
}

/// A container's key, of which one half signs and is told to nobody.
fn of_amazon(scene: &Scene, container: Canary) -> anyhow::Result<Way> {
    let [id, session, key] = ["LentId", "LentSession", "LentKey"].map(Canary::new);
    let lent = json!({
        "AccessKeyId": id.text(), "SecretAccessKey": key.text(), "Token": session.text(), "Expiration": LATER,
    });
    let lending = json!({"config": {"credentials": {"cloud": "aws"}}});
    let mut way = of_bucket("cloud-aws", lending, &[&container, &id, &session], key)?;
    way.web.put("/keys", said(&lent));
    way.env = json!({
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": way.web.url("/keys"),
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": scene.outside("container"),
    });
    way.paths.push("/keys".to_owned());
    Ok(way)
}

/// A user's token; the store has nothing to show for it.
fn of_google(
    scene: &Scene,
    [refresh, client]: [Canary; 2],
    mut keep: impl FnMut(&str, &str) -> std::io::Result<()>,
) -> anyhow::Result<Way> {
    let token = Canary::new("LentToken");
    let address = |_: &str| "gcs::https://www.googleapis.com/storage/v1/pail/a.yaml".to_owned();
    let lending = json!({"credentials": {"cloud": "google"}});
    let mut way = Way::file("cloud-google", &[&refresh, &client, &token], address, lending)?;
    let lent = json!({"access_token": token.text(), "expires_in": 3600});
    way.web.put("/token", said(&lent));
    let account = json!({
        "type": "authorized_user",
        "client_id": "c",
        "client_secret": client.text(),
        "refresh_token": refresh.text(),
        "token_uri": way.web.url("/token"),
    });
    keep("google", &account.to_string())?;
    way.env = json!({
        "STORAGE_EMULATOR_HOST": way.web.authority(),
        "GOOGLE_APPLICATION_CREDENTIALS": scene.outside("google"),
    });
    way.paths = ["/storage/v1/b/pail/o/a.yaml", "/storage/v1/b/pail/o", "/token"]
        .map(str::to_owned)
        .to_vec();
    Ok(way)
}

/// An App's token.
fn of_app(scene: &Scene, mut keep: impl FnMut(&str, &str) -> std::io::Result<()>) -> anyhow::Result<Way> {
    let token = Canary::new("LentApp");
    let plain = |place: &str| format!("http://{place}/a.yaml");
    let mut way = Way::file("github-app", &[&token], plain, json!({}))?;
    let lent = json!({"token": token.text(), "expires_at": LATER});
    way.web.put(INSTALLATION, said(&lent).answering(201));
    let made = scene.outside("app.pem");
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-m", "PEM", "-f"]);
    ensure!(command.arg(&made).status()?.success(), "no key is made");
    let pem = std::fs::read_to_string(&made)?;
    keep("app.pem", &pem)?;
    way.config["credentials"] = json!({"githubApp": {
        "appId": 17,
        "installationId": 4,
        "privateKeyFile": "./app.pem",
        "apiUrl": way.web.url("/api/v3"),
    }});
    way.paths.push(INSTALLATION.to_owned());
    Ok(way)
}
