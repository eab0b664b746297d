//! Registries that want a password.

use anyhow::Context as _;
use k1s_getter_address::Secret;
use k1s_getter_net::{Class, Credential, Reference};
use k1s_getter_oci::{Access, OciError};
use k1s_tests::authority::Authority;
use k1s_tests::registry::{Door, PASSWORD, Registry, USER};

use crate::artifacts::{remote, settings};

pub(crate) fn credential(password: &str) -> Credential {
    Credential::Basic {
        user: Secret::new(USER),
        password: Reference::Given(Secret::new(password)),
    }
}

#[tokio::test]
async fn a_password_opens_the_door_and_nothing_else_does() -> anyhow::Result<()> {
    let registry = Registry::start(Authority::new()?, Door::Password)?;
    let pushed = registry.push("team/app:v1", &[("a.yaml", "a: 1\n")], None)?;
    let access = |credential| Access {
        settings: settings(registry.authority()),
        credential,
        ..Access::default()
    };
    let mut remote_with = remote(registry.port, "team/app:v1", access(Some(credential(PASSWORD))))?;
    assert_eq!(remote_with.look().await?.to_string(), pushed);
    for wrong in [None, Some(credential("another"))] {
        let mut remote_with = remote(registry.port, "team/app:v1", access(wrong))?;
        let error = remote_with.look().await.err().context("the door was open")?;
        let OciError::Net(error) = error else {
            anyhow::bail!("it failed otherwise: {error}");
        };
        assert_eq!(error.class(), Class::Auth, "{error}");
        assert!(!format!("{error} {error:?}").contains("another"), "{error:?}");
    }
    Ok(())
}
