//! What an origin can come to, what is then said of its source, and what becomes of the objects: they stay.
//!
//! Each state is brought about at a real server under a host that runs, and taken back.

use anyhow::{Context as _, ensure};
use k1s_tests::daemon::Daemon;
use k1s_tests::eventually;
use k1s_tests::repository::{GitDaemon, Repository};
use k1s_tests::scene::{DEADLINE, Scene, config_map};
use k1s_tests::web::{Page, Web};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::stage::{Stage, archive, values};

/// What there is before anything goes wrong.
const FIRST: [&str; 2] = ["a=1", "b=1"];

/// A source under a host that runs, and what is said of it.
pub(crate) struct Followed(pub(crate) Daemon);

impl Followed {
    fn start(stage: Stage) -> anyhow::Result<Self> {
        let followed = Self(stage.live()?);
        assert_eq!(values(&followed.0.scene)?, FIRST);
        Ok(followed)
    }

    /// Lets the source ask now, and waits until what came of it is known.
    pub(crate) fn ask(&self) -> anyhow::Result<()> {
        let asked = self.0.scene.host(&["sync", "getter", "--wait"])?;
        ensure!(matches!(asked.status.code(), Some(0 | 1)), "{asked:?}");
        Ok(())
    }

    /// Status, reason and message of a condition, if there is one.
    pub(crate) fn condition(&self, kind: &str) -> anyhow::Result<Option<[String; 3]>> {
        self.0.scene.condition("getter", kind)
    }

    /// Waits until a condition is true and says something.
    pub(crate) fn until(&self, kind: &str, said: &str) -> anyhow::Result<[String; 3]> {
        let mut last = None;
        let waited = eventually(DEADLINE, &format!("{kind} says {said:?}"), || {
            last = self.condition(kind)?;
            let is_so = |found: &&[String; 3]| found[0] == "True" && found[2].contains(said);
            Ok(last.as_ref().filter(is_so).cloned())
        });
        waited.with_context(|| format!("{last:?}\n{:?}", self.0.printed()))
    }

    /// Waits until it is stale for a reason, with every object as it was and the source not ready.
    fn until_stale(&self, said: &str) -> anyhow::Result<()> {
        self.ask()?;
        self.until("Stale", said)?;
        let ready = self.condition("Ready")?.context("whether it is ready")?;
        ensure!(ready[0] == "False", "{ready:?}");
        assert_eq!(values(&self.0.scene)?, FIRST, "{said}");
        ensure!(self.0.deleted()?.is_empty(), "{:?}", self.0.deleted()?);
        Ok(())
    }

    /// Waits until it is ready, and nothing else is said.
    pub(crate) fn until_ready(&self) -> anyhow::Result<()> {
        let mut last = None;
        let waited = eventually(DEADLINE, "it is ready", || {
            self.ask()?;
            last = self.condition("Ready")?;
            let is_stale = self.condition("Stale")?.is_some();
            let is_ready = last.as_ref().is_some_and(|ready| ready[0] == "True");
            Ok((is_ready && !is_stale).then_some(()))
        });
        waited.with_context(|| format!("{last:?}\n{:?}", self.0.printed()))
    }

    /// Waits until these are the objects.
    pub(crate) fn until_values(&self, expected: &[&str]) -> anyhow::Result<()> {
        let mut last = Vec::new();
        let waited = eventually(DEADLINE, &format!("the objects are {expected:?}"), || {
            self.ask()?;
            last = values(&self.0.scene)?;
            Ok((last == expected).then_some(()))
        });
        waited.with_context(|| format!("{last:?}\n{:?}", self.0.printed()))
    }
}

/// An archive behind HTTP with a checksum beside it.
struct Archive {
    web: Web,
    followed: Followed,
}

const ARCHIVE: &str = "/b.tar.gz";
const SUMS: &str = "/SHA256SUMS";

impl Archive {
    fn start() -> anyhow::Result<Self> {
        let (web, scene) = (Web::start()?, Scene::new()?);
        put(&web, &archive(&scene, &[("a", "1"), ("b", "1")])?);
        let source = format!("{}//top?checksum=file:{}", web.url(ARCHIVE), web.url(SUMS));
        let config = json!({"source": source, "allow": ["http"], "interval": "1h"});
        let followed = Followed::start(Stage::over(scene, config)?)?;
        Ok(Self { web, followed })
    }

