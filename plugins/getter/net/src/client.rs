//! The client: one walk from a request to its answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::TokioTimer;
use tokio::time::{Instant, timeout_at};

use crate::body::{Answer, Bounds};
use crate::dial::{Connector, Dialer};
use crate::exchange::{Company, exchange};
use crate::fault::{At, Challenges, Fault, NetError};
use crate::key::Keys;
use crate::limits::{HEADERS, Limit, Limits};
use crate::origin::Peer;
use crate::redirect::{self, Crossing, Hop, Standing, Walk};
use crate::request::Request;
use crate::retry::retry_after;
use crate::settings::{Settings, SettingsError};
use crate::tasks::Tasks;
use crate::url::Url;
use crate::wire::Stream;

/// The most idle connections to one origin that are kept for the next request.
const IDLE_CONNECTIONS: usize = 4;

/// How often a server that is silent in the middle of an answer of HTTP/2 is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// How long it may take to answer that; then the connection is closed, so that the next request gets another.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks for bytes over a network. A clone is the same client.
#[derive(Clone, Debug)]
pub struct Client {
    dialer: Arc<Dialer>,
    pools: Pools,
    keys: Arc<Keys>,
    crossing: Crossing,
    tasks: Tasks,
}

/// What a client asks next.
struct Visit {
    url: Url,
    hops: u32,
    standing: Standing,
    refused: Option<Refused>,
}

/// What was sent when it was answered that the credential is wrong, and what is wanted.
struct Refused {
    kept: Vec<(HeaderName, HeaderValue)>,
    challenges: Challenges,
}

/// The connections that are kept. One on which a certificate of ours was shown is never used for what others chose to ask.
#[derive(Clone, Debug)]
struct Pools {
    home: Pool<Connector, Full<Bytes>>,
    away: Pool<Connector, Full<Bytes>>,
}

impl Pools {
    fn new(dialer: &Arc<Dialer>, tasks: &Tasks) -> Self {
        let pool = |standing| {
            let limits = &dialer.limits;
            Pool::builder(tasks.clone())
                .pool_max_idle_per_host(IDLE_CONNECTIONS)
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .http1_max_buf_size(usize::try_from(limits.header_bytes).unwrap_or(usize::MAX))
                .http1_max_headers(HEADERS)
                .http2_max_header_list_size(limits.header_bytes)
                .http2_keep_alive_interval(PING_INTERVAL)
                .http2_keep_alive_timeout(PING_TIMEOUT)
                .build(Connector {
                    dialer: Arc::clone(dialer),
                    standing,
                })
        };
        Self {
            home: pool(Standing::Home),
            away: pool(Standing::Away),
        }
    }

    fn of(&self, standing: Standing) -> &Pool<Connector, Full<Bytes>> {
        match standing {
            Standing::Home => &self.home,
            Standing::Away => &self.away,
        }
    }
}

impl Visit {
    fn at(&self) -> At {
        At {
            place: self.url.origin().to_string(),
            hop: self.hops,
        }
    }

    fn fails(&self, fault: Fault) -> NetError {
        NetError { at: self.at(), fault }
    }
}

