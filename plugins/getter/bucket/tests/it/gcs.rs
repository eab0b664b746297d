//! Google Cloud Storage: the same as of S3, of a server that knows its API.

use std::sync::LazyLock;

use k1s_getter_address::{Address, Download, Origin, Policy, Secret, Source};
use k1s_getter_bucket::{Bucket, BucketError, Folder, Found};
use k1s_getter_net::{Class, Reference, Url};

use crate::gcs_server::Gcs;
use crate::moto::client;

/// More than a page.
const MANY: usize = 1005;

static SHARED: LazyLock<Gcs> = LazyLock::new(|| Gcs::start(MANY).expect("a server"));

/// Returns a bucket by what follows the API's path in its address, asked for with a token or without.
fn bucket(rest: &str, token: Option<&str>) -> anyhow::Result<Bucket> {
    let address = format!("gcs::https://www.googleapis.com/storage/v1/{rest}");
    let Source::Download(Download {
        origin: Origin::Gcs(gcs),
        ..
    }) = Address::parse(&address, &Policy::default())?.source
    else {
        anyhow::bail!("{address}");
    };
    let root = Url::parse(&format!("http://127.0.0.1:{}/", SHARED.port))?;
    let token = token.map(|token| Reference::Given(Secret::new(token)));
    Ok(Bucket::gcs(client(), &gcs, Some(root), token)?)
}

fn ours(rest: &str) -> anyhow::Result<Bucket> {
    bucket(rest, Some(&SHARED.token))
}

async fn folder(rest: &str) -> anyhow::Result<Folder> {
    match ours(rest)?.find().await? {
        Found::Folder(folder) => Ok(folder),
        Found::Object(entry) => anyhow::bail!("an object: {entry:?}"),
    }
}

fn paths(folder: &Folder) -> Vec<&str> {
    folder.entries.keys().map(|path| path.as_str()).collect()
}

async fn text(bucket: &Bucket) -> anyhow::Result<String> {
    let Found::Object(entry) = bucket.find().await? else {
        anyhow::bail!("not an object");
    };
    let answer = client().send(bucket.entry(&entry).await?).await?;
    let bytes = answer.into_body().collect(entry.bytes).await?;
    Ok(String::from_utf8(bytes.to_vec())?)
}

#[tokio::test]
async fn what_is_below_a_prefix_is_found_and_nothing_beside_it() -> anyhow::Result<()> {
    for rest in ["pail/team", "pail/team/"] {
        let team = folder(rest).await?;
        assert_eq!(paths(&team), ["a.yaml", "b/c d+ü&<.yaml"]);
        let bucket = ours(rest)?;
        for entry in team.entries.values() {
            let answer = client().send(bucket.entry(entry).await?).await?;
            assert_eq!(answer.into_body().collect(entry.bytes).await?, entry.key.as_bytes());
        }
    }
    let many = folder("pail/many").await?;
    assert_eq!(many.entries.len(), SHARED.many, "all pages");
    let odd = folder("pail/odd").await?;
    assert_eq!((paths(&odd), odd.refused_count), (vec!["good.yaml"], 1));
    Ok(())
}

#[tokio::test]
async fn an_object_is_found_as_one_and_in_its_generations() -> anyhow::Result<()> {
    let first = format!("kept/v.yaml#{}", SHARED.version);
    for (rest, expected) in [
        ("pail/team/a.yaml", "team/a.yaml"),
        ("kept/v.yaml", "second"),
        (&first, "first"),
    ] {
        let bucket = ours(rest)?;
        assert_eq!(text(&bucket).await?, expected, "{rest}");
        let answer = client().send(bucket.object().await?).await?;
        assert_eq!(answer.into_body().collect(20).await?, expected, "{rest}");
    }
    assert_eq!(text(&bucket("open/a.yaml", None)?).await?, "for everyone");
    Ok(())
}

#[tokio::test]
async fn what_is_asked_for_is_what_was_found_or_nothing() -> anyhow::Result<()> {
    let bucket = ours("pail/team/a.yaml")?;
    let Found::Object(mut entry) = bucket.find().await? else {
        anyhow::bail!("not an object");
    };
    entry.etag = "\"1\"".to_owned();
    let request = bucket.entry(&entry).await?;
    let error = client().send(request).await.expect_err("it is another");
    assert_eq!(error.class(), Class::Missing, "{error}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_and_who_may_not_are_told_apart() -> anyhow::Result<()> {
    let token = Some(SHARED.token.as_str());
    for (rest, token, class) in [
        ("pail/nothing", token, Class::Missing),
        ("pail/tea", token, Class::Missing),
        ("pail/team/a.yaml#1", token, Class::Missing),
        ("nowhere/a", token, Class::Missing),
        ("shut/a.yaml", token, Class::Permission),
        ("shut", token, Class::Permission),
        ("half/app", token, Class::Permission),
        ("pail/team", Some("CANARY"), Class::Auth),
        ("pail/team", Some("CANARY\n"), Class::Auth),
        ("pail/team", None, Class::Auth),
    ] {
        let error = bucket(rest, token)?.find().await.expect_err(rest);
        assert_eq!(error.class(), class, "{rest}: {error}");
        assert!(!format!("{error} {error:?}").contains("CANARY"));
    }
    let missing = ours("pail/tea")?.find().await;
    assert!(matches!(missing, Err(BucketError::Missing)), "`tea` is not `team`");
    Ok(())
}
