//! The configuration: what a user writes, and what it means once it is checked.
//!
//! Touches no file and no network. Invariant: [`Settings`] hold at least one target and only patterns that compile; targets
//! have different scopes, and each is of a kind that this program was built with.

mod limits;
mod options;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "git")]
use k1s_getter_address::Revision;
use k1s_getter_address::{Address, Origin, Policy, Remote, Source, Transport};
#[cfg(feature = "git")]
use k1s_getter_git::Range;
use k1s_manifests::{INCLUDE, Selection};
use k1s_source::{Diagnostic, OneOrMany, Period};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

#[cfg(feature = "webhook")]
use crate::hearing::{Heard, Webhook};
#[cfg(feature = "net")]
use crate::identity::{self, Identity};
use crate::kept::hexadecimal;
#[cfg(feature = "bucket")]
use crate::lender::IsUntrusted;
#[cfg(any(feature = "bucket", feature = "github-app"))]
use crate::network::Credentials;
#[cfg(feature = "net")]
use crate::network::{Author, Network};
use crate::origins;
use crate::target::Target;
#[cfg(feature = "git")]
use crate::verify::{Trust, Verify};
use crate::weigh::Scale;
use crate::wish::{Files, Wish};

use limits::Limits;

pub(crate) use limits::Bounds;
pub(crate) use options::Options;

/// The most addresses of one source.
const SOURCES: usize = 256;
/// The largest manifest that is read unless configured otherwise, in bytes: 8 MiB.
const DEFAULT_FILE_BYTES: u64 = 8 << 20;
/// The largest value of `maxFileBytes`: 64 MiB.
const MOST_FILE_BYTES: u64 = 64 << 20;
/// How often an origin is asked unless configured otherwise.
const DEFAULT_INTERVAL: Duration = Duration::from_mins(1);
/// The shortest and the longest `interval`.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));

/// Manifests from wherever go-getter fetches.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Config {
    /// The address to fetch, as go-getter takes it, or a list of addresses. Each is complete or incomplete by itself.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    source: OneOrMany,
    /// Transports that are not protected and so have to be named before they are used: `http`, `git`, and `file` for
    /// repositories on this machine.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    allow: Vec<Allowed>,
    /// Which files are read. A pattern without "/" matches names at any depth, one with "/" the path below the
    /// sub-directory. An address of one file reads that file, whatever its name is.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    include: OneOrMany,
    /// Which files and directories are left out; patterns as for `include`. A file `.sourceignore` in any directory leaves
    /// out more, by the rules of gitignore.
    #[schemars(extend("x-k1s-effect" = "selection"))]
    exclude: OneOrMany,
    /// How often the origin is asked whether something changed, from 1s to 24h; up to a tenth is added by chance.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    interval: Period,
    /// Whether the addresses are somebody else's word: then addresses of this machine and its network are refused, but for
    /// what lies in `localRoot`.
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    untrusted: bool,
    /// The directory in which everything of this machine that is read must lie; no link is followed on the way.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    local_root: Option<PathBuf>,
    /// Where what was fetched is kept, instead of `k1s-sync/getter` in the user's cache directory.
    #[schemars(extend("x-k1s-path" = "write", "x-k1s-effect" = "tuning"))]
    cache_dir: Option<PathBuf>,
    /// A file that says at which revision each address has to be, as `k1s-sync-getter lock` writes it; nothing else is taken.
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    lock_file: Option<PathBuf>,
    /// The largest manifest that is read, in bytes; a larger one fails.
    #[schemars(range(min = 1, max = MOST_FILE_BYTES), extend("x-k1s-effect" = "tuning"))]
    max_file_bytes: u64,
    /// How much is taken of an origin; what has more is refused as a whole.
    limits: Limits,
    /// The tag to take of a repository, instead of a `ref` in its address: that with the highest version in this range, for
    /// example `">=1.2 <2"`.
    #[cfg(feature = "git")]
    #[schemars(extend("x-k1s-effect" = "selection"))]
    semver: Option<String>,
    /// Whose signature repositories must have; what is not signed so is not taken, and what was known holds.
    #[cfg(feature = "git")]
    #[schemars(with = "Verify")]
    verify: Option<Verify>,
    /// Whether the submodules of repositories are fetched that lie in what is read, each as an address of its own, over what
    /// `allow` names; `credentials` are told only to the server of the address.
    #[cfg(feature = "git")]
    #[schemars(extend("x-k1s-effect" = "selection"))]
    submodules: bool,
    /// Who may say that something changed, so that the origins are asked at once; they are asked at their interval besides.
    #[cfg(feature = "webhook")]
    #[schemars(with = "Webhook")]
    webhook: Option<Webhook>,
    /// Who asks. It is told to the one server that all addresses ask; those of several servers are several sources.
    #[cfg(feature = "net")]
    credentials: Identity,
    /// The proxy for everything, as `http://HOST:PORT`, `https://…` or `socks5://…`; what the environment says of proxies
    /// otherwise. `NO_PROXY` holds for both.
    #[cfg(feature = "net")]
    #[schemars(extend("x-k1s-effect" = "tuning"))]
    proxy: Option<String>,
    /// A file of authorities, in PEM, that are believed besides those of the system.
    #[cfg(feature = "net")]
    #[schemars(extend("x-k1s-path" = "read", "x-k1s-effect" = "tuning"))]
    ca_file: Option<PathBuf>,
}

