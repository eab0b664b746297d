//! The origin that is a repository of Mercurial behind HTTP(S), as its own server (`hgweb`) shows it.
//!
//! A poll asks what a revision stands for now (`lookup`), which is one short answer. Of another changeset come the pages of those
//! directories in which something may be wanted (`json-manifest`), and the files that are (`raw-file`), all of them by the full
//! name of the changeset. The pages do not tell which files are as they were, so that all that are wanted come again.
//!
//! Nothing of Mercurial's is executed, so what only its programs reach is not supported: SSH, and repositories on this machine.
//! Links are told and not followed, and subrepositories are not fetched.
//!
//! Invariant: a tree is of one changeset; a page or a file that is missing of it is an error.

mod page;

use std::collections::BTreeSet;
use std::sync::Arc;

use k1s_getter_address::{Mercurial as Named, Remote, Revision, Site, Transport};
use k1s_getter_net::{Class as NetClass, Client, NetError, Request, Url, UrlError};
use k1s_manifests::RelPath;
use tokio::task::{JoinSet, spawn_blocking};

use crate::cache::{Cache, CacheError, Put};
use crate::config::Access;
use crate::content::Content;
use crate::network::NetworkError;
use crate::origin::{Contents, Looked, Meter, Origin, OriginError, Pending};
use crate::tree::{Blob, Class, Entry, Kind, Mark, Mode, Refusal, Shape, Tree};
use crate::wish::Wish;

use page::{File, Node};

pub(crate) use page::PageError;

/// What is meant where no revision is named: where a clone begins to work.
const DEFAULT: &str = "default";
/// The longest answer to `lookup`, in bytes.
const LOOKUP_BYTES: u64 = 64 << 10;
/// The longest description of a directory, in bytes.
const PAGE_BYTES: u64 = 16 << 20;
/// How deep directories may lie in each other.
const DEPTH: usize = 64;
/// How many files are asked for at the same time.
const PARALLEL: usize = 4;

/// A repository of Mercurial does not give what is wanted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MercurialError {
    /// The server does not answer, or not as it should.
    #[error(transparent)]
    Net(NetError),
    /// What it answers is none.
    #[error(transparent)]
    Page(#[from] PageError),
    /// A path cannot be part of a URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Directories lie too deep in each other.
    #[error("its directories are more than {DEPTH} deep")]
    TooDeep,
    /// It has more than is read.
    #[error("more than {0} files and directories")]
    TooMany(u64),
    /// The files are larger together than is read.
    #[error("its files are more than {0} bytes together")]
    TooLarge(u64),
    /// A file is not as long as it was said to be.
    #[error("{0} is not as long as the server says")]
    Length(RelPath),
}

impl MercurialError {
    /// Returns what may be done about it.
    #[must_use]
    pub(crate) fn class(&self) -> NetClass {
        match self {
            Self::Net(error) => error.class(),
            Self::Page(PageError::Unknown) => NetClass::Missing,
            Self::Page(PageError::Strange | PageError::Directory) | Self::Length(_) => NetClass::Broken,
            Self::Url(_) => NetClass::Refused,
            Self::TooDeep | Self::TooMany(_) | Self::TooLarge(_) => NetClass::TooLarge,
        }
    }

    /// Returns the error of the network that it is.
    #[must_use]
    pub(crate) fn net(&self) -> Option<&NetError> {
        if let Self::Net(error) = self { Some(error) } else { None }
    }
}

/// Tells whether a repository is behind what is spoken here.
///
/// # Errors
/// Fails with the name of what is not.
pub(crate) fn supports(named: &Named) -> Result<&Site, &'static str> {
    match &named.remote {
        Remote::Site(site) => match site.transport {
            Transport::Http | Transport::Https => Ok(site),
            Transport::Ssh | Transport::Git | Transport::File => Err("Mercurial over other transports than HTTP"),
        },
        Remote::Directory(_) => Err("Mercurial on this machine, whose programs would have to be executed,"),
    }
}

/// A repository of Mercurial.
pub(crate) struct Mercurial {
    site: Site,
    revision: String,
    access: Access,
    cache: Arc<Cache>,
    meter: Arc<Meter>,
    /// Set up with the first look.
    asked: Option<Asked>,
}

