//! Repositories of Mercurial, behind its own server.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use k1s_tests::scene::{Scene, config_map};
use serde_json::json;

use crate::emulator::set_up;
use crate::stage::{Stage, values};

/// The path of a program `hg`, instead of the one that is set up here.
const OVERRIDE: &str = "K1S_HG";
/// Installs Mercurial below a target directory, unless it is there, and prints the program's path.
const BUILD: &str = r#"
set -eu
package=mercurial==7.2.4
place=$1/mercurial/${package##*=}
if [ ! -e "$place/ready" ]; then
    python3 -m venv "$place"
    "$place/bin/pip" install --quiet --disable-pip-version-check "$package" >&2
    touch "$place/ready"
fi
echo "$place/bin/hg"
"#;

/// A repository that is served.
struct Repository {
    hg: PathBuf,
    directory: PathBuf,
    url: String,
    server: Child,
}

impl Drop for Repository {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

impl Repository {
    /// Begins one in a scene, with two manifests below `shop`, one beside, a link, and what would run if a program did.
    fn new(scene: &Scene) -> anyhow::Result<Self> {
        let hg = program()?;
        let directory = scene.outside("repository");
        fs::create_dir(&directory)?;
        run(&hg, &directory, &["init"])?;
        let mut server = command(
            &hg,
            &directory,
            &[
                "serve",
                "--address",
                "127.0.0.1",
                "--port",
                "0",
                "--accesslog",
                "/dev/null",
                "--print-url",
            ],
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
        let mut line = String::new();
        BufReader::new(server.stdout.take().context("its output")?).read_line(&mut line)?;
        let port = line
            .trim()
            .trim_end_matches('/')
            .rsplit(':')
            .next()
            .context("a port")?
            .to_owned();
        let made = Self {
            hg,
            directory,
            url: format!("hg::http://127.0.0.1:{port}/"),
            server,
        };
        for (path, name) in [
            ("shop/a.yaml", "a"),
            ("shop/deep er/b.yaml", "b"),
            ("shop-other/c.yaml", "c"),
        ] {
            made.write(path, &config_map(name, "1"))?;
        }
        made.write("shop/.sourceignore", "left-out.yaml\n")?;
        made.write("shop/left-out.yaml", &config_map("out", "1"))?;
        symlink("/etc/hostname", made.directory.join("shop/link.yaml"))?;
        made.commit("one")?;
        Ok(made)
    }

    fn write(&self, path: &str, text: &str) -> anyhow::Result<()> {
        let path = self.directory.join(path);
        fs::create_dir_all(path.parent().context("a directory")?)?;
        Ok(fs::write(path, text)?)
    }

    fn commit(&self, message: &str) -> anyhow::Result<String> {
        run(&self.hg, &self.directory, &["addremove", "--quiet"])?;
        run(
            &self.hg,
            &self.directory,
            &["commit", "--message", message, "--user", "kim"],
        )?;
        let node = run(
            &self.hg,
            &self.directory,
            &["log", "--rev", ".", "--template", "{node}"],
        )?;
        Ok(node)
    }

    fn address(&self, rest: &str) -> String {
        format!("{}{rest}", self.url)
    }
}

fn program() -> anyhow::Result<PathBuf> {
    match std::env::var_os(OVERRIDE) {
        Some(hg) => Ok(PathBuf::from(hg)),
        None => set_up("mercurial", |target| {
            let mut command = Command::new("sh");
            command.args(["-c", BUILD, "build"]).arg(target);
            command
        }),
    }
}

fn command(hg: &PathBuf, directory: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(hg);
    command.args(arguments).current_dir(directory);
    command
        .env("HGRCPATH", "")
        .env("HGENCODING", "UTF-8")
        .stdin(Stdio::null());
    command
}

fn run(hg: &PathBuf, directory: &PathBuf, arguments: &[&str]) -> anyhow::Result<String> {
    let done = command(hg, directory, arguments).output()?;
    ensure!(
        done.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(String::from_utf8(done.stdout)?)
}

fn stage(scene: Scene, source: &str) -> anyhow::Result<Stage> {
    Stage::over(scene, json!({"source": source, "allow": ["http"], "interval": "1s"}))
}

#[test]
fn a_repository_of_mercurial_is_followed() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let repository = Repository::new(&scene)?;
    let mut daemon = stage(scene, &repository.address("/shop"))?.live()?;
    assert_eq!(values(&daemon.scene)?, ["a=1", "b=1"]);
    repository.write("shop/a.yaml", &config_map("a", "2"))?;
    repository.commit("two")?;
    daemon.until("updated", "ConfigMap shop/a", 1)?;
    fs::remove_file(repository.directory.join("shop/deep er/b.yaml"))?;
    repository.commit("three")?;
    daemon.until("deleted", "ConfigMap shop/b", 1)?;
    assert_eq!(values(&daemon.scene)?, ["a=2"]);
    daemon.stop()?;
    Ok(())
}

#[test]
fn a_revision_of_mercurial_is_a_branch_a_tag_or_a_changeset() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let repository = Repository::new(&scene)?;
    let hg = |arguments: &[&str]| run(&repository.hg, &repository.directory, arguments);
    let first = hg(&["log", "--rev", ".", "--template", "{node}"])?;
    hg(&["tag", "--user", "kim", "v1.0"])?;
    hg(&["branch", "--quiet", "next/one"])?;
    repository.write("shop/a.yaml", &config_map("a", "2"))?;
    let second = repository.commit("two")?;
    for (revision, expected) in [
        ("", "a=1"),
        ("?rev=v1.0", "a=1"),
        ("?rev=next/one", "a=2"),
        (&format!("?rev={first}"), "a=1"),
        (&format!("?rev={}", &second[..12]), "a=2"),
    ] {
        let stage = stage(Scene::new()?, &repository.address(&format!("/shop{revision}")))?;
        stage.once(0)?;
        assert_eq!(values(&stage.scene)?, [expected, "b=1"], "{revision}");
        let again = stage.once(0)?;
        ensure!(again.stdout.contains("nothing written"), "{}", again.stdout);
    }
    Ok(())
}

#[test]
fn what_a_repository_of_mercurial_lacks_takes_nothing_away() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let repository = Repository::new(&scene)?;
    let stage = stage(scene, &repository.address("/shop"))?;
    stage.once(0)?;
    // Mercurial's own server fails at such names.
    repository.write("shop/ü.yaml", &config_map("u", "1"))?;
    repository.write("shop/a.yaml", &config_map("a", "2"))?;
    repository.commit("odd")?;
    let odd = stage.once(1)?;
    ensure!(odd.stdout.contains("not of ASCII"), "{}", odd.stdout);
    assert_eq!(values(&stage.scene)?, ["a=2", "b=1"]);

    let unknown = self::stage(Scene::new()?, &repository.address("/shop?rev=gone"))?.once(1)?;
    ensure!(unknown.stdout.contains("no such revision"), "{}", unknown.stdout);
    drop(repository);
    let down = stage.once(1)?;
    ensure!(down.stdout.contains("UNAVAILABLE"), "{}", down.stdout);
    assert_eq!(values(&stage.scene)?, ["a=2", "b=1"]);
    Ok(())
}
