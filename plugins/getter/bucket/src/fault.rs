//! Why objects cannot be found or asked for.

use std::time::Duration;

use k1s_getter_net::{Class, Fault, KeyError, NetError, RedirectFault, UrlError};

use crate::page::ListingError;

/// Why objects cannot be found or asked for. Tells nothing that may be secret.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The store does not answer, or not as it should.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The store sends whoever asks to another region, and not where.
    #[error("the bucket is in another region; name it by `region=`")]
    Region(#[source] NetError),
    /// The bucket, or a key, cannot be part of a URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The access key cannot be had.
    #[error("the access key: {0}")]
    Access(#[source] KeyError),
    /// The access key has characters that cannot be sent.
    #[error("the access key has characters that cannot be sent")]
    Characters,
    /// What the store lists is no listing.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// There are more keys than are read.
    #[error("there are more keys below the prefix than the limit keys, {0}")]
    Keys(usize),
    /// There are keys, and none of them can be a path.
    #[error("none of the {0} keys below the prefix can be a path")]
    NoPath(usize),
    /// There is nothing.
    #[error("there is no object of this name, and none below it")]
    Missing,
    /// The clock is outside of all time.
    #[error("this machine's clock is wrong")]
    Clock,
}

impl BucketError {
    /// Returns what may be done about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Net(error) => error.class(),
            Self::Region(_) | Self::Url(_) | Self::Clock => Class::Refused,
            Self::Access(_) | Self::Characters => Class::Auth,
            Self::Listing(_) | Self::NoPath(_) => Class::Broken,
            Self::Keys(_) => Class::TooLarge,
            Self::Missing => Class::Missing,
        }
    }

    /// Returns how long to wait before the store is asked again, if it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Net(error) => error.retry_after(),
            Self::Region(_)
            | Self::Url(_)
            | Self::Clock
            | Self::Access(_)
            | Self::Characters
            | Self::Listing(_)
            | Self::Keys(_)
            | Self::NoPath(_)
            | Self::Missing => None,
        }
    }

    /// Says of an error what it means of a store.
    pub(crate) fn of(error: NetError) -> Self {
        if matches!(error.fault, Fault::Redirect(RedirectFault::Missing)) {
            Self::Region(error)
        } else {
            Self::Net(error)
        }
    }
}
