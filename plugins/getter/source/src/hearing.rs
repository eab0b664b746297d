//! Hearing webhooks, so that an origin is asked at once instead of at the next interval.
//!
//! One receiver hears for all addresses of a source: what a request says is not read, and asking costs next to nothing. Words
//! that come while an address is being asked are one. What cannot be heard is logged, and the origins are asked at their
//! interval all the same.

use std::convert::Infallible;
use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k1s_getter_address::Secret as Key;
use k1s_getter_webhook::{Bell, Hook, ListenError, Receiver, Sender};
use k1s_source::{Diagnostic, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{OnceCell, watch};
use tokio::task::JoinSet;

use crate::keeper::Words;

/// The shortest secret, in bytes; a shorter one can be found by trying.
const SECRET_BYTES: usize = 16;
/// The longest file of a secret that is read, in bytes.
const SECRET_FILE_BYTES: u64 = 64 << 10;

/// Who may say that something changed, and where that is heard.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(inline)]
pub(crate) struct Webhook {
    /// Where requests are heard, as `127.0.0.1:9000`; there is no TLS, so what is heard from elsewhere comes through a proxy.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    listen: String,
    /// The path at which they are heard; `/` unless another is said.
    #[serde(default = "top")]
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    path: String,
    /// Who sends them, which decides where their signature is.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    provider: Provider,
    /// The secret that the sender knows, of 16 bytes or more.
    #[serde(default, skip_serializing)]
    secret: Option<Secret>,
    /// A file with the secret, which is read with each request.
    #[serde(default)]
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    secret_file: Option<PathBuf>,
}

fn top() -> String {
    "/".to_owned()
}

/// Who sends requests.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Provider {
    GitHub,
    GitLab,
    /// Forgejo and Gogs, too.
    Gitea,
    /// Anybody who signs the body, in `X-Signature`.
    Generic,
}

impl Provider {
    fn sender(self) -> Sender {
        match self {
            Self::GitHub => Sender::GitHub,
            Self::GitLab => Sender::GitLab,
            Self::Gitea => Sender::Gitea,
            Self::Generic => Sender::Generic,
        }
    }
}

/// What is heard, and where.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    listen: SocketAddr,
    path: String,
    sender: Sender,
    secret: Place,
}

/// Where the secret is.
#[derive(Clone, Debug)]
enum Place {
    Here(Key),
    File(PathBuf),
}

impl Webhook {
    /// Checks what is said of webhooks; relative paths begin at `base`.
    pub(crate) fn check(&self, base: &Path, faults: &mut Vec<Diagnostic>) -> Option<Heard> {
        let mut fault = |field: &str, said: &str| faults.push(Diagnostic::error(format!("/webhook/{field}"), said));
        let listen = self.listen.parse().ok();
        if listen.is_none() {
            fault("listen", "it is no address with a port, such as 127.0.0.1:9000");
        }
        if !self.path.starts_with('/') {
            fault("path", "it does not begin with a slash");
        }
        let secret = match (&self.secret, &self.secret_file) {
            (Some(secret), None) if secret.expose().len() < SECRET_BYTES => {
                fault("secret", "it has fewer than 16 bytes, and can be found by trying");
                None
            }
            (Some(secret), None) => Some(Place::Here(Key::new(secret.expose()))),
            (None, Some(path)) => Some(Place::File(base.join(path))),
            (None, None) => {
                fault("secret", "missing: anybody could have the origin asked");
                None
            }
            (Some(_), Some(_)) => {
                fault("secretFile", "there is a `secret`, too");
                None
            }
        };
        Some(Heard {
            listen: listen?,
            path: self.path.clone(),
            sender: self.provider.sender(),
            secret: secret?,
        })
    }
}

impl Place {
    /// Returns the secret as it is now; none if there is none that can be read.
    fn read(&self) -> Vec<Key> {
        match self {
            Self::Here(key) => vec![key.clone()],
            Self::File(path) => read(path).into_iter().collect(),
        }
    }
}

fn read(path: &Path) -> Option<Key> {
    // Opening a pipe would wait for whoever writes it.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let file = File::open(path).ok()?;
    file.take(SECRET_FILE_BYTES).read_to_string(&mut text).ok()?;
    Some(Key::new(text.trim_end_matches(['\r', '\n'])))
}

/// Hears webhooks as long as it lives, from the first time that somebody wants to know.
#[derive(Debug)]
pub(crate) struct Hearing {
    heard: Option<Heard>,
    running: OnceCell<Running>,
}

#[derive(Debug)]
struct Running {
    #[cfg(test)]
    address: SocketAddr,
    /// Counts the words.
    words: watch::Sender<u64>,
    /// The receiver, and what passes its words on.
    _tasks: JoinSet<Infallible>,
}

impl Hearing {
    /// Hears nothing yet, and never anything without settings.
    pub(crate) fn new(heard: Option<Heard>) -> Self {
        Self {
            heard,
            running: OnceCell::new(),
        }
    }

