//! A repository in the place of another, at the same address: what it declares is applied, and nothing goes because of it until
//! somebody has accepted it.

use std::fs;

use anyhow::ensure;
use k1s_tests::repository::Repository;
use k1s_tests::scene::Scene;
use serde_json::json;

use crate::stage::{Stage, values};
use crate::states::{Branch, Server, maps};

fn replaced(branch: &Branch) -> anyhow::Result<()> {
    let Branch {
        repository, followed, ..
    } = branch;
    let scene = &followed.0.scene;
    fs::rename(repository.path(), scene.outside("away"))?;
    let other = Repository::make(repository.path().to_owned())?;
    other.commit("apps", &maps(&[("a", "9"), ("c", "1")]))?;
    other.git(&["branch", "live"])?;
    followed.until_values(&["a=9", "b=1", "c=1"])?;
    followed.until("RootChanged", "--accept-root")?;
    // It goes on, and is not taken for the first one by that.
    other.commit("apps", &maps(&[("a", "10"), ("c", "1")]))?;
    other.git(&["branch", "--force", "live", "main"])?;
    followed.until_values(&["a=10", "b=1", "c=1"])?;
    followed.until("RootChanged", "--accept-root")?;
    ensure!(followed.0.deleted()?.is_empty(), "{:?}", followed.0.deleted()?);

    scene
        .host(&["sync", "getter", "--accept-root", "--wait"])?
        .expect_code(0)?;
    assert_eq!(values(scene)?, ["a=10", "c=1"]);
    followed.until_ready()?;
    ensure!(followed.condition("RootChanged")?.is_none());
    other.commit("apps", &maps(&[("a", "10"), ("d", "1")]))?;
    other.git(&["branch", "--force", "live", "main"])?;
    followed.until_values(&["a=10", "d=1"])
}

#[test]
fn a_repository_in_the_place_of_another_deletes_nothing_until_it_is_accepted() -> anyhow::Result<()> {
    Branch::each(replaced)?;
    replaced(&Branch::start(|scene: &Scene| {
        Ok(Server::Directory(scene.outside("served")))
    })?)
}

/// A repository with the ConfigMaps `a` and `b`, and a source of it that has them.
fn taken() -> anyhow::Result<(Repository, Stage)> {
    let scene = Scene::new()?;
    let repository = Repository::make(scene.outside("repository"))?;
    repository.commit("apps", &maps(&[("a", "1"), ("b", "1")]))?;
    let source = format!("git::file://{}//apps", repository.path().display());
    let stage = Stage::over(scene, json!({"source": source, "allow": ["file"]}))?;
    stage.once(0)?;
    Ok((repository, stage))
}

/// Another repository takes the place of the first while the source asks for something else than before: what was taken is
/// remembered apart from what was asked for.
#[test]
fn a_repository_in_the_place_of_another_is_seen_with_other_limits_too() -> anyhow::Result<()> {
    let (repository, stage) = taken()?;
    fs::rename(repository.path(), stage.scene.outside("away"))?;
    Repository::make(repository.path().to_owned())?.commit("apps", &maps(&[("a", "2")]))?;
    let stage = stage.configured("maxFileBytes", json!(1_000_000));
    let held = stage.once(1)?;
    ensure!(
        held.stdout.contains("RootChanged") || held.stdout.contains("another"),
        "{}",
        held.stdout
    );
    assert_eq!(values(&stage.scene)?, ["a=2", "b=1"]);
    Ok(())
}

/// Where what was taken is forgotten nobody knows whether this is still the repository that it was of.
#[test]
fn nothing_goes_where_what_was_taken_is_forgotten_until_that_is_accepted() -> anyhow::Result<()> {
    let (repository, stage) = taken()?;
    let forget = || fs::remove_dir_all(stage.scene.outside("cache"));
    forget()?;
    repository.commit("apps", &maps(&[("a", "2")]))?;
    for value in ["3", "4"] {
        repository.commit("apps", &maps(&[("a", value)]))?;
        stage.once(1)?;
        assert_eq!(values(&stage.scene)?, [format!("a={value}").as_str(), "b=1"]);
    }
    // It is forgotten once more, before anybody has accepted it.
    forget()?;
    stage.once(1)?;
    assert_eq!(values(&stage.scene)?, ["a=4", "b=1"]);
    stage.scene.host(&["reset", "getter"])?.expect_code(0)?;
    stage.once(0)?;
    assert_eq!(values(&stage.scene)?, ["a=4"]);
    // With nothing new in it, what was accepted is told by the commit that it is at.
    forget()?;
    stage.once(0)?;
    repository.commit("apps", &maps(&[("c", "1")]))?;
    stage.once(0)?;
    assert_eq!(values(&stage.scene)?, ["c=1"]);
    Ok(())
}