/// A transport that has to be named.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
enum Allowed {
    Http,
    Git,
    File,
}

impl Allowed {
    fn transport(self) -> Transport {
        match self {
            Self::Http => Transport::Http,
            Self::Git => Transport::Git,
            Self::File => Transport::File,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            source: OneOrMany::Many(Vec::new()),
            allow: Vec::new(),
            include: OneOrMany::Many(INCLUDE.map(str::to_owned).to_vec()),
            exclude: OneOrMany::Many(Vec::new()),
            interval: Period::new(DEFAULT_INTERVAL),
            untrusted: false,
            local_root: None,
            cache_dir: None,
            lock_file: None,
            max_file_bytes: DEFAULT_FILE_BYTES,
            limits: Limits::default(),
            #[cfg(feature = "git")]
            semver: None,
            #[cfg(feature = "git")]
            verify: None,
            #[cfg(feature = "git")]
            submodules: false,
            #[cfg(feature = "webhook")]
            webhook: None,
            #[cfg(feature = "net")]
            credentials: Identity::default(),
            #[cfg(feature = "net")]
            proxy: None,
            #[cfg(feature = "net")]
            ca_file: None,
        }
    }
}

/// A configuration that can work.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What is fetched, in the order configured.
    pub(crate) targets: Vec<Target>,
    /// How often each is asked.
    pub(crate) interval: Duration,
    /// Where what was fetched is kept, if that is configured.
    pub(crate) cache_dir: Option<PathBuf>,
    /// At which revision addresses have to be, if that is configured.
    pub(crate) lock_file: Option<PathBuf>,
    /// What is heard of changes, if anything is.
    #[cfg(feature = "webhook")]
    pub(crate) heard: Option<Heard>,
    /// How origins are opened.
    pub(crate) access: Access,
    selection: Arc<Selection>,
    /// What was configured of the selection, to tell whether it is what it was.
    selected: String,
    file_bytes: u64,
}

/// How origins are opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// In what everything of this machine must lie.
    pub(crate) local_root: Option<PathBuf>,
    /// How much is taken.
    pub(crate) bounds: Bounds,
    /// What is asked of repositories besides.
    #[cfg(feature = "git")]
    pub(crate) repository: Repository,
    /// What addresses of submodules may be, where they are fetched.
    #[cfg(feature = "git")]
    pub(crate) submodules: Option<Policy>,
    /// How a network is reached.
    #[cfg(feature = "net")]
    pub(crate) network: Arc<Network>,
}

/// What is asked of repositories besides what their addresses say.
#[cfg(feature = "git")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Repository {
    /// In which range the version of a tag must be; the highest is taken.
    pub(crate) range: Option<Range>,
    /// Whose signature it must have.
    pub(crate) trust: Option<Trust>,
}

impl Settings {
    /// Returns what is wanted of a target.
    #[must_use]
    pub(crate) fn wish(&self, target: &Target) -> Wish {
        Wish {
            subdir: target.address.subdir.clone(),
            files: Files::Manifests(Arc::clone(&self.selection)),
            file_bytes: self.file_bytes,
            pinned: None,
        }
    }

    /// Returns how much is taken of files.
    #[must_use]
    pub(crate) fn scale(&self) -> Scale {
        Scale {
            file_bytes: self.file_bytes,
            total_bytes: self.access.bounds.archive.total_bytes,
        }
    }

    /// Returns by what a snapshot of a target is known to be of this configuration: what is asked for, and by which user.
    /// A secret that only lets somebody in may change, and so may the id of a store's key, which changes with it.
    #[must_use]
    pub(crate) fn wish_mark(&self, target: &Target) -> String {
        let bounds = self.access.bounds;
        let mut text = format!("{}\n{}\n{}\n{bounds:?}", target.shown(), self.selected, self.file_bytes);
        text.push_str(&target.query());
        #[cfg(feature = "git")]
        text.push_str(&format!("{:?}", self.access.repository));
        #[cfg(feature = "git")]
        if let Some(policy) = &self.access.submodules {
            text.push_str(&format!("{policy:?}"));
        }
        #[cfg(feature = "net")]
        {
            let credentials = &self.access.network.credentials;
            if !target.is_of_store() {
                text.push_str(credentials.user().unwrap_or_default());
            }
            text.push_str(&credentials.lender());
        }
        hexadecimal(&Sha256::digest(text))
    }
}

