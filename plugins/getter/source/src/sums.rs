//! Files of checksums: what the one of a file says.

use k1s_getter_address::{Digest, SUMS_BYTES, Sums};
#[cfg(feature = "http")]
use k1s_getter_net::{Client, Request};

use crate::origin::OriginError;

/// The longest file of checksums, in bytes.
#[must_use]
pub(crate) fn most() -> u64 {
    u64::try_from(SUMS_BYTES).unwrap_or(u64::MAX)
}

/// Finds the checksum of the file at `own` in a file of checksums at `place`.
///
/// # Errors
/// Fails if that is none, or has nothing of the file.
pub(crate) fn find(sums: &[u8], own: &str, place: &str) -> Result<Digest, OriginError> {
    let sums = Sums::parse(sums).map_err(OriginError::Sums)?;
    Ok(sums.find(own, place).map_err(OriginError::Sums)?.clone())
}

/// Asks for the file of checksums at `place`, and finds that of the file at `own` in it.
///
/// # Errors
/// As [`find`], and if it cannot be had.
#[cfg(feature = "http")]
pub(crate) async fn ask(client: &Client, request: Request, own: &str, place: &str) -> Result<Digest, OriginError> {
    let sent = client.send(request.at_most(most())).await;
    let body = sent.map_err(OriginError::Net)?.into_body();
    let bytes = body.collect(most()).await.map_err(OriginError::Net)?;
    find(&bytes, own, place)
}
