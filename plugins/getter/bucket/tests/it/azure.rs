//! Azure's blobs: the same as of S3, of a server that checks signatures.

use std::sync::LazyLock;

use k1s_getter_address::{Address, Download, Origin, Policy, Secret, Source, Transport};
use k1s_getter_bucket::{AzureAccess, Bucket, BucketError, Folder, Found};
use k1s_getter_net::{Class, Reference};

use crate::azure_server::Azurite;
use crate::moto::client;

/// More than a page.
const MANY: usize = 1005;

static SHARED: LazyLock<Azurite> = LazyLock::new(|| Azurite::start(MANY).expect("a server"));

/// Returns a container by what follows the account in its address.
fn bucket(rest: &str, access: Option<AzureAccess>) -> anyhow::Result<Bucket> {
    let address = format!("azure::http://127.0.0.1:{}/{}/{rest}", SHARED.port, SHARED.account);
    let Source::Download(Download {
        origin: Origin::Azure(azure),
        ..
    }) = Address::parse(&address, &Policy::default().allowing(Transport::Http))?.source
    else {
        anyhow::bail!("{address}");
    };
    Ok(Bucket::azure(client(), &azure, access)?)
}

fn keyed(key: &str) -> Option<AzureAccess> {
    Some(AzureAccess::Key(Reference::Given(Secret::new(key))))
}

async fn folder(bucket: &Bucket) -> anyhow::Result<Folder> {
    match bucket.find().await? {
        Found::Folder(folder) => Ok(folder),
        Found::Object(entry) => anyhow::bail!("an object: {entry:?}"),
    }
}

fn paths(folder: &Folder) -> Vec<&str> {
    folder.entries.keys().map(|path| path.as_str()).collect()
}

#[tokio::test]
async fn what_is_below_a_prefix_is_found_by_key_and_by_signature() -> anyhow::Result<()> {
    let signed = |rest: &str| bucket(&format!("{rest}?{}", SHARED.full), None);
    let ours = |rest: &str| bucket(rest, keyed(&SHARED.key));
    for bucket in [ours("pail/team")?, ours("pail/team/")?, signed("pail/team")?] {
        let team = folder(&bucket).await?;
        assert_eq!(paths(&team), ["a.yaml", "b/c d+ü&<.yaml"]);
        for entry in team.entries.values() {
            let answer = client().send(bucket.entry(entry).await?).await?;
            assert_eq!(answer.into_body().collect(entry.bytes).await?, entry.key.as_bytes());
        }
    }
    assert_eq!(
        folder(&ours("pail/many")?).await?.entries.len(),
        SHARED.many,
        "all pages"
    );
    let odd = folder(&ours("pail/odd")?).await?;
    assert_eq!((paths(&odd), odd.refused_count), (vec!["good.yaml"], 1));
    assert_eq!(paths(&folder(&bucket("open", None)?).await?), ["a.yaml"]);
    Ok(())
}

#[tokio::test]
async fn an_object_is_asked_for_as_it_was_found() -> anyhow::Result<()> {
    let bucket = bucket("pail/team/a.yaml", keyed(&SHARED.key))?;
    let Found::Object(mut entry) = bucket.find().await? else {
        anyhow::bail!("not an object");
    };
    for request in [bucket.entry(&entry).await?, bucket.object().await?] {
        let answer = client().send(request).await?;
        assert_eq!(answer.into_body().collect(entry.bytes).await?, "team/a.yaml");
    }
    entry.etag = "\"0x1\"".to_owned();
    let error = client()
        .send(bucket.entry(&entry).await?)
        .await
        .expect_err("it is another");
    assert_eq!(error.class(), Class::Unavailable, "{error}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_and_who_may_not_are_told_apart() -> anyhow::Result<()> {
    let ours = || keyed(&SHARED.key);
    let reading = format!("pail/team?{}", SHARED.reading);
    let tampered = format!("pail/team?{}", SHARED.full.replace("sp=rl", "sp=racwdl"));
    for (rest, access, class) in [
        ("pail/nothing", ours(), Class::Missing),
        ("pail/tea", ours(), Class::Missing),
        ("nowhere/a", ours(), Class::Missing),
        ("pail/team", keyed("Q0FOQVJZ"), Class::Permission),
        ("pail/team", keyed("CANARY!"), Class::Auth),
        (&reading, None, Class::Permission),
        (&tampered, None, Class::Permission),
    ] {
        let error = bucket(rest, access)?.find().await.expect_err(rest);
        assert_eq!(error.class(), class, "{rest}: {error}");
        let told = format!("{error} {error:?}");
        assert!(!told.contains("CANARY") && !told.contains("sig="), "{told}");
    }
    let missing = bucket("pail/tea", ours())?.find().await;
    assert!(matches!(missing, Err(BucketError::Missing)), "`tea` is not `team`");
    Ok(())
}
