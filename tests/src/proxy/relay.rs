//! The thread of a proxy: connections that come, orders, and what is written down of requests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::asked::{Asked, Kind};
use super::body::{Break, Place, Relayed, Source};
use super::fault::{Fault, Refusal, Rule};
use super::{Face, Faces, Order};
use crate::upstream::Upstream;

/// What a proxy knows.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    rules: Vec<Rule>,
    asked: Vec<Asked>,
    /// Answers on their way, by the number of their request: what breaks their connection.
    open: BTreeMap<usize, oneshot::Sender<()>>,
}

/// Serves until nobody gives orders any more.
pub(super) async fn serve(
    listener: TcpListener,
    upstream: Upstream,
    faces: Faces,
    mut orders: mpsc::Receiver<Order>,
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (ledger, upstream) = (Rc::new(RefCell::new(Ledger::default())), Rc::new(upstream));
    let mut face = faces.of(Face::Trusted);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let tls = TlsAcceptor::from(Arc::clone(&face));
                let served = converse(accepted?.0, tls, Rc::clone(&upstream), Rc::clone(&ledger));
                // Whatever ends it, the other side knows.
                connections.spawn_local(async { drop(served.await) });
            }
            // Those that ended are let go of.
            Some(_) = connections.join_next() => {}
            order = orders.recv() => match order {
                None => return Ok(()),
                Some(Order::Show(shown, done)) => {
                    connections.shutdown().await;
                    face = faces.of(shown);
                    tell(done, ());
                }
                Some(Order::Follow(rules, done)) => {
                    ledger.borrow_mut().rules = rules;
                    tell(done, ());
                }
                Some(Order::Tell(done)) => tell(done, ledger.borrow().asked.clone()),
                Some(Order::Cut(kind, done)) => tell(done, ledger.borrow_mut().cut(kind)),
            }
        }
    }
}

/// Tells whoever gave an order, if they still wait.
fn tell<T>(done: oneshot::Sender<T>, value: T) {
    done.send(value).ok();
}

async fn converse(
    stream: TcpStream,
    tls: TlsAcceptor,
    upstream: Rc<Upstream>,
    ledger: Rc<RefCell<Ledger>>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let stream = tls.accept(stream).await?;
    let service = service_fn(move |request| answer(Rc::clone(&upstream), Rc::clone(&ledger), request));
    Ok(http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await?)
}

async fn answer(
    upstream: Rc<Upstream>,
    ledger: Rc<RefCell<Ledger>>,
    request: Request<Incoming>,
) -> Result<Response<Relayed>, Break> {
    let (number, fault, mut cut) = ledger.borrow_mut().note(Asked::of(request.method(), request.uri()));
    let place = Place {
        ledger: Rc::clone(&ledger),
        number,
    };
    match &fault {
        Some(Fault::Refused(refusal)) => return refuse(refusal, cut, place),
        Some(Fault::Broken) => return Err(Break),
        Some(Fault::Ignored) => {
            drop((&mut cut).await);
            return Err(Break);
        }
        Some(Fault::Torn(_) | Fault::Ended(_) | Fault::Said(..) | Fault::Slow(..) | Fault::Dated(_)) | None => {}
    }
    let (mut sender, bytes) = upstream.connect().await.map_err(|_| Break)?;
    let mut driver = JoinSet::new();
    // What ends it, the request that suffers from it tells.
    driver.spawn(async { drop(bytes.await) });
    let response = tokio::select! {
        response = sender.send_request(request) => response.map_err(|_| Break)?,
        _ = &mut cut => return Err(Break),
    };
    let (mut parts, body) = response.into_parts();
    match &fault {
        // What is ended early is not as long as it was said to be.
        Some(Fault::Ended(_) | Fault::Said(..)) => drop(parts.headers.remove(CONTENT_LENGTH)),
        Some(Fault::Dated(skew)) => {
            let date = httpdate::fmt_http_date(skew.now());
            parts
                .headers
                .insert(DATE, HeaderValue::try_from(date).map_err(|_| Break)?);
        }
        Some(Fault::Refused(_) | Fault::Ignored | Fault::Broken | Fault::Torn(_) | Fault::Slow(..)) | None => {}
    }
    ledger.borrow_mut().answered(number, parts.status);
    let body = Relayed::new(Source::Cluster { body, driver }, fault, cut, place);
    Ok(Response::from_parts(parts, body))
}

fn refuse(refusal: &Refusal, cut: oneshot::Receiver<()>, place: Place) -> Result<Response<Relayed>, Break> {
    let status = StatusCode::from_u16(refusal.status).map_err(|_| Break)?;
    place.ledger.borrow_mut().answered(place.number, status);
    let mut response = Response::new(Relayed::said(refusal.document().to_string(), cut, place));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(time) = refusal.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(time.as_secs()));
    }
    Ok(response)
}

impl Ledger {
    /// Writes a request down, and returns its number, how it fails, and what completes when its connection has to break.
    fn note(&mut self, asked: Asked) -> (usize, Option<Fault>, oneshot::Receiver<()>) {
        // Each rule counts it.
        let verdicts: Vec<Fault> = self.rules.iter_mut().filter_map(|rule| rule.judge(&asked)).collect();
        let number = self.asked.len();
        self.asked.push(asked);
        let (cut, is_cut) = oneshot::channel();
        self.open.insert(number, cut);
        (number, verdicts.into_iter().next(), is_cut)
    }

    fn answered(&mut self, number: usize, status: StatusCode) {
        self.asked[number].status = Some(status.as_u16());
    }

    pub(super) fn passed(&mut self, number: usize, bytes: usize) {
        self.asked[number].bytes += bytes as u64;
    }

    pub(super) fn over(&mut self, number: usize) {
        self.asked[number].is_over = true;
        self.open.remove(&number);
    }

    fn cut(&mut self, kind: Kind) -> usize {
        let numbers: Vec<usize> = (self.open.keys().copied())
            .filter(|number| self.asked[*number].kind == kind)
            .collect();
        for number in &numbers {
            // What has ended meanwhile needs no end.
            if let Some(cut) = self.open.remove(number) {
                cut.send(()).ok();
            }
        }
        numbers.len()
    }
}
