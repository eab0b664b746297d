//! The origin that is a server of HTTP: a file or an archive at a URL.
//!
//! Asked on condition of what it said last (`ETag`, `Last-Modified`), so that an unchanged file costs one answer without a
//! body. What comes goes into a file of ours, is verified, and only then looked into.
//!
//! Pages for people are refused, whatever their status is: a login page is no manifest. `X-Terraform-Get` is not followed,
//! and told as an error.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k1s_getter_address::{Archive, Checksum, Digest, Download, Origin as AddressOrigin, Site};
use k1s_getter_net::{self as net, Client, Credential, Length, Request, Url, Validators};
use tokio::task::spawn_blocking;

use crate::cache::Cache;
use crate::config::{Access, Bounds};
use crate::content::Content;
use crate::guest::Guest;
use crate::network::{Network, NetworkError};
use crate::origin::{Contents, Looked, Meter, Origin, OriginError, Pending};
use crate::sums;
use crate::tree::{Mark, Tree};
use crate::unpack::{Parcel, revision, unpack, verify};
use crate::whose::whose;
use crate::wish::Wish;

/// How often it is looked how much of a download is there.
const MEASURED_EVERY: Duration = Duration::from_millis(200);
/// How much of a file is looked at to tell a page for people, in bytes.
const SNIFFED_BYTES: u64 = 512;
/// What a file is called whose URL has no name.
const NAMELESS: &str = "manifest";

/// A server of HTTP.
pub(crate) struct Http {
    site: Site,
    download: Download,
    name: String,
    bounds: Bounds,
    network: Arc<Network>,
    cache: Arc<Cache>,
    meter: Arc<Meter>,
    guest: Guest,
    /// Set up with the first look, and whenever another asks.
    asked: Option<(Client, Url)>,
}

/// What is remembered of a download.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Remembered {
    revision: String,
    /// What it was verified against.
    expected: Option<String>,
    /// Whose view it is.
    whose: String,
    validators: Validators,
}

impl Http {
    /// Begins with what an address names.
    pub(crate) fn new(site: &Site, download: &Download, access: &Access, cache: Arc<Cache>, meter: Arc<Meter>) -> Self {
        let path = site.decoded_path();
        let last = path.rsplit('/').next().filter(|name| !matches!(*name, "" | "." | ".."));
        Self {
            site: site.clone(),
            name: download
                .filename
                .clone()
                .unwrap_or_else(|| last.unwrap_or(NAMELESS).to_owned()),
            download: download.clone(),
            bounds: access.bounds,
            network: Arc::clone(&access.network),
            cache,
            meter,
            guest: Guest::default(),
            asked: None,
        }
    }

    /// Returns what asks, which is set up the first time, and whenever another asks.
    async fn client(&mut self) -> Result<(Client, Url), OriginError> {
        let word = self.guest.word(&self.network).await?;
        if word.is_other {
            self.asked = None;
        }
        if let Some(asked) = &self.asked {
            return Ok(asked.clone());
        }
        let (network, site) = (Arc::clone(&self.network), self.site.clone());
        let made = spawn_blocking(move || {
            let url = Url::of(&site).map_err(NetworkError::Url)?;
            Ok((network.client(&site, word.credential)?, url))
        })
        .await?;
        let asked = made.map_err(OriginError::Network)?;
        self.asked = Some(asked.clone());
        Ok(asked)
    }

    async fn changed(&mut self, last: Option<&Mark>, wish: &Wish) -> Result<Looked, OriginError> {
        let (client, url) = self.client().await?;
        let expected = self.expected(&client).await?;
        let asking = Asking {
            client: &client,
            request: Request::get(url),
            whose: self.whose(),
            known: None,
            name: self.name.clone(),
            archive: self.download.archive,
            expected,
            bounds: self.bounds,
            cache: &self.cache,
            meter: &self.meter,
        };
        asking.look(last, wish).await
    }

    /// Returns whose view of what is seen there.
    fn whose(&self) -> String {
        let own = self.site.login.as_ref().map(Credential::of);
        let credentials = &self.network.credentials;
        let certificate = credentials.certificate.as_ref();
        let certificate = certificate.map(|(path, _)| path.to_string_lossy()).unwrap_or_default();
        let headers = credentials.headers.as_deref().map(Path::to_string_lossy);
        let (parameters, lender) = (self.site.parameters.encoded(), credentials.lender());
        whose(
            credentials.word.as_ref().or(own.as_ref()),
            &[parameters.expose(), &certificate, &headers.unwrap_or_default(), &lender],
        )
    }