    /// Lets the archive be this, and its checksum that of what it is.
    fn put(&self, manifests: &[(&str, &str)]) -> anyhow::Result<Vec<u8>> {
        let bytes = archive(&self.followed.0.scene, manifests)?;
        put(&self.web, &bytes);
        Ok(bytes)
    }
}

fn put(web: &Web, archive: &[u8]) {
    let sum: String = Sha256::digest(archive)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    web.put(SUMS, Page::of(format!("{sum}  b.tar.gz\n")));
    web.put(ARCHIVE, Page::of(archive));
}

#[test]
fn a_file_that_cannot_be_had_takes_nothing_away_and_comes_back() -> anyhow::Result<()> {
    let Archive { web, followed } = &Archive::start()?;
    let good = archive(&followed.0.scene, &[("a", "1"), ("b", "1")])?;
    web.go_down();
    followed.until_stale("UNAVAILABLE")?;
    web.come_back();
    followed.until_ready()?;
    for (page, said) in [
        (Page::status(500), "it answers 500"),
        (Page::status(503), "UNAVAILABLE"),
        (Page::status(401), "AUTH"),
        (Page::status(403), "PERMISSION"),
        (Page::status(404), "ROOT_NOT_FOUND"),
        (Page::status(410), "ROOT_NOT_FOUND"),
        (Page::status(204), "204"),
        (Page::status(202), "202"),
        (Page::of(""), "the checksum"),
        (
            Page::of([good.clone(), vec![0]].concat()).cut_at(good.len() / 2),
            "the answer was cut",
        ),
        (Page::of(good[..good.len() / 2].to_vec()), "the checksum"),
        (Page::of("<html>down for maintenance</html>"), "a page for people"),
    ] {
        web.put(ARCHIVE, page);
        followed.until_stale(said)?;
        put(web, &good);
        followed.until_ready()?;
    }
    assert_eq!(values(&followed.0.scene)?, FIRST);
    Ok(())
}

/// The archive and what is said of it are not of one time, in either order.
#[test]
fn a_checksum_that_no_longer_fits_holds_the_last_state() -> anyhow::Result<()> {
    let followed = Archive::start()?;
    let web = &followed.web;
    let other = archive(&followed.followed.0.scene, &[("a", "2")])?;
    web.put(ARCHIVE, Page::of(other));
    followed.followed.until_stale("the checksum is sha256:")?;
    followed.put(&[("a", "1"), ("b", "1")])?;
    followed.followed.until_ready()?;
    web.put(SUMS, Page::of(format!("{}  b.tar.gz\n", "0".repeat(64))));
    followed.followed.until_stale("the checksum is sha256:")?;
    web.put(SUMS, Page::of("nothing\n"));
    followed.followed.until_stale("has none for `b.tar.gz`")?;
    web.put(SUMS, Page::status(404));
    followed.followed.until_stale("ROOT_NOT_FOUND")?;
    followed.put(&[("a", "2"), ("b", "1")])?;
    followed.followed.until_values(&["a=2", "b=1"])?;
    followed.followed.until_ready()
}

#[test]
fn an_origin_that_limits_its_rate_is_left_alone_and_that_is_said() -> anyhow::Result<()> {
    let Archive { web, followed } = &Archive::start()?;
    for (status, said) in [(429, "RATE_LIMITED"), (503, "to ask again in 1 s")] {
        web.put(ARCHIVE, Page::status(status).with("Retry-After", "1"));
        followed.until_stale(said)?;
        followed.until_ready_with(web)?;
    }
    web.put(ARCHIVE, Page::status(429).with("Retry-After", "3000"));
    followed.until_stale("RATE_LIMITED")?;
    put(web, &archive(&followed.0.scene, &[("a", "2"), ("b", "1")])?);
    let asked = web.asked().len();
    for _ in 0..3 {
        followed.ask()?;
    }
    assert_eq!(web.asked().len(), asked, "it is asked although it asked not to be");
    followed.until_stale("RATE_LIMITED")
}

