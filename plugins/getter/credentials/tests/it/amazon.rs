//! Keys of Amazon. Roles by a token are asked of a real STS in the tests of the source.

use std::fs;

use k1s_getter_credentials::{Aws, CredentialError, Fault, Step, Variables};
use k1s_getter_net::Class;

use crate::fake::{Fake, Said, Seen, in_seconds, refused, said, settings};

const SHOWN: &str = "x-aws-ec2-metadata-token";

fn key(id: &str, lasting: i64) -> Said {
    let until = in_seconds(lasting);
    said(format!(
        r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"s","Token":"t","Expiration":"{until}"}}"#
    ))
}

/// A metadata service that gives nothing to who shows no token of its own.
fn imds(seen: &Seen) -> Said {
    let is_shown = seen.header(SHOWN) == "session";
    match (seen.method.as_str(), seen.target.as_str()) {
        ("PUT", "/latest/api/token") if seen.header("x-aws-ec2-metadata-token-ttl-seconds") == "60" => said("session"),
        ("GET", "/latest/meta-data/iam/security-credentials/") if is_shown => said("shop-role\n"),
        ("GET", "/latest/meta-data/iam/security-credentials/shop-role") if is_shown => key("MACHINE", 3600),
        _ => refused(401),
    }
}

/// Who asks with these variables, and a home without files.
fn aws(variables: &[(&str, &str)]) -> Aws {
    let variables = Variables::given(variables.iter().copied());
    Aws::new(&settings(), variables, "eu-west-1").expect("settings")
}

async fn refusal(variables: &[(&str, &str)]) -> CredentialError {
    let error = aws(variables).key().await.expect_err("it is refused");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    error
}

#[tokio::test]
async fn the_first_step_that_is_set_up_counts() -> anyhow::Result<()> {
    let machine = Fake::start(imds).await?;
    let container = Fake::start(|_| key("CONTAINER", 3600)).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("credentials");
    fs::write(
        &file,
        "[default]\naws_access_key_id=D\naws_secret_access_key=s\n[team]\naws_access_key_id=T\naws_secret_access_key=s\n",
    )?;
    let (machine, container) = (machine.place(), container.place());
    let token = folder.path().join("token");
    let all = [
        ("AWS_ACCESS_KEY_ID", "ENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().expect("a text")),
        ("AWS_ROLE_ARN", "arn:x"),
        ("AWS_PROFILE", "team"),
        ("AWS_CONFIG_FILE", "/nowhere"),
        ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().expect("a text")),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.as_str()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.as_str()),
    ];
    // The token is not there, so the role is what fails, and no profile beside it counts.
    assert_eq!(refusal(&all[2..]).await.step, Step::AwsWebIdentity);
    for (left_out, expected) in [(0, "ENVIRONMENT"), (4, "T"), (5, "D"), (7, "CONTAINER"), (8, "MACHINE")] {
        let key = aws(&all[left_out..]).key().await?;
        assert_eq!(key.id.expose(), expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_key_is_asked_for_once_until_it_is_about_to_expire_or_refused() -> anyhow::Result<()> {
    let machine = Fake::start(imds).await?;
    let mut aws = aws(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &machine.place())]);
    for _ in 0..3 {
        let key = aws.key().await?;
        assert_eq!(key.token.expect("a token").expose(), "t");
    }
    assert_eq!(machine.seen().len(), 3, "a token, a role, a key");
    aws.forget();
    aws.key().await?;
    assert_eq!(machine.seen().len(), 6);
    Ok(())
}

#[tokio::test]
async fn a_key_that_has_expired_is_asked_for_each_time() -> anyhow::Result<()> {
    let container = Fake::start(|_| key("OLD", -1)).await?;
    let mut aws = aws(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container.place())]);
    aws.key().await?;
    aws.key().await?;
    assert_eq!(container.seen().len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_container_shows_the_token_that_is_in_its_file_now() -> anyhow::Result<()> {
    let container = Fake::start(|seen| match seen.header("authorization") {
        "first" | "second" => key("CONTAINER", -1),
        _ => refused(403),
    });
    let container = container.await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    let place = container.place();
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", place.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().expect("a text")),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary"),
    ];
    let mut aws = aws(&variables);
    for token in ["first\n", "second"] {
        fs::write(&file, token)?;
        aws.key().await?;
    }
    fs::write(&file, "canary")?;
    let error = refusal(&variables).await;
    assert_eq!((error.step, error.class()), (Step::AwsContainer, Class::Auth));
    Ok(())
}

