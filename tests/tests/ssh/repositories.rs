//! Repositories of git behind SSH.

use anyhow::ensure;
use k1s_getter_git::{Cache, Dial, GitError, Limits, Pending, Remote, Revision, Stream, TransportError, Upload};
use k1s_getter_net::Reach;
use k1s_getter_ssh::{Identity, KnownHosts, Ssh};
use k1s_tests::repository::Repository;
use k1s_tests::sshd::Sshd;

use crate::logins::{secret, ssh};

/// Runs a program for each conversation.
struct Running {
    ssh: Ssh,
    command: String,
}

impl Dial for Running {
    fn dial(&self) -> Pending<'_, Box<dyn Stream>> {
        Box::pin(async {
            let program = self.ssh.run(&self.command, &Upload::ENVIRONMENT).await;
            Ok(Box::new(program.map_err(TransportError::new)?) as Box<dyn Stream>)
        })
    }
}

fn remote(ssh: &Ssh, path: &str) -> Remote {
    let command = Upload::command(path).unwrap_or_default();
    let running = Running {
        ssh: ssh.clone(),
        command,
    };
    Remote::new(Box::new(Upload::new(Box::new(running))), Limits::default())
}

/// In version 2 where the server lets the client say so, and in version 0 where it does not.
#[tokio::test]
async fn a_repository_is_read() -> anyhow::Result<()> {
    for (lines, fetches_files) in [(&["AcceptEnv GIT_PROTOCOL"][..], true), (&[], false)] {
        let server = Sshd::start(&["ed25519"], lines)?;
        let path = server.path("it's a $(repository)!");
        let repository = Repository::make(path.clone())?;
        let commit = repository.commit("apps", &[("one.yaml".to_owned(), "kind: One\n".to_owned())])?;
        let known = KnownHosts::file(server.known_hosts("ed25519")?);
        let key = Identity::parse(&secret(&server.user_key("user", "ed25519", "")?)?, None)?;
        let ssh = ssh(&server, known, Reach::trusted())?.with(key);
        let mut remote = remote(&ssh, &path.display().to_string());
        let target = remote.resolve(&[Revision::parse("main")?]).await?.remove(0)?;
        ensure!(target.commit.to_string() == commit);
        let directory = tempfile::tempdir()?;
        let cache = Cache::open(&directory.path().join("cache"))?;
        let fetched = remote.fetch(&cache, &target, None).await?;
        let files = cache.objects(&Limits::default())?.list(&fetched.tree)?;
        ensure!(files.len() == 1 && files[0].path == "apps/one.yaml");
        ensure!(cache.objects(&Limits::default())?.has(&files[0].id)? != fetches_files);
        remote.fetch_blobs(&cache, &[files[0].id]).await?;
        ensure!(cache.objects(&Limits::default())?.blob(&files[0].id, 100)? == b"kind: One\n");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_repository_is_told_in_the_servers_words() -> anyhow::Result<()> {
    let server = Sshd::start(&["ed25519"], &[])?;
    let known = KnownHosts::file(server.known_hosts("ed25519")?);
    let key = Identity::parse(&secret(&server.user_key("user", "ed25519", "")?)?, None)?;
    let ssh = ssh(&server, known, Reach::trusted())?.with(key);
    let error = remote(&ssh, "/nothing")
        .resolve(&[Revision::Default])
        .await
        .unwrap_err();
    ensure!(
        matches!(error, GitError::Wire(_)) && error.to_string().contains("'/nothing'"),
        "{error}"
    );
    Ok(())
}