/// Some of what comes cannot be used: that stays as it was, and the rest goes on.
#[test]
fn what_of_an_origin_is_broken_stays_and_the_rest_goes_on() -> anyhow::Result<()> {
    let followed = Archive::start()?;
    let bytes = archive(&followed.followed.0.scene, &[("a", "2"), ("b", "1"), ("c", "1")])?;
    let broken = with_broken(&followed.followed.0.scene, &bytes, "b.yaml")?;
    put(&followed.web, &broken);
    followed.followed.until_values(&["a=2", "b=1", "c=1"])?;
    let failures = followed
        .followed
        .0
        .scene
        .host(&["status", "getter", "-o", "json"])?
        .stdout;
    ensure!(
        failures.contains("b.yaml") && failures.contains("DATA_INVALID"),
        "{failures}"
    );
    followed.put(&[("a", "2"), ("b", "2"), ("c", "1")])?;
    followed.followed.until_values(&["a=2", "b=2", "c=1"])?;
    followed.followed.until_ready()
}

/// The archive with a manifest that is none.
fn with_broken(scene: &Scene, archive: &[u8], name: &str) -> anyhow::Result<Vec<u8>> {
    let folder = tempfile::tempdir_in(scene.outside(""))?;
    let (old, new) = (folder.path().join("old.tar.gz"), folder.path().join("new.tar.gz"));
    std::fs::write(&old, archive)?;
    let script = format!("tar xzf old.tar.gz && echo 'kind: [' > top/{name} && tar czf new.tar.gz top");
    let status = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .status()?;
    ensure!(status.success(), "{script}");
    Ok(std::fs::read(new)?)
}

impl Followed {
    /// As [`Followed::until_ready`], once the server has the archive again.
    fn until_ready_with(&self, web: &Web) -> anyhow::Result<()> {
        put(web, &archive(&self.0.scene, &[("a", "1"), ("b", "1")])?);
        self.until_ready()
    }
}

/// Who serves a repository.
pub(crate) enum Server {
    Daemon(GitDaemon),
    Http(Web),
    /// Nobody: it is read where it is.
    Directory(std::path::PathBuf),
}

impl Server {
    fn go_down(&self) {
        match self {
            Self::Daemon(daemon) => daemon.go_down(),
            Self::Http(web) => web.go_down(),
            Self::Directory(_) => {}
        }
    }

    fn come_back(&self) {
        match self {
            Self::Daemon(daemon) => daemon.come_back(),
            Self::Http(web) => web.come_back(),
            Self::Directory(_) => {}
        }
    }
}

/// A repository on a server, of which one branch is followed.
pub(crate) struct Branch {
    pub(crate) server: Server,
    pub(crate) repository: Repository,
    pub(crate) followed: Followed,
}

pub(crate) fn maps(values: &[(&str, &str)]) -> Vec<(String, String)> {
    let map = |(name, value): &(&str, &str)| (format!("{name}.yaml"), config_map(name, value));
    values.iter().map(map).collect()
}

impl Branch {
    pub(crate) fn start(serve: impl Fn(&Scene) -> anyhow::Result<Server>) -> anyhow::Result<Self> {
        let scene = Scene::new()?;
        let repository = Repository::make(scene.outside("served/repository"))?;
        repository.commit("apps", &maps(&[("a", "1"), ("b", "1")]))?;
        repository.git(&["branch", "live"])?;
        let server = serve(&scene)?;
        let place = match &server {
            Server::Daemon(daemon) => daemon.url("repository"),
            Server::Http(web) => web.url("/repository"),
            Server::Directory(base) => format!("file://{}/repository", base.display()),
        };
        let config = json!({
            "source": format!("git::{place}//apps?ref=live"), "allow": ["http", "git", "file"], "interval": "1h",
        });
        let followed = Followed::start(Stage::over(scene, config)?)?;
        Ok(Self {
            server,
            repository,
            followed,
        })
    }

    pub(crate) fn each(try_one: impl Fn(&Self) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let daemon = |scene: &Scene| Ok(Server::Daemon(GitDaemon::over(&scene.outside("served"))?));
        try_one(&Self::start(daemon)?).context("of git daemon")?;
        let http = |scene: &Scene| {
            let web = Web::start()?;
            web.serve_repositories(&scene.outside("served"));
            Ok(Server::Http(web))
        };
        try_one(&Self::start(http)?).context("of git http-backend")
    }
}