    /// Returns the checksum that the file must have, which may have to be asked for.
    async fn expected(&self, client: &Client) -> Result<Option<Digest>, OriginError> {
        let sums = match &self.download.checksum {
            None => return Ok(None),
            Some(Checksum::Digest(digest)) => return Ok(Some(digest.clone())),
            Some(Checksum::File(sums)) => sums,
        };
        let AddressOrigin::Http(site) = &sums.origin else {
            return Err(OriginError::ForeignSums);
        };
        let sums_url = Url::of(site).map_err(|error| OriginError::Network(NetworkError::Url(error)))?;
        let (own, place) = (self.site.decoded_path(), site.decoded_path());
        let asked = sums::ask(client, Request::get(sums_url), &own, &place);
        asked.await.map(Some)
    }
}

impl Origin for Http {
    fn look<'a>(&'a mut self, last: Option<&'a Mark>, wish: &'a Wish) -> Pending<'a, Looked> {
        Box::pin(async move {
            let changed = self.changed(last, wish).await;
            self.guest.told(changed)
        })
    }

    fn bring<'a>(&'a mut self, _wanted: &'a BTreeSet<Content>) -> Pending<'a, ()> {
        // A look puts all that may be wanted into the cache.
        Box::pin(std::future::ready(Ok(())))
    }

    fn contents(&self) -> Box<dyn Contents> {
        Box::new(Arc::clone(&self.cache))
    }
}

/// A file that is asked for over HTTP, whatever it is part of.
pub(crate) struct Asking<'a> {
    /// Who asks.
    pub(crate) client: &'a Client,
    /// For what.
    pub(crate) request: Request,
    /// Whose view of which place it is.
    pub(crate) whose: String,
    /// What it is now, where that was asked before and the request is for that alone.
    pub(crate) known: Option<Validators>,
    /// What the file is called.
    pub(crate) name: String,
    /// How it is packed.
    pub(crate) archive: Option<Archive>,
    /// The checksum that it must have.
    pub(crate) expected: Option<Digest>,
    /// How much is taken.
    pub(crate) bounds: Bounds,
    /// Where it is kept.
    pub(crate) cache: &'a Arc<Cache>,
    /// What is told how much came.
    pub(crate) meter: &'a Meter,
}

impl Asking<'_> {
    /// Asks for it, unless it is what `last` is the mark of.
    pub(crate) async fn look(self, last: Option<&Mark>, wish: &Wish) -> Result<Looked, OriginError> {
        let Self {
            client,
            request,
            whose,
            known,
            name,
            archive,
            expected,
            bounds,
            cache,
            meter,
        } = self;
        let last = last
            .and_then(Remembered::read)
            .filter(|last| last.whose == whose && last.is_verified(expected.as_ref()));
        let request = match (&last, &known) {
            (Some(last), Some(known)) if last.validators == *known => return Ok(Looked::Same),
            (Some(last), None) => request.unless(&last.validators),
            (_, _) => request,
        };
        // Servers say of an archive that it is coded as its name tells anyway.
        let request = match archive {
            Some(_) => request.as_sent(),
            None => request,
        };
        let file = cache.unfinished()?;
        let system = |source: io::Error| cache.system(source);
        let mut writer = tokio::fs::File::from_std(file.reopen().map_err(system)?);
        let length = Length::default();
        let downloading = client.download(request.telling(&length), &mut writer);
        let downloaded = measured(file.path(), (meter, &length), downloading).await;
        let (headers, validators) = match downloaded.map_err(OriginError::Net)? {
            net::Download::Unchanged => return Ok(Looked::Same),
            net::Download::Whole {
                headers, validators, ..
            } => (headers, validators),
        };
        let content_type = headers.get("content-type").and_then(|value| value.to_str().ok());
        let parcel = Parcel {
            file: file.reopen().map_err(system)?,
            name,
            archive,
        };
        let opening = Opening {
            is_said_to_be_a_page: content_type.is_some_and(is_page_type),
            parcel,
            expected,
            whose,
            validators: known.unwrap_or(validators),
            wish: wish.clone(),
            bounds,
            cache: Arc::clone(cache),
        };
        Ok(Looked::Other(spawn_blocking(move || opening.tree()).await??))
    }
}

/// A download that came whole, before anything of it is believed.
struct Opening {
    parcel: Parcel,
    is_said_to_be_a_page: bool,
    expected: Option<Digest>,
    whose: String,
    validators: Validators,
    wish: Wish,
    bounds: Bounds,
    cache: Arc<Cache>,
}

