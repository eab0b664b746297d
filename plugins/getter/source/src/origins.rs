//! The origins that this program was built with, each for its kind of address.

use std::sync::Arc;

#[cfg(feature = "oci")]
use k1s_getter_address::Oci;
#[cfg(feature = "http")]
use k1s_getter_address::Site;
use k1s_getter_address::{Address, Download, Origin as Place, Source};

use crate::cache::Cache;
use crate::config::Access;
#[cfg(feature = "git")]
use crate::git::{self, Git};
#[cfg(feature = "http")]
use crate::http::Http;
use crate::local::Local;
#[cfg(feature = "hg")]
use crate::mercurial::{self, Mercurial};
#[cfg(feature = "oci")]
use crate::oci::Artifact;
use crate::origin::{Meter, Origin};
#[cfg(feature = "bucket")]
use crate::store::{Place as BucketPlace, Store};

/// An address is of a kind that nothing here fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not supported in this version")]
pub(crate) struct Unsupported(&'static str);

/// What fetches an address.
enum Way<'a> {
    Local(&'a str, &'a Download),
    #[cfg(feature = "oci")]
    Oci(&'a Oci),
    #[cfg(feature = "http")]
    Http(&'a Site, &'a Download),
    #[cfg(feature = "git")]
    Git(&'a k1s_getter_address::Git),
    #[cfg(feature = "hg")]
    Mercurial(&'a k1s_getter_address::Mercurial, &'a Site),
    #[cfg(feature = "bucket")]
    Bucket(BucketPlace, &'a Download),
}

fn way(address: &Address) -> Result<Way<'_>, Unsupported> {
    match &address.source {
        #[cfg(feature = "git")]
        Source::Git(named) => git::supports(&named.remote)
            .map(|()| Way::Git(named))
            .map_err(Unsupported),
        #[cfg(not(feature = "git"))]
        Source::Git(_) => Err(Unsupported("git")),
        #[cfg(feature = "hg")]
        Source::Mercurial(named) => match mercurial::supports(named) {
            Ok(site) => Ok(Way::Mercurial(named, site)),
            Err(what) => Err(Unsupported(what)),
        },
        #[cfg(not(feature = "hg"))]
        Source::Mercurial(_) => Err(Unsupported("Mercurial")),
        #[cfg(feature = "oci")]
        Source::Oci(oci) => Ok(Way::Oci(oci)),
        #[cfg(not(feature = "oci"))]
        Source::Oci(_) => Err(Unsupported("oci://")),
        Source::Download(download) => match &download.origin {
            Place::File(path) => Ok(Way::Local(path, download)),
            #[cfg(feature = "http")]
            Place::Http(site) => Ok(Way::Http(site, download)),
            #[cfg(not(feature = "http"))]
            Place::Http(_) => Err(Unsupported("HTTP")),
            origin @ Place::S3(_) => bucket(origin, download, "S3"),
            origin @ Place::Gcs(_) => bucket(origin, download, "Google Cloud Storage"),
            origin @ Place::Azure(_) => bucket(origin, download, "Azure Blob Storage"),
        },
    }
}

#[cfg(feature = "bucket")]
fn bucket<'a>(origin: &Place, download: &'a Download, kind: &'static str) -> Result<Way<'a>, Unsupported> {
    let place = BucketPlace::of(origin).ok_or(Unsupported(kind))?;
    Ok(Way::Bucket(place, download))
}

#[cfg(not(feature = "bucket"))]
fn bucket<'a>(_: &Place, _: &'a Download, kind: &'static str) -> Result<Way<'a>, Unsupported> {
    Err(Unsupported(kind))
}

/// Tells whether an address is of a kind that something here fetches.
///
/// # Errors
/// Fails with the name of the kind.
pub(crate) fn supports(address: &Address) -> Result<(), Unsupported> {
    way(address).map(drop)
}

/// Opens the origin of an address, without reaching for it; it adds what it brings to `meter`.
///
/// # Errors
/// As [`supports`].
pub(crate) fn open(
    address: &Address,
    access: &Access,
    cache: Arc<Cache>,
    meter: &Arc<Meter>,
) -> Result<Box<dyn Origin>, Unsupported> {
    Ok(match way(address)? {
        #[cfg(feature = "bucket")]
        Way::Bucket(place, download) => Box::new(Store::new(place, download, access, cache, Arc::clone(meter))),
        #[cfg(feature = "http")]
        Way::Http(site, download) => Box::new(Http::new(site, download, access, cache, Arc::clone(meter))),
        #[cfg(feature = "git")]
        Way::Git(named) => Box::new(Git::new(named, access, &cache, Arc::clone(meter))),
        #[cfg(feature = "oci")]
        Way::Oci(oci) => Box::new(Artifact::new(oci, access, cache, Arc::clone(meter))),
        #[cfg(feature = "hg")]
        Way::Mercurial(named, site) => Box::new(Mercurial::new(named, site, access, cache, Arc::clone(meter))),
        Way::Local(path, download) => Box::new(Local::new(path, download, access, cache, Arc::clone(meter))),
    })
}