/// What asks.
#[derive(Clone)]
struct Asked {
    client: Client,
    base: Url,
}

/// What may be wanted of a changeset, as far as it was looked at.
#[derive(Default)]
struct Survey {
    tree: Tree,
    wanted: Vec<(RelPath, File)>,
    seen: u64,
    bytes: u64,
}

impl Mercurial {
    /// Begins with what an address names.
    pub(crate) fn new(named: &Named, site: &Site, access: &Access, cache: Arc<Cache>, meter: Arc<Meter>) -> Self {
        let revision = named.revision.as_ref().map_or(DEFAULT, Revision::as_str);
        Self {
            site: site.clone(),
            revision: revision.to_owned(),
            access: access.clone(),
            cache,
            meter,
            asked: None,
        }
    }

    async fn asked(&mut self) -> Result<Asked, OriginError> {
        if let Some(asked) = &self.asked {
            return Ok(asked.clone());
        }
        let (network, site) = (Arc::clone(&self.access.network), self.site.clone());
        // Certificates are read from files.
        let made = spawn_blocking(move || {
            let base = Url::of(&site).map_err(NetworkError::Url)?;
            let client = network.client(&site, None)?;
            Ok(Asked { client, base })
        })
        .await?;
        let asked = made.map_err(OriginError::Network)?;
        self.asked = Some(asked.clone());
        Ok(asked)
    }

    async fn changed(&mut self, last: Option<&Mark>, wish: &Wish) -> Result<Looked, OriginError> {
        let asked = self.asked().await?;
        let node = match wish.pinned.as_deref().and_then(Node::read) {
            Some(node) => node,
            None => self.lookup(&asked).await?,
        };
        let mark = Mark(node.as_str().to_owned());
        if last == Some(&mark) {
            return Ok(Looked::Same);
        }
        let Survey { mut tree, wanted, .. } = self.survey(&asked, &node, wish).await?;
        let brought = self.fetch(&asked, &node, wanted, wish.file_bytes).await?;
        tree.entries.extend(brought);
        Ok(Looked::Other(Tree {
            revision: node.as_str().to_owned(),
            mark,
            ..tree
        }))
    }

    /// Asks what the revision stands for now.
    async fn lookup(&self, asked: &Asked) -> Result<Node, MercurialError> {
        let parameters = [("cmd", "lookup"), ("key", self.revision.as_str())];
        let answer = asked.get("", &parameters, LOOKUP_BYTES).await?;
        Ok(page::lookup(&answer)?)
    }

    /// Looks into the directories in which something may be wanted.
    async fn survey(&self, asked: &Asked, node: &Node, wish: &Wish) -> Result<Survey, MercurialError> {
        let mut survey = Survey::default();
        survey.tree.shape = Shape::Many;
        let mut open = vec![RelPath::root()];
        while let Some(directory) = open.pop() {
            let page = format!("json-manifest/{}/{directory}", node.as_str());
            let answer = asked.get(page.trim_end_matches('/'), &[], PAGE_BYTES).await?;
            let found = page::directory(&answer, node)?;
            survey.count(
                found.directories.len() + found.files.len(),
                self.access.bounds.archive.entries,
            )?;
            let below = found.directories.iter().map(|below| directory.join(&below.name));
            for path in below.filter(|path| wish.enters(path)) {
                if path.parts().count() > DEPTH {
                    return Err(MercurialError::TooDeep);
                }
                if wish.is_root(&path) {
                    survey.tree.roots.insert(path.clone());
                }
                open.push(path);
            }
            for file in found.files {
                let path = directory.join(&file.name);
                survey.add(path, file, wish, self.access.bounds.archive.total_bytes)?;
            }
        }
        Ok(survey)
    }

    /// Brings files into the cache.
    async fn fetch(
        &self,
        asked: &Asked,
        node: &Node,
        wanted: Vec<(RelPath, File)>,
        most: u64,
    ) -> Result<Vec<Entry>, OriginError> {
        let mut wanted = wanted.into_iter();
        let (mut running, mut brought) = (JoinSet::new(), Vec::new());
        loop {
            while running.len() < PARALLEL
                && let Some((path, file)) = wanted.next()
            {
                let (asked, node, cache) = (asked.clone(), node.clone(), Arc::clone(&self.cache));
                running.spawn(async move { asked.bring(&node, path, file, &cache, most).await });
            }
            let Some(done) = running.join_next().await else {
                return Ok(brought);
            };
            let entry = done??;
            if let Kind::File(Blob { bytes: Some(bytes), .. }) = &entry.kind {
                self.meter.add(*bytes);
            }
            brought.push(entry);
        }
    }
}

