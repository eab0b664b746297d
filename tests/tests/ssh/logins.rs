//! Who the server is, and who asks.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k1s_getter_address::Secret;
use k1s_getter_net::{Client, Peer, Reach, Settings};
use k1s_getter_ssh::{Identity, IdentityError, KnownHosts, KnownHostsError, Program, Ssh, SshError};
use k1s_tests::sshd::{Sshd, USER};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub(crate) fn secret(path: &Path) -> anyhow::Result<Secret> {
    Ok(Secret::new(&fs::read_to_string(path)?))
}

pub(crate) fn ssh(server: &Sshd, known: KnownHosts, reach: Reach) -> anyhow::Result<Ssh> {
    let settings = Settings {
        reach,
        ..Settings::default()
    };
    let peer = Peer::new(&server.address().ip().to_string(), server.address().port())?;
    Ok(Ssh::new(Client::new(settings)?, peer, USER, known)?)
}

/// Runs a command with a key, and returns what it says.
async fn said(ssh: &Ssh, command: &str) -> anyhow::Result<String> {
    let mut said = String::new();
    ssh.run(command, &[]).await?.read_to_string(&mut said).await?;
    Ok(said)
}

/// What is wrong with the server, for whoever knows `file`.
async fn fault(server: &Sshd, known: KnownHosts) -> anyhow::Result<KnownHostsError> {
    match ssh(server, known, Reach::trusted())?.run("true", &[]).await {
        Err(SshError::Host(fault)) => Ok(fault),
        other => anyhow::bail!("{other:?}"),
    }
}

#[tokio::test]
async fn whoever_has_the_key_gets_what_a_program_says() -> anyhow::Result<()> {
    let server = Sshd::start(&["ed25519"], &["AcceptEnv GIT_PROTOCOL"])?;
    let known = KnownHosts::file(server.known_hosts("ed25519")?);
    let server_for = |identity: Identity| anyhow::Ok(ssh(&server, known.clone(), Reach::trusted())?.with(identity));
    for (name, kind, passphrase) in [
        ("one", "ed25519", ""),
        ("two", "ecdsa", ""),
        ("three", "rsa", ""),
        ("four", "ed25519", "a canary"),
    ] {
        let key = secret(&server.user_key(name, kind, passphrase)?)?;
        let passphrase = Some(Secret::new(passphrase)).filter(|passphrase| !passphrase.expose().is_empty());
        let identity = Identity::parse(&key, passphrase.as_ref()).with_context(|| kind.to_owned())?;
        ensure!(!format!("{identity:?}").contains("PRIVATE"));
        ensure!(
            said(&server_for(identity)?, "echo out; echo in >&2").await? == "out\n",
            "{kind}"
        );
    }
    // In PEM, as old programs wrote it, and in base64, as addresses have it.
    let pem = server.user_key("five", "rsa", "")?;
    let status = Command::new("ssh-keygen")
        .args(["-q", "-p", "-m", "PEM", "-N", "", "-f"])
        .arg(&pem)
        .status()?;
    ensure!(status.success());
    let text = fs::read_to_string(&pem)?;
    ensure!(text.contains("BEGIN RSA PRIVATE KEY"));
    let identity = Identity::from_base64(&Secret::new(&BASE64_STANDARD.encode(text)))?;
    let ssh = server_for(identity)?;
    ensure!(said(&ssh, "echo $GIT_PROTOCOL").await? == "\n");
    let mut program: Program = ssh
        .run("echo $GIT_PROTOCOL; cat", &[("GIT_PROTOCOL", "version=2")])
        .await?;
    // More than a window of SSH, there and back.
    let bytes = vec![b'x'; 5 << 20];
    let (mut read, sent) = (vec![0; 10 + bytes.len()], bytes.clone());
    let (mut from, mut to) = tokio::io::split(&mut program);
    let writing = async { to.write_all(&sent).await };
    let reading = async { from.read_exact(&mut read).await };
    tokio::try_join!(writing, reading)?;
    ensure!(read.starts_with(b"version=2\n") && read.ends_with(&bytes));
    Ok(())
}

