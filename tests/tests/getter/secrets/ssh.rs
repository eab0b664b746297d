//! The same of what lets somebody in over SSH, at OpenSSH's own server: a private key and its passphrase, which no server is told.

use std::fs;

use anyhow::Context as _;
use k1s_tests::canary::{Canary, Search};
use k1s_tests::processes::children;
use k1s_tests::program;
use k1s_tests::repository::Repository;
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use k1s_tests::sshd::Sshd;
use rustix::process::Signal;
use serde_json::json;

use crate::stage::Stage;

#[test]
fn s01_a_key_of_ssh_and_its_passphrase_show_nowhere() -> anyhow::Result<()> {
    let server = Sshd::start(&["ed25519"], &["AcceptEnv GIT_PROTOCOL"])?;
    let passphrase = Canary::new("Passphrase");
    let key = fs::read_to_string(server.user_key("key", "ed25519", passphrase.text())?)?;
    let private = Canary::of_key(&key).context("a private key")?;
    let scene = Scene::new()?;
    let repository = Repository::make(scene.outside("repository"))?;
    repository.commit("apps", &[("a.yaml".to_owned(), config_map("a", "1"))])?;
    let known = server.known_hosts("ed25519")?;
    let files = [("key", key.as_str()), ("passphrase", passphrase.text())];
    for (name, text) in files {
        fs::write(scene.outside(name), text)?;
    }
    let config = json!({
        "source": format!("git::ssh://git@{}{}//apps", server.address(), repository.path().display()),
        "credentials": {"sshKey": "@key", "sshKeyPassphrase": "@passphrase", "knownHosts": known},
        "interval": "1h",
    });
    let stage = Stage::over(scene, config)?;
    let mut command = stage.command(&stage.scene.data_dir(), &["--log-level", "trace"])?;
    let mut host = program::start(&mut command)?;
    host.until_printed("live:", DEADLINE)?;

    let search = Search::of(&[&passphrase, &private]);
    let given = files.map(|(name, _)| stage.scene.outside(name));
    let look = |host: &program::Running| {
        let (stdout, stderr) = host.printed()?;
        search.look("standard output", stdout.as_bytes())?;
        search.look("standard error", stderr.as_bytes())?;
        let status = stage.scene.host(&["status", "-o", "yaml"])?;
        search.look("the status", (status.stdout + &status.stderr).as_bytes())?;
        search.look_below(&stage.scene.outside(""), &given)?;
        children(host.id())
            .into_iter()
            .try_for_each(|plugin| search.look_at(plugin))
    };
    let asked = |code: i32| stage.scene.host(&["sync", "getter", "--wait"])?.expect_code(code);
    look(&host)?;
    // The server is another, does not let the key in, and is as it was.
    let lines = fs::read_to_string(&known)?;
    fs::write(&known, "")?;
    asked(1)?;
    look(&host)?;
    fs::write(&known, lines)?;
    let authorized = server.path("authorized");
    let keys = fs::read_to_string(&authorized)?;
    fs::write(&authorized, "")?;
    asked(1)?;
    look(&host)?;
    fs::write(&authorized, keys)?;
    asked(0)?;
    look(&host)?;
    host.signal(Signal::INT)?;
    let finished = host.wait(DEADLINE)?;
    search.look("what was printed", (finished.stdout + &finished.stderr).as_bytes())?;
    search.look_below(&stage.scene.outside(""), &given)?;
    // What is looked for is found where it is.
    anyhow::ensure!(search.look("the key", key.as_bytes()).is_err());
    Ok(())
}