impl Client {
    /// Sets up a client; reads the certificates that the system trusts.
    ///
    /// # Errors
    ///
    /// Settings that cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let tls = settings.tls()?;
        let tasks = Tasks::default();
        let dialer = Arc::new(Dialer {
            reach: settings.reach,
            proxies: settings.proxies,
            tls,
            limits: settings.limits,
            names: settings.names,
        });
        Ok(Self {
            pools: Pools::new(&dialer, &tasks),
            dialer,
            keys: Arc::new(Keys(settings.keys)),
            crossing: settings.crossing,
            tasks,
        })
    }

    /// Connects to a peer, within the same reach and through the same proxies, for what is not HTTP.
    ///
    /// # Errors
    ///
    /// No connection came about.
    pub async fn dial(&self, peer: &Peer) -> Result<Stream, NetError> {
        self.dialer.peer(peer).await.map_err(|error| NetError {
            at: At {
                place: peer.to_string(),
                hop: 0,
            },
            fault: Fault::Dial(Arc::new(error)),
        })
    }

    /// Sends a request, follows the redirects that may be followed, and waits for the head of the answer.
    ///
    /// # Errors
    ///
    /// Anything but a status of success, or 304 to a request on condition.
    pub async fn send(&self, request: Request) -> Result<Answer, NetError> {
        let deadline = self.deadline();
        self.walk(&request, deadline).await
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.dialer.limits
    }

    /// Returns when something that begins now has to be over.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.limits().total
    }

    pub(crate) async fn walk(&self, request: &Request, deadline: Instant) -> Result<Answer, NetError> {
        let mut visit = Visit {
            url: request.url.clone(),
            hops: 0,
            standing: Standing::Home,
            refused: None,
        };
        loop {
            let stepped = timeout_at(deadline, self.step(request, &mut visit)).await;
            let stepped = stepped.map_err(|_| visit.fails(Fault::Limit(Limit::Total(self.limits().total))))?;
            let Some(response) = stepped.map_err(|fault| visit.fails(fault))? else {
                continue;
            };
            let limits = self.limits();
            let bounds = Bounds {
                deadline,
                total: limits.total,
                idle: limits.idle,
                bytes: request.most.unwrap_or(limits.body_bytes).min(limits.body_bytes),
            };
            let at = visit.at();
            let answer = Answer::of(response, request, visit.url, at, bounds, self.tasks.clone());
            return answer.map(|answer| answer.of_standing(visit.standing));
        }
    }

    /// Asks once; none if there is something else to ask.
    async fn step(&self, request: &Request, visit: &mut Visit) -> Result<Option<Response<Incoming>>, Fault> {
        let kept = match visit.standing {
            Standing::Home => self.keys.read(visit.url.origin()).await.map_err(Fault::Key)?,
            Standing::Away => Vec::new(),
        };
        if let Some(refused) = visit.refused.take_if(|refused| refused.kept == kept) {
            // The credential is the one that was refused, still.
            return Err(Fault::Status {
                status: StatusCode::UNAUTHORIZED,
                after: None,
                challenges: refused.challenges,
            });
        }
        let company = match visit.standing {
            Standing::Home => Company::Known(&kept),
            Standing::Away => Company::Bare,
        };
        let authorization = self.dialer.forwarder_authorization(visit.url.origin());
        let sent = exchange(
            self.pools.of(visit.standing),
            request,
            &visit.url,
            company,
            (self.limits(), authorization),
        );
        let response = sent.await?;
        let answer = response.status();
        if redirect::is_redirect(answer) {
            self.turn(request, visit, &response)?;
            return Ok(None);
        }
        if answer == StatusCode::UNAUTHORIZED && !kept.is_empty() && visit.refused.is_none() {
            let challenges = Challenges::of(response.headers());
            visit.refused = Some(Refused { kept, challenges });
            return Ok(None);
        }
        if answer.is_success() || answer == StatusCode::NOT_MODIFIED {
            return Ok(Some(response));
        }
        Err(status(answer, response.headers()))
    }

    /// Goes where a redirect leads.
    fn turn(&self, request: &Request, visit: &mut Visit, response: &Response<Incoming>) -> Result<(), Fault> {
        let walk = Walk {
            method: &request.method,
            crossing: self.crossing,
            hops: visit.hops,
            most: self.limits().redirects,
        };
        let hop = redirect::next(&walk, &visit.url, response.status(), response.headers().get(LOCATION));
        visit.url = match hop.map_err(Fault::Redirect)? {
            Hop::Same(url) => url,
            Hop::Away(url) => {
                visit.standing = Standing::Away;
                url
            }
        };
        visit.hops += 1;
        visit.refused = None;
        Ok(())
    }
}

fn status(status: StatusCode, headers: &HeaderMap) -> Fault {
    let after = headers.get(RETRY_AFTER);
    Fault::Status {
        status,
        after: after.and_then(|value| retry_after(value, SystemTime::now())),
        challenges: Challenges::of(headers),
    }
}
