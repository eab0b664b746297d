//! Packets of the wire: four hexadecimal digits of length, and a line.

/// The longest packet, with its length in front: 65,520 bytes (gitprotocol-common).
pub(crate) const PACKET_BYTES: usize = 65_520;
/// The digits in front.
const HEAD: usize = 4;

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet<'p> {
    /// Some bytes; lines of text mostly end with a newline, which is still there.
    Line(&'p [u8]),
    /// The end of a message.
    Flush,
    /// The end of a section.
    Delimiter,
    /// The end of an answer, where a connection does not end with it.
    End,
}

/// Bytes are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketFault {
    /// It does not begin with a length.
    #[error("a packet does not begin with four hexadecimal digits: this may be no server of git")]
    Length,
    /// The length is one that means nothing, or too large.
    #[error("a packet claims {0} bytes")]
    Size(usize),
}

/// Returns how long the packet is that `bytes` begin with, or `None` if they are too few to tell.
pub(crate) fn length(bytes: &[u8]) -> Result<Option<usize>, PacketFault> {
    let Some(head) = bytes.first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let mut size = 0_usize;
    for byte in head {
        let digit = char::from(*byte).to_digit(16).ok_or(PacketFault::Length)?;
        size = size << 4 | digit as usize;
    }
    match size {
        0..=2 => Ok(Some(HEAD)),
        HEAD..=PACKET_BYTES => Ok(Some(size)),
        _ => Err(PacketFault::Size(size)),
    }
}

/// Returns the packet that `bytes` are, which are as many as [`length`] said.
pub(crate) fn packet(bytes: &[u8]) -> Packet<'_> {
    match bytes {
        b"0000" => Packet::Flush,
        b"0001" => Packet::Delimiter,
        b"0002" => Packet::End,
        _ => Packet::Line(bytes.get(HEAD..).unwrap_or_default()),
    }
}

/// A request while it is written.
#[derive(Debug, Default)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// Adds a line, which is shorter than a packet.
    pub(crate) fn line(&mut self, text: &str) -> &mut Self {
        debug_assert!(
            text.len() + HEAD < PACKET_BYTES,
            "lines are made of names that are checked"
        );
        self.0
            .extend_from_slice(format!("{:04x}{text}\n", text.len() + HEAD + 1).as_bytes());
        self
    }

    /// Ends a section.
    pub(crate) fn delimiter(&mut self) -> &mut Self {
        self.0.extend_from_slice(b"0001");
        self
    }

    /// Ends the request and returns its bytes.
    pub(crate) fn flush(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"0000");
        self.0
    }
}

/// Returns a line without the newline at its end.
pub(crate) fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_say_how_much_there_is() {
        let size = PacketFault::Size;
        type Seen = Result<Option<usize>, PacketFault>;
        let cases: [(&[u8], Seen); 12] = [
            (b"", Ok(None)),
            (b"000", Ok(None)),
            (b"0000", Ok(Some(4))),
            (b"0001rest", Ok(Some(4))),
            (b"0002", Ok(Some(4))),
            (b"0003", Err(size(3))),
            (b"0004", Ok(Some(4))),
            (b"000Fand", Ok(Some(15))),
            (b"fff0", Ok(Some(PACKET_BYTES))),
            (b"fff1", Err(size(65_521))),
            (b"HTTP", Err(PacketFault::Length)),
            (b"+123", Err(PacketFault::Length)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(length(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut request = Request::default();
        request.line("command=ls-refs").delimiter().line("peel");
        let bytes = request.flush();
        assert_eq!(bytes, b"0014command=ls-refs\n00010009peel\n0000");
        let mut rest = bytes.as_slice();
        let mut packets = Vec::new();
        while let Some(used) = length(rest).unwrap() {
            packets.push(packet(&rest[..used]));
            rest = &rest[used..];
        }
        let lines = [b"command=ls-refs\n".as_slice(), b"peel\n"].map(Packet::Line);
        assert_eq!(packets, [lines[0], Packet::Delimiter, lines[1], Packet::Flush]);
    }
}