    /// Returns the words that come from now on; none where nothing can be heard, which is logged.
    pub(crate) async fn words(&self) -> Words {
        let Some(heard) = &self.heard else {
            return Words::none();
        };
        match self.running.get_or_try_init(|| Running::start(heard)).await {
            Ok(running) => Words::of(running.words.subscribe()),
            Err(error) => {
                tracing::warn!("{error}; origins are asked at their interval");
                Words::none()
            }
        }
    }
}

impl Running {
    async fn start(heard: &Heard) -> Result<Self, ListenError> {
        let mut receiver = Receiver::bind(heard.listen).await?;
        let secret = heard.secret.clone();
        let hook = Hook::new(heard.sender, Arc::new(move || secret.read()));
        let bell = receiver.hang(&heard.path, hook);
        let address = receiver.address();
        tracing::info!("webhooks are heard at http://{address}{}", heard.path);
        let (words, _) = watch::channel(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(receiver.run());
        tasks.spawn(pass_on(bell, words.clone()));
        Ok(Self {
            #[cfg(test)]
            address,
            words,
            _tasks: tasks,
        })
    }
}

async fn pass_on(mut bell: Bell, words: watch::Sender<u64>) -> Infallible {
    loop {
        bell.rung().await;
        words.send_modify(|count| *count = count.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;

    /// Longer than anything here may take.
    const LONG: Duration = Duration::from_secs(60);

    fn webhook(json: &str) -> Result<Option<Heard>, String> {
        let webhook: Webhook = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let mut faults = Vec::new();
        let heard = webhook.check(Path::new("/base"), &mut faults);
        match faults.first() {
            None => Ok(heard),
            Some(fault) => Err(format!("{} {}", fault.pointer(), fault.summary())),
        }
    }

    async fn post(address: SocketAddr, token: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: {token}\r\nContent-Length: 2\r\n\r\n{{}}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn faults_name_their_field() {
        for (json, said) in [
            (
                r#"{"listen": "h", "provider": "github", "secret": "0123456789abcdef"}"#,
                "/webhook/listen",
            ),
            (
                r#"{"listen": "127.0.0.1:0", "provider": "github"}"#,
                "/webhook/secret missing",
            ),
            (
                r#"{"listen": "127.0.0.1:0", "provider": "github", "secret": "short"}"#,
                "/webhook/secret it has fewer",
            ),
            (
                r#"{"listen": "127.0.0.1:0", "provider": "gitea", "secret": "0123456789abcdef", "secretFile": "f"}"#,
                "/webhook/secretFile",
            ),
            (
                r#"{"listen": "127.0.0.1:0", "provider": "gitlab", "path": "x", "secretFile": "f"}"#,
                "/webhook/path",
            ),
            (r#"{"listen": "127.0.0.1:0", "provider": "svn"}"#, "svn"),
        ] {
            let fault = webhook(json).unwrap_err();
            assert!(fault.contains(said), "{json}: {fault}");
        }
    }

    #[tokio::test]
    async fn m03_a_signed_word_is_heard_by_all_and_others_by_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "the first of two secrets\n").unwrap();
        let json = format!(
            r#"{{"listen": "127.0.0.1:0", "provider": "gitlab", "secretFile": "{}"}}"#,
            file.display()
        );
        let hearing = Hearing::new(webhook(&json).unwrap());
        let (mut one, mut other) = (hearing.words().await, hearing.words().await);
        let address = hearing.running.get().unwrap().address;
        assert!(post(address, "something else of any length").await.contains("401"));
        assert!(post(address, "the first of two secrets").await.contains("202"));
        timeout(LONG, one.next()).await.unwrap();
        timeout(LONG, other.next()).await.unwrap();
        // The first was refused, so that there was one word alone.
        assert!(timeout(Duration::ZERO, one.next()).await.is_err());
        // Who comes later has heard nothing yet, and another secret counts at once.
        let mut late = hearing.words().await;
        assert!(timeout(Duration::ZERO, late.next()).await.is_err());
        std::fs::write(&file, "the second of two secrets\n").unwrap();
        assert!(post(address, "the first of two secrets").await.contains("401"));
        assert!(post(address, "the second of two secrets").await.contains("202"));
        timeout(LONG, late.next()).await.unwrap();
    }

    #[tokio::test]
    async fn a_pipe_is_no_secret_and_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let json = format!(
            r#"{{"listen": "127.0.0.1:0", "provider": "gitlab", "secretFile": "{}"}}"#,
            pipe.display()
        );
        let hearing = Hearing::new(webhook(&json).unwrap());
        let _words = hearing.words().await;
        let address = hearing.running.get().unwrap().address;
        let answer = timeout(LONG, post(address, "something of any length")).await.unwrap();
        assert!(answer.contains("401"), "{answer}");
    }

    #[tokio::test]
    async fn what_cannot_be_heard_is_waited_for_by_nobody() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let json = format!(
            r#"{{"listen": "{}", "provider": "gitlab", "secretFile": "f"}}"#,
            taken.local_addr().unwrap()
        );
        for heard in [None, webhook(&json).unwrap()] {
            let mut words = Hearing::new(heard).words().await;
            assert!(timeout(Duration::ZERO, words.next()).await.is_err());
        }
    }
}
