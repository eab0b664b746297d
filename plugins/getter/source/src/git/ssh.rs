//! The way to a repository behind SSH.

use k1s_getter_address::{Secret, Site};
use k1s_getter_git::{self as git, Dial, Pending, Stream, TransportError, Upload};
use k1s_getter_net::{Client, Peer};
use k1s_getter_ssh::{Identity, KnownHosts, Ssh};

use super::GitFault;
use crate::network::SshKeys;

/// Whom to be where an address does not say.
const USER: &str = "git";

/// Returns the way to a repository, as who has the key that is configured, or else the one that its address has.
pub(super) fn transport(
    client: Client,
    site: &Site,
    configured: &SshKeys,
    own: Option<&Secret>,
) -> Result<Box<dyn git::Transport>, GitFault> {
    let peer = Peer::of(site).ok().flatten().ok_or(GitFault::Place)?;
    let command = Upload::command(&site.decoded_path()).ok_or(GitFault::Place)?;
    let known = match &configured.known_hosts {
        Some(path) => KnownHosts::file(path.clone()),
        None => KnownHosts::of_user(std::env::home_dir().as_deref()),
    };
    let user = site.login.as_ref().map_or(USER, |login| login.user.expose());
    let ssh = Ssh::new(client, peer, user, known)?;
    let identity = match (&configured.key, own) {
        (Some((key, passphrase)), _) => Some(Identity::parse(key, passphrase.as_ref())?),
        (None, Some(key)) => Some(Identity::from_base64(key)?),
        (None, None) => None,
    };
    let ssh = match identity {
        Some(identity) => ssh.with(identity),
        None => ssh,
    };
    Ok(Box::new(Upload::new(Box::new(Running { ssh, command }))))
}

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
