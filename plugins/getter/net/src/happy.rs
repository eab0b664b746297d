//! Connecting to a host that has several addresses.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::fault::DialError;

/// How long an address has before the next one is tried beside it (RFC 8305, section 8).
const STAGGER: Duration = Duration::from_millis(250);
/// The most addresses of a host that are tried.
pub(crate) const ADDRESSES: usize = 16;

/// Connects to whichever address answers first; each later one begins a little later.
pub(crate) async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, DialError> {
    let mut attempts: FuturesUnordered<_> = addresses
        .iter()
        .take(ADDRESSES)
        .zip(0..)
        .map(|(address, number)| attempt(SocketAddr::new(*address, port), STAGGER.saturating_mul(number)))
        .collect();
    let mut failed = DialError::NoAddress;
    while let Some(attempted) = attempts.next().await {
        match attempted {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

async fn attempt(address: SocketAddr, delay: Duration) -> Result<TcpStream, DialError> {
    if !delay.is_zero() {
        sleep(delay).await;
    }
    let failed = |source| DialError::Connect { address, source };
    let stream = TcpStream::connect(address).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}
