//! A server of HTTP on loopback, with TLS or without, that answers, and fails, as it is told.
//!
//! Speaks as much of HTTP/1.1 as a client that asks one thing a connection needs, with a body whose length is said. It
//! remembers what it was asked. Where no page is, it may have repositories of git.

mod backend;

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::authority::pem;

/// The longest that a client may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is at a path.
#[derive(Clone, Debug)]
pub struct Page {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// How many bytes of the body are sent before the connection is cut.
    cut_at: Option<usize>,
}

impl Page {
    /// Something that is there, with an entity tag made of its bytes' sum.
    #[must_use]
    pub fn of(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let sum = body
            .iter()
            .fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        Self {
            status: 200,
            headers: vec![("ETag".to_owned(), format!("\"{sum:x}\""))],
            body,
            cut_at: None,
        }
    }

    /// An answer with nothing but a status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            cut_at: None,
        }
    }

    /// Answers with another status.
    #[must_use]
    pub fn answering(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Promises the whole body, and cuts it after so many bytes.
    #[must_use]
    pub fn cut_at(mut self, bytes: usize) -> Self {
        self.cut_at = Some(bytes);
        self
    }

    fn etag(&self) -> Option<&str> {
        let found = self.headers.iter().find(|(name, _)| name == "ETag");
        found.map(|(_, value)| value.as_str())
    }
}

/// A request that was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// What came with it.
    pub body: Vec<u8>,
}

/// A server. It ends with the process.
#[derive(Clone, Debug)]
pub struct Web {
    address: SocketAddr,
    tls: Option<Tls>,
    state: Arc<Mutex<State>>,
}

/// How a server shows who it is.
#[derive(Clone, Debug)]
struct Tls {
    config: Arc<ServerConfig>,
    /// Its certificate, which is its own authority, in PEM.
    authority: String,
}

#[derive(Debug, Default)]
struct State {
    pages: BTreeMap<String, Page>,
    asked: Vec<Asked>,
    is_down: bool,
    repositories: Option<PathBuf>,
    /// What has to be shown by whoever asks for those.
    demanded: Option<String>,
}

impl Web {
    /// Starts on a port that the system chooses.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> io::Result<Self> {
        Self::listening(None)
    }

    /// Starts with TLS, as `localhost`, with a certificate that nobody knows.
    ///
    /// # Errors
    /// When there is no port, or no certificate can be made.
    pub fn start_with_tls() -> anyhow::Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let key = key.map_err(anyhow::Error::msg).context("the key of a certificate")?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        Ok(Self::listening(Some(Tls {
            config: Arc::new(config),
            authority: pem("CERTIFICATE", made.cert.der()),
        }))?)
    }

    fn listening(tls: Option<Tls>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let web = Self {
            address: listener.local_addr()?,
            tls,
            state: Arc::default(),
        };
        let server = web.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                // A client that goes away is no failure of a test.
                thread::spawn(move || server.greet(stream).ok());
            }
        });
        Ok(web)
    }

    /// The address of a path, with the port.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        match &self.tls {
            None => format!("http://{}{path}", self.address),
            Some(_) => format!("https://localhost:{}{path}", self.address.port()),
        }
    }

    /// The certificate to believe, in PEM; empty without TLS.
    #[must_use]
    pub fn authority_pem(&self) -> &str {
        self.tls.as_ref().map_or("", |tls| tls.authority.as_str())
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Host and port.
    #[must_use]
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Puts something at a path, without its query.
    pub fn put(&self, path: &str, page: Page) {
        self.state().pages.insert(path.to_owned(), page);
    }

    /// Takes away what is at a path.
    pub fn take(&self, path: &str) {
        self.state().pages.remove(path);
    }

    /// Serves the repositories below a directory where no page is.
    pub fn serve_repositories(&self, base: &Path) {
        self.state().repositories = Some(base.to_owned());
    }

    /// Serves repositories from now on only to who shows this user and password.
    pub fn demand(&self, user: &str, password: &str) {
        let coded = BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.state().demanded = Some(format!("Basic {coded}"));
    }

    /// Cuts every connection from now on, before it is answered.
    pub fn go_down(&self) {
        self.state().is_down = true;
    }

    /// Answers again.
    pub fn come_back(&self) {
        self.state().is_down = false;
    }

    /// What was asked so far, in its order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn greet(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        match &self.tls {
            None => self.answer(stream),
            Some(tls) => {
                let connection = ServerConnection::new(Arc::clone(&tls.config)).map_err(io::Error::other)?;
                let mut stream = StreamOwned::new(connection, stream);
                self.answer(&mut stream)?;
                stream.conn.send_close_notify();
                stream.flush()
            }
        }
    }

    fn answer(&self, stream: impl Read + Write) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let Some(asked) = read(&mut reader)? else { return Ok(()) };
        let (page, repositories, is_down, is_admitted) = {
            let mut state = self.state();
            let path = asked.target.split('?').next().unwrap_or_default().to_owned();
            let page = state.pages.get(&path).cloned();
            state.asked.push(asked.clone());
            let shown = asked.headers.get("authorization");
            let is_admitted = state.demanded.is_none() || state.demanded.as_ref() == shown;
            (page, state.repositories.clone(), state.is_down, is_admitted)
        };
        if is_down {
            return Ok(());
        }
        let page = match (page, repositories) {
            (Some(page), _) => page,
            (None, Some(_)) if !is_admitted => Page::status(401).with("WWW-Authenticate", "Basic realm=\"r\""),
            (None, Some(base)) => backend::answer(&base, &asked)?,
            (None, None) => Page::status(404),
        };
        let known = asked.headers.get("if-none-match").map(String::as_str);
        if known.is_some() && known == page.etag() {
            return send(
                reader.get_mut(),
                &asked,
                &Page::status(304).with("ETag", known.unwrap_or_default()),
            );
        }
        send(reader.get_mut(), &asked, &page)
    }
}

fn read(reader: &mut BufReader<impl Read>) -> io::Result<Option<Asked>> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok(Some(Asked {
        method,
        target,
        headers,
        body,
    }))
}

fn send(stream: &mut impl Write, asked: &Asked, page: &Page) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Status\r\nConnection: close\r\n", page.status);
    if page.status != 304 {
        head += &format!("Content-Length: {}\r\n", page.body.len());
    }
    for (name, value) in &page.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    if asked.method == "HEAD" {
        return stream.flush();
    }
    let end = page.cut_at.unwrap_or(page.body.len()).min(page.body.len());
    stream.write_all(&page.body[..end])?;
    stream.flush()
}
