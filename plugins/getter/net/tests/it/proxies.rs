//! Proxies that work: `CONNECT` and requests of plain http passed on, over TLS too, and SOCKS5.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k1s_getter_net::Proxy;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// User and password that proxies of these tests want, if they want any.
const USER: &str = "proxy-user";
const PASSWORD: &str = "proxy-CANARY";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    Nothing,
    Login,
}

#[derive(Clone)]
enum Speaks {
    Http,
    Https(TlsAcceptor),
    Socks5,
}

/// A proxy, until it is dropped. All names lead to this machine.
pub(crate) struct Relay {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Relay {
    pub(crate) async fn http(wants: Wants) -> io::Result<Self> {
        Self::start(Speaks::Http, wants).await
    }

    pub(crate) async fn https(acceptor: TlsAcceptor, wants: Wants) -> io::Result<Self> {
        Self::start(Speaks::Https(acceptor), wants).await
    }

    pub(crate) async fn socks5(wants: Wants) -> io::Result<Self> {
        Self::start(Speaks::Socks5, wants).await
    }

    async fn start(speaks: Speaks, wants: Wants) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (speaks, noted) = (speaks.clone(), Arc::clone(&noted));
                // Either side may go away at any time.
                open.spawn(async move {
                    drop(match speaks {
                        Speaks::Http => http(socket, wants, &noted).await,
                        Speaks::Https(acceptor) => match acceptor.accept(socket).await {
                            Ok(socket) => http(socket, wants, &noted).await,
                            Err(error) => Err(error),
                        },
                        Speaks::Socks5 => socks5(socket, wants, &noted).await,
                    });
                });
            }
        });
        Ok(Self {
            port,
            asked,
            _tasks: tasks,
        })
    }

    /// Returns what it was asked for, and in which way.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns it by a scheme, with a login or without.
    pub(crate) fn proxy(&self, scheme: &str, sent: Wants) -> Proxy {
        let login = match sent {
            Wants::Nothing => String::new(),
            Wants::Login => format!("{USER}:{PASSWORD}@"),
        };
        Proxy::parse(&format!("{scheme}://{login}relay.test:{}", self.port)).expect("a proxy")
    }
}

fn note(noted: &Mutex<Vec<String>>, asked: String) {
    noted.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
}

async fn head<S: AsyncRead + Unpin>(socket: &mut S) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

async fn http<S>(mut socket: S, wants: Wants, noted: &Mutex<Vec<String>>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let head = head(&mut socket).await?;
    let line = head.lines().next().unwrap_or_default().to_owned();
    note(noted, line.trim_end_matches(" HTTP/1.1").to_owned());
    let login = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let is_known = head
        .lines()
        .any(|line| line.eq_ignore_ascii_case(&format!("proxy-authorization: Basic {login}")));
    if wants == Wants::Login && !is_known {
        return socket
            .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            .await;
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method == "CONNECT" {
        let Ok(mut origin) = connect(target).await else {
            return socket
                .write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
                .await;
        };
        socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        return copy_bidirectional(&mut socket, &mut origin).await.map(drop);
    }
    let rest = target.strip_prefix("http://").unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut origin = connect(authority).await?;
    let lines = head
        .lines()
        .skip(1)
        .filter(|line| !line.to_lowercase().starts_with("proxy-"));
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let passed = format!(
        "{method} {path} HTTP/1.1\r\nconnection: close\r\n{}\r\n\r\n",
        lines.join("\r\n")
    );
    origin.write_all(passed.as_bytes()).await?;
    copy_bidirectional(&mut socket, &mut origin).await.map(drop)
}

async fn socks5(mut socket: TcpStream, wants: Wants, noted: &Mutex<Vec<String>>) -> io::Result<()> {
    let [_version, count] = read(&mut socket).await?;
    let mut methods = vec![0; count.into()];
    socket.read_exact(&mut methods).await?;
    let method = if wants == Wants::Login { 2 } else { 0 };
    if !methods.contains(&method) {
        return socket.write_all(&[5, 0xff]).await;
    }
    socket.write_all(&[5, method]).await?;
    if wants == Wants::Login {
        let [_version] = read(&mut socket).await?;
        let (user, password) = (text(&mut socket).await?, text(&mut socket).await?);
        let is_known = user == USER && password == PASSWORD;
        socket.write_all(&[1, u8::from(!is_known)]).await?;
    }
    let [_version, _command, _reserved, kind] = read(&mut socket).await?;
    let host = match kind {
        1 => Ipv4Addr::from(read::<4>(&mut socket).await?).to_string(),
        4 => format!("[{}]", std::net::Ipv6Addr::from(read::<16>(&mut socket).await?)),
        _ => text(&mut socket).await?,
    };
    let target = format!("{host}:{}", u16::from_be_bytes(read(&mut socket).await?));
    note(noted, target.clone());
    let Ok(mut origin) = connect(&target).await else {
        return socket.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    };
    socket.write_all(&[5, 0, 0, 3, 1, b'x', 0, 0]).await?;
    copy_bidirectional(&mut socket, &mut origin).await.map(drop)
}

async fn read<const N: usize>(socket: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    socket.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn text(socket: &mut TcpStream) -> io::Result<String> {
    let [length] = read(socket).await?;
    let mut bytes = vec![0; length.into()];
    socket.read_exact(&mut bytes).await?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

async fn connect(target: &str) -> io::Result<TcpStream> {
    let port = target
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .unwrap_or(80);
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await
}
