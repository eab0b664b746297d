//! What went wrong with a cluster, in words that hold no secret.
//!
//! kube's own words for what it read, a kubeconfig or what a program printed, may repeat it; they are not passed on.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use k1s_kubernetes_watch::discovery::DiscoveryError;
use k1s_kubernetes_watch::{EventError, PiecesError, Refusal, TooLong, Verdict};
use k1s_source::{Code, Problem, Retry};
use kube::client::AuthError;
use kube::config::{InClusterError, KubeconfigError};
use thiserror::Error;

/// Why a cluster cannot be asked, or its answer not be used.
#[derive(Debug, Error)]
pub(crate) enum Trouble {
    /// The server said no.
    #[error("the server refuses: {0}")]
    Refused(Refusal),
    /// The connection failed or was cut.
    #[error("the server cannot be reached: {0}")]
    Broken(String),
    /// Nothing came for too long.
    #[error("the server said nothing for {0:?}")]
    Silent(Duration),
    /// The stream ended in the middle.
    #[error("the answer was cut off")]
    Cut,
    /// A listing cannot be read.
    #[error(transparent)]
    Pieces(#[from] PiecesError),
    /// An event cannot be read.
    #[error(transparent)]
    Event(#[from] EventError),
    /// An event is too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// What the cluster serves cannot be read.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The credentials cannot be had.
    #[error("{0}")]
    Credentials(String),
    /// The address or the credentials are not where they should be, or not in order.
    #[error("{0}")]
    Configuration(String),
    /// The kubeconfig does not exist.
    #[error("there is no kubeconfig {}", .0.display())]
    NoKubeconfig(PathBuf),
    /// A listing does not say as of when it holds.
    #[error("the server does not say as of when its list is")]
    Timeless,
    /// The pages of a listing do not hold as of one moment.
    #[error("the server's pages are not of one list")]
    Torn,
    /// The server says less than it said before.
    #[error("the server has gone back to an earlier state")]
    Behind,
    /// More was deleted while a listing began than is kept in mind.
    #[error("too much is deleted for a listing in this way")]
    TooMuch,
    /// There is no way to the cluster now.
    #[error("there is no connection")]
    NoWay,
    /// The kind is not served.
    #[error("the server does not serve it")]
    NotServed,
    /// The cluster is another one than that which was listed.
    #[error("this is another cluster than before")]
    OtherCluster,
    /// The loop that follows the cluster has ended.
    #[error("the session is over")]
    Over,
}

impl Trouble {
    /// What a kubeconfig is wrong with.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of kube's errors some must not be repeated, and all others are treated alike"
    )]
    pub(crate) fn kubeconfig(error: &KubeconfigError) -> Self {
        match error {
            KubeconfigError::Parse(_) => Self::Configuration("the kubeconfig is not one".to_owned()),
            KubeconfigError::ParseProxyUrl(_) => {
                Self::Configuration("the kubeconfig's proxy-url is not the address of a proxy".to_owned())
            }
            KubeconfigError::ReadConfig(error, path) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::NoKubeconfig(path.clone())
            }
            other => Self::Configuration(other.to_string()),
        }
    }

    /// What is missing for a service account.
    pub(crate) fn in_cluster(error: &InClusterError) -> Self {
        Self::Configuration(format!("this does not run in a cluster: {error}"))
    }

    /// What kube fails with.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of kube's errors some must not be repeated, and all others are treated alike"
    )]
    pub(crate) fn kube(error: &kube::Error) -> Self {
        let mut next: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(cause) = next {
            if let Some(error) = cause.downcast_ref::<AuthError>() {
                return Self::Credentials(credentials(error));
            }
            next = cause.source();
        }
        match error {
            kube::Error::Service(error) => Self::Broken(chain(error.as_ref())),
            kube::Error::HyperError(error) => Self::Broken(chain(error)),
            kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => {
                Self::Configuration(
                    "the proxy's address begins with none of http://, https:// and socks5://".to_owned(),
                )
            }
            // Of a certificate or key that cannot be used, of a header; never of an answer, which is not read there.
            other => Self::Configuration(first_line(&other.to_string())),
        }
    }

    /// What the server's word means; of anything else nothing.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Refused(refusal) => Some(refusal.verdict()),
            Self::Broken(_)
            | Self::Silent(_)
            | Self::Cut
            | Self::Pieces(_)
            | Self::Event(_)
            | Self::TooLong(_)
            | Self::Discovery(_)
            | Self::Credentials(_)
            | Self::Configuration(_)
            | Self::NoKubeconfig(_)
            | Self::Timeless
            | Self::TooMuch
            | Self::NoWay
            | Self::OtherCluster
            | Self::Over => None,
            Self::NotServed => Some(Verdict::NotServed),
            Self::Torn => Some(Verdict::Expired),
            Self::Behind => Some(Verdict::Ahead),
        }
    }

    /// Whether it may help to read address and credentials anew.
    pub(crate) fn asks_for_renewal(&self) -> bool {
        matches!(self, Self::Credentials(_) | Self::OtherCluster) || self.verdict() == Some(Verdict::Unauthorized)
    }

    /// Whether it is about the way to the cluster, not about what is asked.
    pub(crate) fn is_about_the_way(&self) -> bool {
        self.asks_for_renewal() || matches!(self, Self::Broken(_) | Self::Silent(_) | Self::NoWay)
    }

    /// Says it of `what`.
    pub(crate) fn problem(&self, what: &str) -> Problem {
        let problem = Problem::new(self.code(), format!("{what}: {self}"));
        match self.verdict() {
            Some(Verdict::Busy(Some(time))) => problem.retry(Retry::After(time)),
            // Credentials may be renewed where they are; nobody has to say so.
            Some(_) | None => problem.retry(Retry::Backoff),
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => match refusal.verdict() {
                Verdict::Expired | Verdict::Ahead => Code::Partial,
                Verdict::Unauthorized => Code::Auth,
                Verdict::Forbidden => Code::Permission,
                Verdict::NotServed | Verdict::NotUnderstood => Code::Unsupported,
                Verdict::Busy(_) if refusal.code == 429 => Code::RateLimited,
                Verdict::Busy(_) | Verdict::Failing => Code::Unavailable,
            },
            Self::Broken(_) | Self::Cut | Self::NoWay | Self::Over => Code::Unavailable,
            Self::Torn | Self::Behind | Self::TooMuch => Code::Partial,
            Self::Silent(_) => Code::Timeout,
            Self::Pieces(PiecesError::Cut) => Code::Unavailable,
            Self::Pieces(PiecesError::Object { .. }) | Self::TooLong(_) => Code::TooLarge,
            Self::Pieces(_) | Self::Event(_) | Self::Timeless => Code::DataInvalid,
            Self::Discovery(_) | Self::NotServed => Code::Unsupported,
            Self::Credentials(_) => Code::Auth,
            Self::Configuration(_) => Code::ConfigInvalid,
            Self::NoKubeconfig(_) => Code::RootNotFound,
            Self::OtherCluster => Code::RootChanged,
        }
    }
}

