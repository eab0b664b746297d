//! What is found and fetched.

use k1s_getter_bucket::{Access, Bucket, BucketError, Folder, Found};
use k1s_getter_net::{Class, Reference};

use crate::moto::{Moto, client};

async fn folder(bucket: &Bucket) -> anyhow::Result<Folder> {
    match bucket.find().await? {
        Found::Folder(folder) => Ok(folder),
        Found::Object(entry) => anyhow::bail!("an object: {entry:?}"),
    }
}

fn paths(folder: &Folder) -> Vec<&str> {
    folder.entries.keys().map(|path| path.as_str()).collect()
}

async fn text(bucket: &Bucket, found: &Found) -> anyhow::Result<String> {
    let Found::Object(entry) = found else {
        anyhow::bail!("not an object: {found:?}");
    };
    let answer = client().send(bucket.entry(entry).await?).await?;
    Ok(String::from_utf8(
        answer.into_body().collect(entry.bytes).await?.to_vec(),
    )?)
}

#[tokio::test]
async fn what_is_below_a_prefix_is_found_and_nothing_beside_it() -> anyhow::Result<()> {
    let moto = Moto::shared();
    for rest in ["pail/team", "pail/team/"] {
        let bucket = moto.bucket(rest, Some(moto.access()))?;
        let folder = folder(&bucket).await?;
        assert_eq!(paths(&folder), ["a.yaml", "b/c d+ü&<.yaml"], "{rest}");
        for entry in folder.entries.values() {
            let answer = client().send(bucket.entry(entry).await?).await?;
            let body = answer.into_body().collect(100).await?;
            assert_eq!(String::from_utf8_lossy(&body), entry.key);
        }
    }
    Ok(())
}

#[tokio::test]
async fn pages_are_followed_to_the_end() -> anyhow::Result<()> {
    let moto = Moto::shared();
    let many = folder(&moto.bucket("pail/many", Some(moto.access()))?).await?;
    assert_eq!(many.entries.len(), moto.many);
    let all = folder(&moto.bucket("pail", Some(moto.access()))?).await?;
    assert_eq!(all.entries.len(), moto.many + 5);
    Ok(())
}

#[tokio::test]
async fn p07_keys_that_are_no_paths_are_reported() -> anyhow::Result<()> {
    let moto = Moto::shared();
    let odd = folder(&moto.bucket("pail/odd", Some(moto.access()))?).await?;
    assert_eq!(paths(&odd), ["good.yaml"]);
    let refused: Vec<&str> = odd.refused.keys().map(String::as_str).collect();
    assert_eq!(refused, ["odd/a//b.yaml", "odd/back\\slash.yaml"]);
    assert_eq!(odd.refused_count, 2);
    Ok(())
}

#[tokio::test]
async fn an_object_is_found_as_one_and_in_its_versions() -> anyhow::Result<()> {
    let moto = Moto::shared();
    let first = format!("my.pail/v.yaml?version={}", moto.version);
    for (rest, expected) in [
        ("pail/team/a.yaml", "team/a.yaml"),
        ("my.pail/a.yaml", "dotted"),
        ("my.pail/v.yaml", "second"),
        (&first, "first"),
    ] {
        let bucket = moto.bucket(rest, Some(moto.access()))?;
        assert_eq!(text(&bucket, &bucket.find().await?).await?, expected, "{rest}");
        let answer = client().send(bucket.object().await?).await?;
        let again = client()
            .send(bucket.object().await?.unless(&answer.validators()))
            .await?;
        assert!(again.is_unchanged(), "{rest}");
    }
    Ok(())
}

#[tokio::test]
async fn what_changed_since_it_was_listed_is_not_taken_for_it() -> anyhow::Result<()> {
    let moto = Moto::shared();
    let bucket = moto.bucket("my.pail/v.yaml", Some(moto.access()))?;
    let Found::Object(mut entry) = bucket.find().await? else {
        anyhow::bail!("not an object");
    };
    entry.etag = "\"another\"".to_owned();
    let error = client()
        .send(bucket.entry(&entry).await?)
        .await
        .expect_err("it is another");
    assert_eq!(error.class(), Class::Unavailable, "{error}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_and_who_may_not_are_told_apart() -> anyhow::Result<()> {
    let moto = Moto::shared();
    let access = || Some(moto.access());
    for (rest, access, class) in [
        ("pail/nothing", access(), Class::Missing),
        ("pail/tea", access(), Class::Missing),
        ("shut/a.yaml", access(), Class::Permission),
        ("shut", access(), Class::Permission),
        ("half/app", access(), Class::Permission),
        ("pail/team", Some(moto.access_with("CANARY")), Class::Permission),
    ] {
        let error = moto.bucket(rest, access)?.find().await.expect_err(rest);
        assert_eq!(error.class(), class, "{rest}: {error}");
        assert!(!format!("{error} {error:?}").contains("CANARY"));
    }
    Ok(())
}

#[tokio::test]
async fn a_key_is_read_when_it_is_used() -> anyhow::Result<()> {
    let moto = Moto::shared();
    let place = tempfile::tempdir()?;
    let path = place.path().join("secret");
    let access = Access {
        secret: Reference::File(path.clone()),
        ..moto.access()
    };
    let bucket = moto.bucket("pail/team/a.yaml", Some(access))?;
    let error = bucket.find().await.expect_err("no key");
    assert!(matches!(error, BucketError::Access(_)), "{error}");
    std::fs::write(&path, "wrong")?;
    assert_eq!(bucket.find().await.expect_err("a wrong key").class(), Class::Permission);
    let Reference::Given(secret) = moto.access().secret else {
        anyhow::bail!("no secret");
    };
    std::fs::write(&path, secret.expose())?;
    assert!(matches!(bucket.find().await?, Found::Object(_)));
    Ok(())
}
