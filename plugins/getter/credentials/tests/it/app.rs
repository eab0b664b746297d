//! Apps of GitHub.

use std::fs;

use k1s_getter_credentials::{App, Fault, GithubApp, Step};
use k1s_getter_net::Class;

use crate::fake::{Fake, in_seconds, refused, said, settings};
use crate::key;

#[tokio::test]
async fn an_app_signs_who_it_is_and_is_lent_a_token() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let private_key = key::make(folder.path(), "PEM")?;
    let public = key::public(&fs::read_to_string(&private_key)?)?;
    let api = Fake::start(move |seen| {
        let word = seen.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        let Ok((_, claims)) = key::verified(word, &public) else {
            return refused(401);
        };
        let lasting = claims["exp"].as_u64().zip(claims["iat"].as_u64());
        let is_right = seen.method == "POST"
            && claims["iss"] == "17"
            && lasting.is_some_and(|(until, from)| until - from <= 600)
            && seen.body == r#"{"permissions":{"contents":"read"}}"#
            && seen.header("accept") == "application/vnd.github+json";
        match seen.target.as_str() {
            "/api/v3/app/installations/4/access_tokens" if is_right => {
                let (status, headers, body) =
                    said(format!(r#"{{"token":"ghs_x","expires_at":"{}"}}"#, in_seconds(3600)));
                (status + 1, headers, body)
            }
            _ => refused(404),
        }
    });
    let api = api.await?;
    let app = App {
        id: 17,
        installation: 4,
        private_key: private_key.clone(),
        api: api.url().below("api/v3", &[])?,
    };
    let mut lending = GithubApp::new(&settings(), app.clone())?;
    for _ in 0..3 {
        assert_eq!(lending.token().await?.expose(), "ghs_x");
    }
    assert_eq!(api.seen().len(), 1);
    lending.forget();
    lending.token().await?;
    assert_eq!(api.seen().len(), 2);

    let absent = App {
        installation: 5,
        ..app.clone()
    };
    let error = GithubApp::new(&settings(), absent)?
        .token()
        .await
        .expect_err("it is not there");
    assert_eq!((error.step, error.class()), (Step::GithubApp, Class::Auth), "{error}");
    fs::write(
        &private_key,
        "-----BEGIN RSA PRIVATE KEY-----\nY2FuYXJ5\n-----END RSA PRIVATE KEY-----\n",
    )?;
    let error = GithubApp::new(&settings(), app)?
        .token()
        .await
        .expect_err("it is no key");
    assert!(matches!(error.fault, Fault::Key), "{error}");
    Ok(())
}