/// An error and its causes in one line, those that are repeated once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said = first_line(&error.to_string());
    let mut next = error.source();
    while let Some(cause) = next {
        let more = first_line(&cause.to_string());
        if !said.ends_with(&more) {
            said = format!("{said}: {more}");
        }
        next = cause.source();
    }
    said
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Why there are no credentials. What a program printed may be one, also where it cannot be read.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of kube's errors some must not be repeated, and all others are treated alike"
)]
fn credentials(error: &AuthError) -> String {
    match error {
        // Its words hold the program's arguments and environment.
        AuthError::AuthExecRun { out, .. } => {
            format!("the program that gives the credentials failed with {}", out.status)
        }
        AuthError::AuthExecStart(error) => format!("the program that gives the credentials cannot be started: {error}"),
        AuthError::ReadTokenFile(error, path) => format!("{}: {error}", path.display()),
        AuthError::ExecPluginFailed | AuthError::AuthExecParse(_) => {
            "the program that gives the credentials printed none".to_owned()
        }
        AuthError::MissingCommand => "the kubeconfig names no program that gives the credentials".to_owned(),
        AuthError::NoValidNativeRootCA(error) => format!("the system has no authorities: {error}"),
        _ => "the credentials cannot be had or renewed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, ExitStatus, Output};

    use super::*;

    #[test]
    fn what_a_program_printed_is_not_repeated() {
        let printed = Output {
            status: ExitStatus::from_raw(256),
            stdout: b"s3cret".to_vec(),
            stderr: b"s3cret".to_vec(),
        };
        let error = AuthError::AuthExecRun {
            cmd: format!("{:?}", Command::new("login").arg("s3cret").env("KEY", "s3cret")),
            out: Box::new(printed),
        };
        let trouble = Trouble::kube(&kube::Error::Service(Box::new(error)));
        assert_eq!(
            trouble.to_string(),
            "the program that gives the credentials failed with exit status: 1"
        );
        assert_eq!(trouble.problem("a").code(), Code::Auth);
    }

    #[test]
    fn causes_are_told_once() {
        let error = io::Error::other(io::Error::other("refused"));
        let trouble = Trouble::kube(&kube::Error::Service(Box::new(error)));
        assert_eq!(trouble.to_string(), "the server cannot be reached: refused");
    }

    #[test]
    fn each_refusal_has_its_code() {
        for (status, code) in [
            (401, Code::Auth),
            (403, Code::Permission),
            (404, Code::Unsupported),
            (410, Code::Partial),
            (429, Code::RateLimited),
            (503, Code::Unavailable),
            (500, Code::Unavailable),
        ] {
            let trouble = Trouble::Refused(Refusal::read(status, None, b""));
            assert_eq!(trouble.problem("pods").code(), code, "{status}");
        }
    }
}
