//! Tokens of Azure.

use std::fs;

use k1s_getter_credentials::{Azure, CredentialError, Fault, Step, Variables};

use crate::fake::{Fake, Seen, refused, said, settings};

fn azure(variables: &[(&str, &str)]) -> Azure {
    Azure::new(&settings(), Variables::given(variables.iter().copied())).expect("settings")
}

async fn refusal(variables: &[(&str, &str)]) -> CredentialError {
    let error = azure(variables).token().await.expect_err("it is refused");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    error
}

#[tokio::test]
async fn a_token_of_a_cluster_is_exchanged() -> anyhow::Result<()> {
    let service = Fake::start(|seen| {
        let is_right = seen.target == "/tenant-1/oauth2/v2.0/token"
            && seen.field("grant_type") == "client_credentials"
            && seen.field("client_id") == "app"
            && seen.field("scope") == "https://storage.azure.com/.default"
            && seen.field("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            && ["one", "two"].contains(&seen.field("client_assertion").as_str());
        if is_right {
            said(r#"{"access_token":"eyJ","expires_in":1}"#)
        } else {
            refused(400)
        }
    });
    let service = service.await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    let place = service.place();
    let variables = [
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().expect("a text")),
        ("AZURE_AUTHORITY_HOST", place.as_str()),
        ("AZURE_TENANT_ID", "tenant-1"),
        ("AZURE_CLIENT_ID", "app"),
    ];
    let mut azure = azure(&variables);
    for token in ["one", "two\n"] {
        fs::write(&file, token)?;
        assert_eq!(azure.token().await?.expose(), "eyJ");
        azure.forget();
    }
    let last = service.seen().pop().expect("it was asked");
    assert_eq!(last.field("client_assertion"), "two");
    fs::write(&file, "canary")?;
    let error = refusal(&variables).await;
    assert!(
        error.step == Step::AzureFederation && matches!(error.fault, Fault::Net(_)),
        "{error}"
    );
    let error = refusal(&variables[..3]).await;
    assert!(matches!(error.fault, Fault::Unset("AZURE_CLIENT_ID")), "{error}");
    let evil = [("AZURE_TENANT_ID", "canary/../evil"), variables[0], variables[3]];
    assert!(matches!(refusal(&evil).await.fault, Fault::Characters(_)));
    Ok(())
}

#[tokio::test]
async fn an_application_shows_what_it_was_given() -> anyhow::Result<()> {
    let service = Fake::start(|seen| match seen.header("x-identity-header") {
        "given" if asks(seen, "/msi/token?api-version=2019-08-01&resource=") => {
            said(r#"{"access_token":"eyJ","expires_on":"32503680000"}"#)
        }
        _ => refused(401),
    });
    let service = service.await?;
    let endpoint = format!("{}/msi/token", service.place());
    let variables = [("IDENTITY_ENDPOINT", endpoint.as_str()), ("IDENTITY_HEADER", "given")];
    let mut azure = azure(&variables);
    for _ in 0..2 {
        assert_eq!(azure.token().await?.expose(), "eyJ");
    }
    assert_eq!(service.seen().len(), 1);
    let error = refusal(&[variables[0], ("IDENTITY_HEADER", "canary")]).await;
    assert_eq!(error.step, Step::AzureApplication);
    Ok(())
}

#[tokio::test]
async fn a_machine_has_an_identity_or_the_one_that_is_named() -> anyhow::Result<()> {
    const PATH: &str = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=";
    let service = Fake::start(|seen| match seen.header("metadata") {
        "true" if asks(seen, PATH) => said(r#"{"access_token":"eyJ","expires_in":"86399"}"#),
        _ => refused(400),
    });
    let service = service.await?;
    let place = service.place();
    let here = ("AZURE_POD_IDENTITY_AUTHORITY_HOST", place.as_str());
    azure(&[here]).token().await?;
    azure(&[here, ("AZURE_CLIENT_ID", "named")]).token().await?;
    let seen = service.seen();
    assert!(
        !seen[0].target.contains("client_id") && seen[1].target.contains("client_id=named"),
        "{seen:?}"
    );
    Ok(())
}

fn asks(seen: &Seen, path: &str) -> bool {
    let resource = "https%3A%2F%2Fstorage.azure.com%2F";
    seen.target.starts_with(&format!("{path}{resource}"))
}

#[tokio::test]
async fn an_answer_without_a_token_or_a_time_is_none() -> anyhow::Result<()> {
    for text in [
        "canary",
        r#"{"access_token":"canary"}"#,
        r#"{"expires_in":1}"#,
        r#"{"access_token":"canary","expires_in":"x"}"#,
    ] {
        let service = Fake::start(move |_| said(text)).await?;
        let error = refusal(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", &service.place())]).await;
        assert!(matches!(error.fault, Fault::Answer(_)), "{error}");
    }
    Ok(())
}
