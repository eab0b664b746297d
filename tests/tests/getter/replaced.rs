//! A repository in the place of another, at the same address: what it declares is applied, and nothing goes because of it until
//! somebody has accepted it.

use std::fs;

use anyhow::ensure;
use k1s_tests::repository::Repository;
use k1s_tests::scene::Scene;

use crate::stage::values;
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