impl Opening {
    fn tree(self) -> Result<Tree, OriginError> {
        let Self {
            mut parcel,
            is_said_to_be_a_page,
            expected,
            whose,
            validators,
            wish,
            bounds,
            cache,
        } = self;
        let is_page =
            is_said_to_be_a_page || looks_like_a_page(&mut parcel.file).map_err(|error| cache.system(error))?;
        if is_page {
            return Err(OriginError::Page);
        }
        let hash = verify(&mut parcel.file, expected.as_ref())?;
        let tree = unpack(parcel, &wish, &bounds.archive, &cache)?;
        let remembered = Remembered {
            revision: revision(&hash),
            expected: expected.map(|digest| digest.to_string()),
            whose,
            validators,
        };
        Ok(Tree {
            mark: remembered.mark(),
            revision: remembered.revision,
            ..tree
        })
    }
}

impl Remembered {
    fn mark(&self) -> Mark {
        let expected = self.expected.as_deref().unwrap_or("-");
        Mark(format!(
            "{}\n{expected}\n{}\n{}",
            self.revision, self.whose, self.validators
        ))
    }

    /// Reads what is remembered of a file; none for a mark of something else.
    fn read(mark: &Mark) -> Option<Self> {
        let mut lines = mark.0.splitn(4, '\n');
        let (revision, expected) = (lines.next()?, lines.next()?);
        let (whose, validators) = (lines.next()?, lines.next()?);
        Some(Self {
            revision: revision.to_owned(),
            expected: Some(expected).filter(|text| *text != "-").map(str::to_owned),
            whose: whose.to_owned(),
            validators: validators.parse().ok()?,
        })
    }

    /// Returns whether it has the checksum that is expected now.
    fn is_verified(&self, expected: Option<&Digest>) -> bool {
        expected.is_none_or(|digest| self.expected.as_deref() == Some(digest.to_string().as_str()))
    }
}

/// Waits for a download, and adds to the meter what is there of it.
async fn measured<T>(path: &Path, (meter, length): (&Meter, &Length), downloading: impl Future<Output = T>) -> T {
    let mut ticks = tokio::time::interval(MEASURED_EVERY);
    let mut told = 0;
    let mut tell = || {
        let bytes = std::fs::metadata(path).map_or(0, |found| found.len());
        meter.add(bytes.saturating_sub(told));
        told = told.max(bytes);
        if let Some(length) = length.bytes() {
            meter.expect(length.saturating_sub(told));
        }
    };
    tokio::pin!(downloading);
    loop {
        tokio::select! {
            done = &mut downloading => {
                tell();
                return done;
            }
            _ = ticks.tick() => tell(),
        }
    }
}

fn is_page_type(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml"]
        .iter()
        .any(|page| essence.eq_ignore_ascii_case(page))
}

/// Returns whether a file begins as a page for people does; it is read from its start again.
fn looks_like_a_page(file: &mut File) -> io::Result<bool> {
    let mut bytes = Vec::new();
    file.take(SNIFFED_BYTES).read_to_end(&mut bytes)?;
    file.seek(SeekFrom::Start(0))?;
    let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    Ok(["<!doctype html", "<html"].iter().any(|start| text.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use k1s_getter_address::Algorithm;

    use super::*;

    #[test]
    fn what_is_remembered_survives_and_holds_for_its_checksum_only() {
        let digest = |text: &str| Digest::of(Algorithm::Md5, &text.repeat(16)).unwrap();
        for expected in [None, Some(digest("00"))] {
            let remembered = Remembered {
                revision: "sha256:ab".to_owned(),
                expected: expected.as_ref().map(ToString::to_string),
                whose: "somebody".to_owned(),
                validators: r#""tag" Sun, 06 Nov 1994 08:49:37 GMT"#.parse().unwrap(),
            };
            let read = Remembered::read(&remembered.mark()).unwrap();
            assert_eq!(read, remembered);
            assert!(read.is_verified(expected.as_ref()) && !read.is_verified(Some(&digest("11"))));
        }
        assert_eq!(Remembered::read(&Mark("sha256:ab".to_owned())), None);
    }

    #[test]
    fn h10_pages_for_people_are_told_from_manifests() {
        for (text, is_page) in [
            ("<!DOCTYPE html>\n<title>Log in</title>", true),
            ("\u{feff} \n<HTML lang=en>", true),
            ("apiVersion: v1", false),
            ("# <html>", false),
            ("", false),
        ] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file.seek(SeekFrom::Start(0)).unwrap();
            assert_eq!(looks_like_a_page(&mut file).unwrap(), is_page, "{text}");
        }
        assert!(is_page_type("Text/HTML; charset=utf-8") && !is_page_type("text/plain"));
    }
}