#[cfg(feature = "git")]
impl Repository {
    /// Checks whether an address can be asked for it.
    fn check(&self, target: &Target, faults: &mut Vec<Diagnostic>) {
        let mut fault = |field: &str, said: &str, suggestion: &str| {
            let said = format!("{}: {said}", target.shown());
            faults.push(Diagnostic::error(field, said).suggestion(suggestion));
        };
        const APART: &str = "make it a source of its own";
        let named = match &target.address.source {
            Source::Git(named) => named.revision.as_ref(),
            Source::Mercurial(_) | Source::Oci(_) | Source::Download(_) => {
                if self.range.is_some() {
                    fault("/semver", "only a repository of git has versions", APART);
                }
                if self.trust.is_some() {
                    fault("/verify", "only a repository of git has signatures", APART);
                }
                return;
            }
        };
        if self.range.is_some() && named.is_some() {
            fault("/semver", "it has a `ref`, too", "keep one of them");
        }
        let may_be_a_tag = self.range.is_some() || matches!(named, Some(Revision::Name(_)));
        if self.trust.as_ref().is_some_and(|trust| trust.mode.wants_tag()) && !may_be_a_tag {
            let said = "the signature of a tag is asked for, and it names none";
            fault(
                "/verify/mode",
                said,
                "name a tag in `ref` or `semver`, or set the mode to HEAD",
            );
        }
    }
}

impl Config {
    /// Checks everything that can be checked without looking; relative paths start at `base`.
    ///
    /// # Errors
    /// Returns every fault found.
    pub(crate) fn check(&self, base: &Path) -> Result<Settings, Vec<Diagnostic>> {
        let mut faults = Vec::new();
        let targets = self.targets(base, &mut faults);
        let selection = Selection::configured(&self.include, &self.exclude);
        let (least, most) = INTERVALS;
        if !(least..=most).contains(&self.interval.get()) {
            let said = format!("{} is not between 1s and 24h", self.interval);
            faults.push(Diagnostic::error("/interval", said));
        }
        if !(1..=MOST_FILE_BYTES).contains(&self.max_file_bytes) {
            let said = format!("{} is not between 1 and {MOST_FILE_BYTES} bytes", self.max_file_bytes);
            faults.push(Diagnostic::error("/maxFileBytes", said));
        }
        faults.extend(self.limits.faults());
        #[cfg(feature = "git")]
        let repository = self.repository(base, &targets, &mut faults);
        #[cfg(feature = "webhook")]
        let heard = self
            .webhook
            .as_ref()
            .and_then(|webhook| webhook.check(base, &mut faults));
        #[cfg(feature = "net")]
        let network = self.network(base, &targets, &mut faults);
        let selection = match selection {
            Ok(selection) if faults.is_empty() => selection,
            Ok(_) => return Err(faults),
            Err(more) => return Err(faults.into_iter().chain(more).collect()),
        };
        Ok(Settings {
            targets,
            interval: self.interval.get(),
            cache_dir: self.cache_dir.as_ref().map(|path| base.join(path)),
            lock_file: self.lock_file.as_ref().map(|path| base.join(path)),
            #[cfg(feature = "webhook")]
            heard,
            access: Access {
                local_root: self.local_root.as_ref().map(|path| base.join(path)),
                bounds: self.limits.bounds(),
                #[cfg(feature = "git")]
                repository,
                #[cfg(feature = "git")]
                submodules: self.submodules.then(|| self.policy(base)),
                #[cfg(feature = "net")]
                network: Arc::new(network),
            },
            selection: Arc::new(selection),
            selected: format!("{:?} {:?}", self.include, self.exclude),
            file_bytes: self.max_file_bytes,
        })
    }

    /// Checks what is asked of repositories.
    #[cfg(feature = "git")]
    fn repository(&self, base: &Path, targets: &[Target], faults: &mut Vec<Diagnostic>) -> Repository {
        let range = match self.semver.as_deref().map(Range::parse) {
            Some(Err(error)) => {
                faults.push(Diagnostic::error("/semver", error.to_string()));
                None
            }
            Some(Ok(range)) => Some(range),
            None => None,
        };
        let repository = Repository {
            range,
            trust: self.verify.as_ref().and_then(|verify| verify.check(base, faults)),
        };
        for target in targets {
            repository.check(target, faults);
        }
        repository
    }