#[tokio::test]
async fn a_step_that_fails_is_named_and_not_passed_over() -> anyhow::Result<()> {
    let machine = Fake::start(imds).await?;
    let mute = Fake::start(|_| said("canary")).await?;
    let broken = Fake::start(|_| refused(500)).await?;
    let (machine, mute, broken) = (machine.place(), mute.place(), broken.place());
    let metadata = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.as_str());
    let folder = tempfile::tempdir()?;
    let token = folder.path().join("token");
    fs::write(&token, "canary")?;
    let token = token.to_str().expect("a text");
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x");
    let file = ("AWS_WEB_IDENTITY_TOKEN_FILE", token);
    for (variables, step) in [
        (vec![("AWS_ACCESS_KEY_ID", "canary")], Step::AwsEnvironment),
        (vec![("AWS_SECRET_ACCESS_KEY", "canary")], Step::AwsEnvironment),
        (vec![("AWS_PROFILE", "none"), ("HOME", "/nowhere")], Step::AwsProfile),
        (vec![role], Step::AwsWebIdentity),
        (
            vec![role, ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere")],
            Step::AwsWebIdentity,
        ),
        (vec![role, file, ("AWS_ENDPOINT_URL_STS", &mute)], Step::AwsWebIdentity),
        (
            vec![role, file, ("AWS_ENDPOINT_URL_STS", &broken)],
            Step::AwsWebIdentity,
        ),
        (
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "canary")],
            Step::AwsContainer,
        ),
        (vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", &mute)], Step::AwsContainer),
    ] {
        let variables: Vec<_> = variables.into_iter().chain([metadata]).collect();
        let error = refusal(&variables).await;
        assert_eq!(error.step, step, "{error}");
        assert!(error.to_string().contains(step.way_out()), "{error}");
    }
    let off = refusal(&[metadata, ("AWS_EC2_METADATA_DISABLED", "true")]).await;
    assert!(
        matches!(off.fault, Fault::Off(_)) && off.step == Step::AwsMachine,
        "{off}"
    );
    Ok(())
}

#[tokio::test]
async fn a_role_of_a_profile_is_taken_over_and_what_is_no_answer_is_not_believed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (token, file) = (folder.path().join("token"), folder.path().join("config"));
    fs::write(&token, "identity")?;
    let role = format!(
        "role_arn = arn:x\nweb_identity_token_file = {}\nrole_session_name = shop\n",
        token.display()
    );
    fs::write(&file, format!("[profile team]\n{role}"))?;
    let around = |inner: &str| {
        format!(
            "<?xml version=\"1.0\"?><AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleWithWebIdentityResult><Credentials>{inner}</Credentials></AssumeRoleWithWebIdentityResult>\
             </AssumeRoleWithWebIdentityResponse>"
        )
    };
    let key = |id: &str| {
        let until = in_seconds(3600);
        format!(
            "<AccessKeyId>{id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{until}</Expiration>"
        )
    };
    for (answer, expected) in [
        (around(&key("ROLE")), Some("ROLE")),
        (around(&key("A&amp;B")), Some("A&B")),
        (around("<AccessKeyId>canary</AccessKeyId>"), None),
        (around(&key("&canary;")), None),
        (around(&key("a")).replace("</Credentials>", ""), None),
        (String::new(), None),
    ] {
        let service = Fake::start(move |seen| {
            let is_right = seen.field("Action") == "AssumeRoleWithWebIdentity"
                && seen.field("RoleArn") == "arn:x"
                && seen.field("RoleSessionName") == "shop"
                && seen.field("WebIdentityToken") == "identity";
            if is_right { said(answer.clone()) } else { refused(400) }
        });
        let service = service.await?;
        let place = service.place();
        let variables = [
            ("AWS_PROFILE", "team"),
            ("AWS_CONFIG_FILE", file.to_str().expect("a text")),
            ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere"),
            ("AWS_ENDPOINT_URL_STS", place.as_str()),
        ];
        match expected {
            Some(expected) => assert_eq!(aws(&variables).key().await?.id.expose(), expected),
            None => assert_eq!(refusal(&variables).await.step, Step::AwsWebIdentity),
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_machine_that_asks_without_a_token_is_given_nothing() -> anyhow::Result<()> {
    // The first version of the service, which anybody's redirect could have led to, is never spoken.
    let first = Fake::start(|seen| if seen.method == "PUT" { refused(404) } else { imds(seen) }).await?;
    let error = refusal(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &first.place())]).await;
    assert_eq!(error.step, Step::AwsMachine);
    assert_eq!(first.seen().len(), 1);
    Ok(())
}
