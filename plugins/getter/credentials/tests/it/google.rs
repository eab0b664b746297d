//! Tokens of Google.

use std::fs;

use k1s_getter_credentials::{CredentialError, Fault, Google, Step, Variables};
use serde_json::json;

use crate::fake::{Fake, refused, said, settings};
use crate::key;

const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
const TOKEN: &str = r#"{"access_token":"ya29","expires_in":3599,"token_type":"Bearer"}"#;

fn google(variables: &[(&str, &str)]) -> Google {
    Google::new(&settings(), Variables::given(variables.iter().copied())).expect("settings")
}

async fn refusal(variables: &[(&str, &str)]) -> CredentialError {
    let error = google(variables).token().await.expect_err("it is refused");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    error
}

#[tokio::test]
async fn an_account_of_a_service_signs_who_it_is() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let pem = fs::read_to_string(key::make(folder.path(), "PKCS8")?)?;
    let public = key::public(&pem)?;
    let service = Fake::start(move |seen| {
        let Ok((header, claims)) = key::verified(&seen.field("assertion"), &public) else {
            return refused(400);
        };
        let is_right = seen.field("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            && header["kid"] == "k1"
            && claims["iss"] == "shop@example.iam.gserviceaccount.com"
            && claims["scope"] == "https://www.googleapis.com/auth/devstorage.read_only"
            && claims["aud"].as_str().is_some_and(|aud| aud.ends_with("/token"));
        if is_right { said(TOKEN) } else { refused(401) }
    });
    let service = service.await?;
    let file = folder.path().join("account.json");
    let account = |pem: &str| {
        json!({
            "type": "service_account",
            "client_email": "shop@example.iam.gserviceaccount.com",
            "private_key": pem,
            "private_key_id": "k1",
            "token_uri": format!("{}/token", service.place()),
        })
    };
    fs::write(&file, account(&pem).to_string())?;
    let mut google = google(&[(FILE, file.to_str().expect("a text"))]);
    for _ in 0..3 {
        assert_eq!(google.token().await?.expose(), "ya29");
    }
    assert_eq!(service.seen().len(), 1);
    let other = tempfile::tempdir()?;
    let other = fs::read_to_string(key::make(other.path(), "PKCS8")?)?;
    for (pem, is_key) in [(other.as_str(), true), ("canary", false)] {
        fs::write(&file, account(pem).to_string())?;
        let error = refusal(&[(FILE, file.to_str().expect("a text"))]).await;
        assert_eq!(error.step, Step::GoogleFile);
        assert_eq!(matches!(error.fault, Fault::Net(_)), is_key, "{error}");
        assert_eq!(matches!(error.fault, Fault::Key), !is_key, "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_user_shows_what_gcloud_keeps() -> anyhow::Result<()> {
    let service = Fake::start(|seen| match seen.field("refresh_token").as_str() {
        "1//r&=" if seen.field("client_secret") == "s" && seen.field("client_id") == "c" => said(TOKEN),
        _ => refused(400),
    });
    let service = service.await?;
    let home = tempfile::tempdir()?;
    let folder = home.path().join(".config/gcloud");
    fs::create_dir_all(&folder)?;
    let account = json!({
        "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "1//r&=",
        "token_uri": service.place(),
    });
    fs::write(folder.join("application_default_credentials.json"), account.to_string())?;
    let home = home.path().to_str().expect("a text");
    assert_eq!(google(&[("HOME", home)]).token().await?.expose(), "ya29");
    Ok(())
}

#[tokio::test]
async fn a_machine_is_believed_if_it_says_that_it_is_googles() -> anyhow::Result<()> {
    const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token?scopes=";
    for (flavor, is_right) in [("Google", true), ("Other", false)] {
        let service = Fake::start(move |seen| {
            if seen.header("metadata-flavor") != "Google" || !seen.target.starts_with(PATH) {
                return refused(403);
            }
            (200, vec![("metadata-flavor", flavor.to_owned())], TOKEN.to_owned())
        });
        let service = service.await?;
        let host = format!("127.0.0.1:{}", service.port);
        let token = google(&[("GCE_METADATA_HOST", &host), ("HOME", "/nowhere")])
            .token()
            .await;
        assert_eq!(token.is_ok(), is_right, "{token:?}");
        assert!(token.err().is_none_or(|error| error.step == Step::GoogleMachine));
    }
    Ok(())
}

#[tokio::test]
async fn files_that_would_lead_elsewhere_or_lack_something_are_refused() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("account.json");
    for (text, words) in [
        (
            r#"{"type":"external_account","credential_source":{"executable":{"command":"canary"}}}"#,
            "not supported",
        ),
        (
            r#"{"type":"external_account_authorized_user","token_url":"http://canary"}"#,
            "not supported",
        ),
        (r#"{"type":"impersonated_service_account"}"#, "not supported"),
        (
            r#"{"type":"service_account","private_key":"canary"}"#,
            "lacks `client_email`",
        ),
        (
            r#"{"type":"authorized_user","client_id":"canary"}"#,
            "lacks `client_secret`",
        ),
        (
            r#"{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r","token_uri":"http://192.0.2.1/canary"}"#,
            "beyond this machine",
        ),
        (
            r#"{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r","token_uri":"https://169.254.169.254/canary"}"#,
            "metadata service",
        ),
        (r#"{"type":["canary"]}"#, "lacks JSON"),
        ("canary", "lacks JSON"),
        ("", "is empty"),
    ] {
        fs::write(&file, text)?;
        let error = refusal(&[(FILE, file.to_str().expect("a text"))]).await;
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
    let error = refusal(&[(FILE, "/nowhere/account.json"), ("GCE_METADATA_HOST", "127.0.0.1:1")]).await;
    assert!(
        error.to_string().contains("/nowhere/account.json") && error.step == Step::GoogleFile,
        "{error}"
    );
    Ok(())
}
