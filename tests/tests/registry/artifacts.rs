//! What is pushed is what comes.

use std::io::Read as _;

use anyhow::Context as _;
use k1s_getter_address::{Address, Archive, Policy, Source};
use k1s_getter_net::{Class, Reach, Settings, Trust};
use k1s_getter_oci::{Access, Content, OciError, Registry as Remote};
use k1s_tests::authority::Authority;
use k1s_tests::registry::{Door, Registry};

/// How the registries of these tests are asked.
pub(crate) fn settings(authority: String) -> Settings {
    Settings {
        reach: Reach::trusted(),
        trust: Trust::Only(authority),
        ..Settings::default()
    }
}

/// What asks for an artifact of a registry of this machine.
pub(crate) fn remote(port: u16, artifact: &str, access: Access) -> anyhow::Result<Remote> {
    let address = Address::parse(&format!("oci://localhost:{port}/{artifact}"), &Policy::default())?;
    let Source::Oci(oci) = address.source else {
        anyhow::bail!("it is no artifact");
    };
    Ok(Remote::new(&oci, access)?)
}

async fn bytes(remote: &mut Remote, layer: &k1s_getter_oci::Layer) -> anyhow::Result<Vec<u8>> {
    let file = tempfile::tempfile()?;
    let mut taken = tokio::fs::File::from_std(file.try_clone()?);
    remote.layer(layer, &mut taken).await?;
    let (mut file, mut bytes) = (file, Vec::new());
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[tokio::test]
async fn what_is_pushed_is_what_comes() -> anyhow::Result<()> {
    let registry = Registry::start(Authority::new()?, Door::Open)?;
    let access = Access {
        settings: settings(registry.authority()),
        ..Access::default()
    };
    let files = [("a.yaml", "a: 1\n"), ("b.yaml", "b: 2\n"), ("folder/", "c: 3\n")];
    let pushed = registry.push("team/app:v1", &files, None)?;

    let mut remote_by_tag = remote(registry.port, "team/app:v1", access.clone())?;
    let digest = remote_by_tag.look().await?;
    assert_eq!(digest.to_string(), pushed);
    let manifest = remote_by_tag.manifest(&digest).await?;
    let [a, b, folder] = manifest.layers.as_slice() else {
        anyhow::bail!("it has other layers: {manifest:?}");
    };
    assert_eq!(
        (a.content(), b.content()),
        (Content::File("a.yaml"), Content::File("b.yaml"))
    );
    assert_eq!(bytes(&mut remote_by_tag, a).await?, b"a: 1\n");
    assert_eq!(bytes(&mut remote_by_tag, b).await?, b"b: 2\n");
    assert_eq!(folder.content(), Content::Archive(Archive::TarGz));
    assert!(bytes(&mut remote_by_tag, folder).await?.starts_with(&[0x1f, 0x8b]));

    // A tag that was moved stands for something else; a digest never does.
    let moved = registry.push("team/app:v1", &[("a.yaml", "a: 2\n")], Some("application/yaml"))?;
    assert_ne!(moved, pushed);
    assert_eq!(remote_by_tag.look().await?.to_string(), moved);
    let mut remote_by_digest = remote(registry.port, &format!("team/app@{pushed}"), access)?;
    assert_eq!(remote_by_digest.look().await?, digest);
    assert_eq!(remote_by_digest.manifest(&digest).await?, manifest);
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_missing() -> anyhow::Result<()> {
    let registry = Registry::start(Authority::new()?, Door::Open)?;
    let access = Access {
        settings: settings(registry.authority()),
        ..Access::default()
    };
    let pushed = registry.push("team/app:v1", &[("a.yaml", "a: 1\n")], None)?;
    for artifact in ["team/app:v2", "team/other:v1"] {
        let refused = remote(registry.port, artifact, access.clone())?.look().await;
        let OciError::Net(error) = refused.err().context("it is there")? else {
            anyhow::bail!("it failed otherwise");
        };
        assert_eq!(error.class(), Class::Missing, "{artifact}: {error}");
    }
    // One whose authority is not trusted is not asked.
    let mut stranger = access;
    stranger.settings.trust = Trust::Only(Authority::new()?.certificate());
    let mut refused = remote(registry.port, &format!("team/app@{pushed}"), stranger)?;
    let digest = refused.look().await?;
    let error = refused.manifest(&digest).await.err().context("it was asked")?;
    assert!(error.to_string().contains("certificate"), "{error}");
    Ok(())
}