#[tokio::test]
async fn a_program_that_fails_says_why() -> anyhow::Result<()> {
    let server = Sshd::start(&["ed25519"], &[])?;
    let known = KnownHosts::file(server.known_hosts("ed25519")?);
    let key = secret(&server.user_key("user", "ed25519", "")?)?;
    let ssh = ssh(&server, known, Reach::trusted())?.with(Identity::parse(&key, None)?);
    for (command, expected) in [
        (
            "echo some; printf 'it is\\033 broken\\n' >&2; exit 3",
            "the server says: it is  broken",
        ),
        ("exit 1", "the server says: nothing, and ends"),
        ("kill -9 $$", "the server says: nothing, and ends"),
    ] {
        let error = said(&ssh, command).await.unwrap_err();
        ensure!(error.to_string() == expected, "{command}: {error}");
    }
    let mut long = said(&ssh, "yes error | head -n 100000 >&2; exit 1")
        .await
        .unwrap_err()
        .to_string();
    long.truncate(30);
    ensure!(long.starts_with("the server says: error error"), "{long}");
    Ok(())
}

#[tokio::test]
async fn who_has_no_key_or_another_is_told_so() -> anyhow::Result<()> {
    let server = Sshd::start(&["ed25519"], &[])?;
    let known = KnownHosts::file(server.known_hosts("ed25519")?);
    server.user_key("user", "ed25519", "")?;
    let nobody = ssh(&server, known, Reach::trusted())?;
    let error = nobody.run("true", &[]).await.map(drop).unwrap_err();
    ensure!(matches!(&error, SshError::NoKey(user) if user == USER), "{error}");
    let stranger = Identity::parse(&secret(&server.stranger("stranger", "ed25519", "")?)?, None)?;
    let error = nobody
        .clone()
        .with(stranger.clone())
        .run("true", &[])
        .await
        .map(drop)
        .unwrap_err();
    let is_told = |shown: &str| *shown == stranger.fingerprint();
    ensure!(
        matches!(&error, SshError::Refused { fingerprint, .. } if is_told(fingerprint)),
        "{error}"
    );

    let locked = secret(&server.stranger("locked", "ed25519", "a canary")?)?;
    ensure!(Identity::parse(&locked, None).err() == Some(IdentityError::Encrypted));
    let other = Secret::new("another");
    ensure!(Identity::parse(&locked, Some(&other)).err() == Some(IdentityError::Passphrase));
    for text in [
        "",
        "no key",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    ] {
        ensure!(
            Identity::parse(&Secret::new(text), None).err() == Some(IdentityError::Format),
            "{text}"
        );
    }
    ensure!(Identity::from_base64(&Secret::new("no base64!")).err() == Some(IdentityError::Base64));
    Ok(())
}