#[test]
fn a_repository_that_is_gone_takes_nothing_away_and_comes_back() -> anyhow::Result<()> {
    Branch::each(|branch| {
        let Branch {
            server,
            repository,
            followed,
        } = branch;
        server.go_down();
        followed.until_stale("UNAVAILABLE")?;
        server.come_back();
        followed.until_ready()?;

        let away = followed.0.scene.outside("away");
        std::fs::rename(repository.path(), &away)?;
        let said = match server {
            Server::Http(_) => "ROOT_NOT_FOUND",
            Server::Daemon(_) | Server::Directory(_) => "UNAVAILABLE",
        };
        followed.until_stale(said)?;
        std::fs::rename(&away, repository.path())?;
        followed.until_ready()?;

        repository.git(&["branch", "--move", "live", "other"])?;
        followed.until_stale("ROOT_NOT_FOUND")?;
        repository.git(&["branch", "--move", "other", "live"])?;
        followed.until_ready()
    })
}

#[test]
fn a_branch_that_is_forced_elsewhere_is_followed_there() -> anyhow::Result<()> {
    Branch::each(|branch| {
        let Branch {
            repository, followed, ..
        } = branch;
        repository.commit("apps", &maps(&[("a", "2"), ("b", "1"), ("c", "1")]))?;
        repository.git(&["branch", "--force", "live", "main"])?;
        followed.until_values(&["a=2", "b=1", "c=1"])?;
        // Back, and then to a commit without parents that the repository has beside its history.
        repository.git(&["branch", "--force", "live", "main~1"])?;
        followed.until_values(&["a=1", "b=1"])?;
        let beside = repository.git(&["commit-tree", "main^{tree}", "-m", "Another beginning"])?;
        repository.git(&["branch", "--force", "live", &beside])?;
        followed.until_values(&["a=2", "b=1", "c=1"])?;
        followed.until_ready()
    })
}

/// A file that the server cannot hand out, of a commit that it names: nothing of that commit is taken.
#[test]
fn a_commit_of_which_some_is_missing_is_not_taken() -> anyhow::Result<()> {
    Branch::each(|branch| {
        let Branch {
            repository, followed, ..
        } = branch;
        repository.commit("apps", &maps(&[("a", "2"), ("c", "1")]))?;
        let lost = repository.git(&["rev-parse", "main:apps/c.yaml"])?;
        let object = repository.path().join(".git/objects").join(&lost[..2]).join(&lost[2..]);
        let kept = followed.0.scene.outside("kept");
        std::fs::rename(&object, &kept)?;
        repository.git(&["branch", "--force", "live", "main"])?;
        followed.until_stale("")?;
        std::fs::rename(&kept, &object)?;
        followed.until_values(&["a=2", "c=1"])?;
        followed.until_ready()
    })
}

#[test]
fn a_forge_that_refuses_or_limits_takes_nothing_away() -> anyhow::Result<()> {
    let http = |scene: &Scene| {
        let web = Web::start()?;
        web.serve_repositories(&scene.outside("served"));
        Ok(Server::Http(web))
    };
    let Branch { server, followed, .. } = &Branch::start(http)?;
    let Server::Http(web) = server else {
        anyhow::bail!("it is served over HTTP");
    };
    let references = "/repository/info/refs";
    for (page, said) in [
        (Page::status(401), "AUTH"),
        (Page::status(403), "PERMISSION"),
        (Page::status(404), "ROOT_NOT_FOUND"),
        (Page::status(500), "UNAVAILABLE"),
        (Page::status(429).with("Retry-After", "1"), "RATE_LIMITED"),
        (Page::of("<html>Sign in</html>").with("Content-Type", "text/html"), ""),
    ] {
        for path in [references, "/repository/git-upload-pack"] {
            web.put(path, page.clone());
        }
        followed.until_stale(said)?;
        for path in [references, "/repository/git-upload-pack"] {
            web.take(path);
        }
        followed.until_ready()?;
    }
    Ok(())
}