    /// Checks how a network is reached.
    #[cfg(feature = "net")]
    fn network(&self, base: &Path, targets: &[Target], faults: &mut Vec<Diagnostic>) -> Network {
        let credentials = self.credentials.check(base, faults);
        #[cfg(feature = "bucket")]
        self.check_buckets(&credentials, targets, faults);
        #[cfg(feature = "github-app")]
        let credentials = Credentials {
            app: self
                .credentials
                .github_app
                .as_ref()
                .and_then(|app| app.check(base, targets, faults)),
            ..credentials
        };
        let remote = targets.iter().filter(|target| !is_local(&target.address));
        let authorities: BTreeSet<String> = remote.map(Target::authority).collect();
        if !credentials.is_empty() && authorities.len() > 1 {
            let fault = Diagnostic::error(
                "/credentials",
                "the addresses ask several servers, and all would be told",
            );
            faults.push(fault.suggestion("make a source of each server"));
        }
        Network {
            author: if self.untrusted { Author::Stranger } else { Author::User },
            proxy: identity::proxy(self.proxy.as_deref(), faults),
            ca_file: self.ca_file.as_ref().map(|path| base.join(path)),
            credentials,
            download_bytes: Some(self.limits.download_bytes),
        }
    }

    /// Checks that buckets can be asked with what is configured.
    #[cfg(feature = "bucket")]
    fn check_buckets(&self, credentials: &Credentials, targets: &[Target], faults: &mut Vec<Diagnostic>) {
        if let Some(cloud) = credentials.cloud {
            let is_untrusted = if self.untrusted {
                IsUntrusted::Yes
            } else {
                IsUntrusted::No
            };
            cloud.check(is_untrusted, targets, faults);
        }
        for (field, is_set) in [
            ("headersFile", credentials.headers.is_some()),
            ("clientCertificate", credentials.certificate.is_some()),
        ] {
            if is_set && let Some(target) = targets.iter().find(|target| is_bucket(&target.address)) {
                let said = format!(
                    "{}: a bucket is asked by its own protocol, which has no place for it",
                    target.shown()
                );
                faults.push(Diagnostic::error(format!("/credentials/{field}"), said).suggestion("leave it out"));
            }
        }
    }

    fn targets(&self, base: &Path, faults: &mut Vec<Diagnostic>) -> Vec<Target> {
        let located = self.source.located("/source");
        if located.is_empty() {
            let fault = Diagnostic::error("/source", "no address is named");
            faults.push(fault.suggestion("name one, for example \"https://HOST/manifests.tar.gz\""));
        }
        if located.len() > SOURCES {
            let said = format!("{} addresses; the limit is {SOURCES}", located.len());
            faults.push(Diagnostic::error("/source", said));
            return Vec::new();
        }
        let mut scopes = BTreeSet::new();
        let mut targets = Vec::new();
        for (pointer, text) in located {
            match self.target(&pointer, text, base) {
                Ok(target) if scopes.insert(target.scope.clone()) => targets.push(target),
                Ok(target) => {
                    let said = format!(
                        "{} is named twice, whatever its revision or parameters are",
                        target.scope
                    );
                    faults.push(Diagnostic::error(pointer, said).suggestion("make it a source of its own"));
                }
                Err(fault) => faults.push(fault),
            }
        }
        targets
    }

    /// Returns what an address may be.
    fn policy(&self, base: &Path) -> Policy {
        let policy = Policy::default().relative_to(&base.to_string_lossy());
        let allowed = self.allow.iter().map(|allowed| allowed.transport());
        allowed.fold(policy, Policy::allowing)
    }

    fn target(&self, pointer: &str, text: &str, base: &Path) -> Result<Target, Diagnostic> {
        let address =
            Address::parse(text, &self.policy(base)).map_err(|error| Diagnostic::error(pointer, error.to_string()))?;
        origins::supports(&address).map_err(|unsupported| Diagnostic::error(pointer, unsupported.to_string()))?;
        if self.untrusted && self.local_root.is_none() && is_local(&address) {
            let fault = Diagnostic::error(pointer, "an address of this machine, in an `untrusted` source");
            return Err(fault.suggestion("name what may be read in `localRoot`"));
        }
        Ok(Target::new(address))
    }
}

#[cfg(feature = "bucket")]
fn is_bucket(address: &Address) -> bool {
    match &address.source {
        Source::Download(download) => match &download.origin {
            Origin::S3(_) | Origin::Gcs(_) | Origin::Azure(_) => true,
            Origin::Http(_) | Origin::File(_) => false,
        },
        Source::Git(_) | Source::Mercurial(_) | Source::Oci(_) => false,
    }
}

fn is_local(address: &Address) -> bool {
    match &address.source {
        Source::Download(download) => matches!(download.origin, Origin::File(_)),
        Source::Git(git) => matches!(git.remote, Remote::Directory(_)),
        Source::Mercurial(mercurial) => matches!(mercurial.remote, Remote::Directory(_)),
        Source::Oci(_) => false,
    }
}

#[cfg(test)]
mod tests;
