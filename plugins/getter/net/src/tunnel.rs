//! A way through a proxy of HTTP (`CONNECT`, RFC 9110, section 9.3.6).

use std::pin::pin;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, Request};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::upgrade::{self, Upgraded};
use hyper_util::rt::TokioIo;

use crate::fault::{ProxyFault, chain};
use crate::limits::{HEADER_BYTES_LEAST, HEADERS};
use crate::wire::Stream;

/// Asks for a connection to `target`, a host or address and a port.
pub(crate) async fn open(
    io: Stream,
    target: &str,
    authorization: Option<HeaderValue>,
) -> Result<TokioIo<Upgraded>, ProxyFault> {
    let mut builder = http1::Builder::new();
    builder
        .max_buf_size(usize::try_from(HEADER_BYTES_LEAST).unwrap_or(usize::MAX))
        .max_headers(HEADERS);
    let (mut sender, connection) = builder
        .handshake::<_, Empty<Bytes>>(TokioIo::new(io))
        .await
        .map_err(broken)?;
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(target)
        .header(HOST, target);
    if let Some(authorization) = authorization {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request
        .body(Empty::new())
        .map_err(|_| ProxyFault::Protocol("the host cannot be asked for"))?;

    let asked = async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        if !answer.status().is_success() {
            return Err(ProxyFault::Status(answer.status()));
        }
        upgrade::on(answer).await.map(TokioIo::new).map_err(broken)
    };
    let mut asked = pin!(asked);
    let mut connection = pin!(connection.with_upgrades());
    tokio::select! {
        biased;
        answer = &mut asked => answer,
        ended = &mut connection => {
            ended.map_err(broken)?;
            asked.await
        }
    }
}

fn broken(error: hyper::Error) -> ProxyFault {
    ProxyFault::Connection(chain(&error))
}
