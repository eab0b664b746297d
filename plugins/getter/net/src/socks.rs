//! SOCKS5 (RFC 1928, RFC 1929).

use std::io;
use std::net::IpAddr;

use k1s_getter_address::{Login, Secret};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::fault::ProxyFault;

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;
const LOGIN_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// What a proxy is asked to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// An address that was judged.
    Address(IpAddr),
    /// A name, which the proxy resolves.
    Name(String),
}

/// Asks for a connection; afterwards the stream is that connection.
pub(crate) async fn greet<S>(io: &mut S, target: &Target, port: u16, login: Option<&Login>) -> Result<(), ProxyFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let method = if login.is_some() { LOGIN } else { NO_LOGIN };
    io.write_all(&[VERSION, 1, method]).await.map_err(broken)?;
    let [version, chosen] = read(io).await?;
    if version != VERSION {
        return Err(ProxyFault::Protocol("the first byte is not that of SOCKS5"));
    }
    if chosen != method {
        return Err(ProxyFault::Login);
    }
    if let Some(login) = login {
        io.write_all(&introduction(login)).await.map_err(broken)?;
        let [_, status] = read(io).await?;
        if status != 0 {
            return Err(ProxyFault::Login);
        }
    }
    io.write_all(&request(target, port)).await.map_err(broken)?;
    let [version, reply, _, kind] = read(io).await?;
    if version != VERSION {
        return Err(ProxyFault::Protocol("the reply is not one of SOCKS5"));
    }
    if reply != 0 {
        return Err(ProxyFault::Refused(meaning(reply)));
    }
    skip_address(io, kind).await
}

/// Skips the address that the proxy uses, and its port.
async fn skip_address<S: AsyncRead + Unpin>(io: &mut S, kind: u8) -> Result<(), ProxyFault> {
    match kind {
        IPV4 => read::<_, 6>(io).await.map(drop),
        IPV6 => read::<_, 18>(io).await.map(drop),
        NAME => {
            let [length] = read(io).await?;
            let mut rest = vec![0; usize::from(length) + 2];
            io.read_exact(&mut rest).await.map(drop).map_err(broken)
        }
        _ => Err(ProxyFault::Protocol("the reply holds an address of no known kind")),
    }
}

async fn read<S: AsyncRead + Unpin, const N: usize>(io: &mut S) -> Result<[u8; N], ProxyFault> {
    let mut bytes = [0; N];
    io.read_exact(&mut bytes).await.map_err(broken)?;
    Ok(bytes)
}

fn broken(error: io::Error) -> ProxyFault {
    ProxyFault::Connection(error.to_string())
}

/// Writes user and password, neither of which is longer than 255 bytes.
fn introduction(login: &Login) -> Vec<u8> {
    let mut bytes = vec![LOGIN_VERSION];
    for part in [Some(&login.user), login.password.as_ref()] {
        push(&mut bytes, part.map(Secret::expose).unwrap_or_default());
    }
    bytes
}

fn request(target: &Target, port: u16) -> Vec<u8> {
    let mut bytes = vec![VERSION, CONNECT, 0];
    match target {
        Target::Address(IpAddr::V4(address)) => {
            bytes.push(IPV4);
            bytes.extend(address.octets());
        }
        Target::Address(IpAddr::V6(address)) => {
            bytes.push(IPV6);
            bytes.extend(address.octets());
        }
        Target::Name(name) => {
            bytes.push(NAME);
            push(&mut bytes, name);
        }
    }
    bytes.extend(port.to_be_bytes());
    bytes
}

/// Appends a text of at most 255 bytes; names and logins are checked when they are read, so no more is ever there.
fn push(bytes: &mut Vec<u8>, text: &str) {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    bytes.push(length);
    bytes.extend(text.bytes().take(length.into()));
}

fn meaning(reply: u8) -> &'static str {
    match reply {
        1 => "it failed",
        2 => "its rules do not permit that",
        3 => "the network cannot be reached",
        4 => "the host cannot be reached",
        5 => "the host refuses the connection",
        6 => "it took too long",
        7 => "it cannot connect",
        8 => "it does not know addresses of that kind",
        _ => "it failed, with a number that means nothing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_as_the_standard_has_them() -> Result<(), std::net::AddrParseError> {
        for (target, expected) in [
            (
                Target::Address("192.0.2.1".parse()?),
                &[5, 1, 0, 1, 192, 0, 2, 1, 1, 187][..],
            ),
            (
                Target::Address("::1".parse()?),
                &[5, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 187],
            ),
            (
                Target::Name("h.x".to_owned()),
                &[5, 1, 0, 3, 3, b'h', b'.', b'x', 1, 187],
            ),
        ] {
            assert_eq!(request(&target, 443), expected, "{target:?}");
        }
        let login = Login {
            user: Secret::new("u"),
            password: Some(Secret::new("pw")),
        };
        assert_eq!(introduction(&login), [1, 1, b'u', 2, b'p', b'w']);
        Ok(())
    }
}