impl Survey {
    fn count(&mut self, more: usize, most: u64) -> Result<(), MercurialError> {
        self.seen = self.seen.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        if self.seen > most {
            return Err(MercurialError::TooMany(most));
        }
        Ok(())
    }

    /// Notes a file that may be wanted.
    fn add(&mut self, path: RelPath, file: File, wish: &Wish, most: u64) -> Result<(), MercurialError> {
        let kind = match file.flags.as_str() {
            "l" => Kind::Link,
            "" | "x" if file.size > wish.file_bytes => {
                let said = format!("larger than maxFileBytes, {} bytes", wish.file_bytes);
                Kind::Refused(Refusal::new(Class::TooLarge, said))
            }
            "" | "x" if wish.takes(&path) => {
                self.bytes = self.bytes.saturating_add(file.size);
                if self.bytes > most {
                    return Err(MercurialError::TooLarge(most));
                }
                self.wanted.push((path, file));
                return Ok(());
            }
            "" | "x" => return Ok(()),
            _ => Kind::Refused(Refusal::new(Class::Unsupported, "is of a kind that is not known")),
        };
        // A link may stand where a directory is wanted.
        let is_told = wish.takes(&path) || matches!(kind, Kind::Link) && (wish.is_root(&path) || wish.enters(&path));
        if is_told {
            self.tree.entries.push(Entry { path, kind });
        }
        Ok(())
    }
}

impl Asked {
    async fn get(&self, page: &str, parameters: &[(&str, &str)], most: u64) -> Result<Vec<u8>, MercurialError> {
        let url = self.base.below(page, parameters)?;
        let answer = self.client.send(Request::get(url).at_most(most)).await;
        let body = answer.map_err(MercurialError::Net)?.into_body();
        let bytes = body.collect(most).await.map_err(MercurialError::Net)?;
        Ok(bytes.to_vec())
    }

    /// Brings one file into the cache.
    async fn bring(
        &self,
        node: &Node,
        path: RelPath,
        file: File,
        cache: &Arc<Cache>,
        most: u64,
    ) -> Result<Entry, OriginError> {
        let page = format!("raw-file/{}/{path}", node.as_str());
        let bytes = match self.get(&page, &[], file.size).await {
            Err(MercurialError::Net(error)) if !path.as_str().is_ascii() && error.class() == NetClass::Unavailable => {
                // Mercurial's own server cannot say such a name in a header, and fails.
                let said = "the server fails at this file, whose name is not of ASCII";
                let kind = Kind::Refused(Refusal::new(Class::Unavailable, said));
                return Ok(Entry { path, kind });
            }
            answered => answered?,
        };
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) != file.size {
            return Err(MercurialError::Length(path).into());
        }
        let cache = Arc::clone(cache);
        let put = spawn_blocking(move || cache.put(&mut bytes.as_slice(), most)).await??;
        let Put::Whole { content, .. } = put else {
            return Err(CacheError::TooLarge(most).into());
        };
        let mode = if file.flags == "x" {
            Mode::Executable
        } else {
            Mode::Plain
        };
        let kind = Kind::File(Blob {
            content,
            bytes: Some(file.size),
            mode,
        });
        Ok(Entry { path, kind })
    }
}

impl Origin for Mercurial {
    fn look<'a>(&'a mut self, last: Option<&'a Mark>, wish: &'a Wish) -> Pending<'a, Looked> {
        Box::pin(self.changed(last, wish))
    }

    fn bring<'a>(&'a mut self, _wanted: &'a BTreeSet<Content>) -> Pending<'a, ()> {
        // A look puts all that may be wanted into the cache.
        Box::pin(std::future::ready(Ok(())))
    }

    fn contents(&self) -> Box<dyn Contents> {
        Box::new(Arc::clone(&self.cache))
    }
}