/// CVE-2023-22742 (G17): a server whose key is not known, is another, or must not be used any more, is told nothing.
#[tokio::test]
async fn g17_cve_2023_22742_a_server_that_is_not_known_to_be_itself_is_refused() -> anyhow::Result<()> {
    let server = Sshd::start(&["ed25519", "ecdsa"], &[])?;
    let other = Sshd::start(&["ed25519"], &[])?;
    let file = |name: &str, text: String| -> anyhow::Result<KnownHosts> {
        fs::write(server.path(name), text)?;
        Ok(KnownHosts::file(server.path(name)))
    };
    let (name, own, foreign) = (server.name(), server.host_key("ed25519")?, other.host_key("ed25519")?);
    let unknown = fault(&server, file("empty", String::new())?).await?;
    ensure!(matches!(&unknown, KnownHostsError::Unknown { .. }), "{unknown}");
    // It says the very line that makes it known.
    ensure!(unknown.to_string().contains(&format!("{name} {own}")), "{unknown}");
    ensure!(
        unknown
            .to_string()
            .contains(&server.path("empty").display().to_string()),
        "{unknown}"
    );
    let changed = fault(&server, file("changed", format!("# one\n{name} {foreign}\n"))?).await?;
    ensure!(
        matches!(&changed, KnownHostsError::Changed { line: 2, .. }),
        "{changed}"
    );
    let revoked = fault(&server, file("revoked", format!("{name} {own}\n@revoked * {own}\n"))?).await?;
    ensure!(
        matches!(&revoked, KnownHostsError::Revoked { line: 2, .. }),
        "{revoked}"
    );
    // The key of another port is none of this one.
    let (address, port) = (server.address().ip(), server.address().port());
    let elsewhere = fault(
        &server,
        file("port", format!("{address} {own}\n[{address}]:{} {own}\n", port ^ 1))?,
    )
    .await?;
    ensure!(matches!(&elsewhere, KnownHostsError::Unknown { .. }), "{elsewhere}");
    let missing = fault(&server, KnownHosts::file(server.path("none"))).await?;
    ensure!(matches!(&missing, KnownHostsError::File { .. }), "{missing}");
    let nowhere = fault(&server, KnownHosts::of_user(Some(&server.path("home")))).await?;
    ensure!(matches!(&nowhere, KnownHostsError::Unknown { .. }), "{nowhere}");
    ensure!(!server.log()?.contains("Accepted"), "nobody was let in");

    // Names that ssh-keygen hashed, and a server that is known by another kind of key than the first it would show.
    let key = Identity::parse(&secret(&server.user_key("user", "ed25519", "")?)?, None)?;
    let hashed = server.known_hosts("ecdsa")?;
    let status = Command::new("ssh-keygen")
        .args(["-q", "-H", "-f"])
        .arg(&hashed)
        .output()?;
    ensure!(status.status.success() && fs::read_to_string(&hashed)?.starts_with("|1|"));
    let known = ssh(&server, KnownHosts::file(hashed), Reach::trusted())?.with(key);
    ensure!(said(&known, "echo in").await? == "in\n");
    ensure!(server.log()?.contains("Accepted"));
    Ok(())
}

#[tokio::test]
async fn what_may_be_reached_is_the_clients() -> anyhow::Result<()> {
    let server = Sshd::start(&["ed25519"], &[])?;
    let known = KnownHosts::file(server.known_hosts("ed25519")?);
    let error = ssh(&server, known, Reach::untrusted())?
        .run("true", &[])
        .await
        .map(drop)
        .unwrap_err();
    ensure!(
        matches!(&error, SshError::Net(_)) && error.to_string().contains("loopback"),
        "{error}"
    );
    ensure!(server.log()?.is_empty());
    Ok(())
}

/// RUSTSEC-2023-0064, CVE-2025-21613 (G03): what looks like an option is no user.
#[test]
fn g03_rustsec_2023_0064_cve_2025_21613_users_are_names() -> anyhow::Result<()> {
    let client = Client::new(Settings::default())?;
    for user in ["", "-oProxyCommand=x", "-l", "a b", "a\nb", "a\0", &"a".repeat(300)] {
        let peer = Peer::new("example.com", 22)?;
        let made = Ssh::new(client.clone(), peer, user, KnownHosts::of_user(None));
        ensure!(made.is_err(), "{user:?}");
    }
    Ok(())
}

/// RUSTSEC-2026-0154 (G14): a server that never stops greeting, or sends a packet without end, is given up.
#[tokio::test]
async fn g14_rustsec_2026_0154_what_is_no_server_is_given_up() -> anyhow::Result<()> {
    for block in [
        &b"no greeting of SSH\r\n"[..],
        b"x",
        b"SSH-2.0-x\r\n\xff\xff\xff\xff\xff",
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = async {
            let (mut stream, _) = listener.accept().await?;
            loop {
                stream.write_all(block).await?;
            }
            #[expect(unreachable_code, reason = "it names the type of the block")]
            std::io::Result::Ok(())
        };
        let settings = Settings {
            reach: Reach::trusted(),
            ..Settings::default()
        };
        let peer = Peer::new(&address.ip().to_string(), address.port())?;
        let known = KnownHosts::of_user(None);
        let ssh = Ssh::new(Client::new(settings)?, peer, USER, known)?;
        let asking = async {
            let error = ssh.run("true", &[]).await.map(drop).unwrap_err();
            ensure!(matches!(error, SshError::Protocol(_)), "{error}");
            Ok(())
        };
        tokio::select! {
            done = asking => done?,
            // Whoever asked has gone away.
            _ = serving => {}
        }
    }
    Ok(())
}
