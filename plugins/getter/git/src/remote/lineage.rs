//! Whether a repository still has a commit, which tells one that went on from another in its place.

use super::{Remote, ask};
use crate::advertised::AGENT;
use crate::capabilities::{Capabilities, Greeting};
use crate::fault::GitError;
use crate::id::ObjectId;
use crate::packet::{Packet, Request, trimmed};
use crate::wire::{Packets, WireError};

impl Remote {
    /// Finds out whether the server has a commit, whatever leads to it, without fetching anything. `None` from servers that
    /// cannot tell, which are those before git 2.32.
    ///
    /// # Errors
    /// Fails if the server cannot be asked, or its answer cannot be read.
    pub async fn has_commit(&mut self, id: &ObjectId) -> Result<Option<bool>, GitError> {
        let answered = self.negotiated(id).await;
        answered.map_err(|error| self.without_words(error))
    }

    async fn negotiated(&mut self, id: &ObjectId) -> Result<Option<bool>, GitError> {
        let limits = self.limits;
        let talk = self.begin(&|_| false).await?;
        let capabilities = match talk.greeting {
            Greeting::Newer(capabilities) if capabilities.can_wait => capabilities,
            Greeting::Newer(_) | Greeting::Older(_) => return Ok(None),
        };
        let mut packets = ask(talk.session, talk.clock, &limits, request(&capabilities, id)).await?;
        let has_it = match read(&mut packets, id).await {
            // It says that it can, and answers otherwise: that is as one that cannot.
            Err(WireError::Unexpected(_)) => return Ok(None),
            has_it => has_it?,
        };
        self.finish(packets).await?;
        self.known = self.transport.is_stateless().then_some(capabilities);
        Ok(Some(has_it))
    }
}

/// Says that a commit is here, and asks for nothing: the server answers whether it is there, too.
fn request(capabilities: &Capabilities, id: &ObjectId) -> Vec<u8> {
    let mut request = Request::default();
    request.line("command=fetch").line(AGENT);
    if capabilities.asks_format {
        request.line("object-format=sha1");
    }
    request.delimiter().line("wait-for-done").line(&format!("have {id}"));
    request.flush()
}

async fn read(packets: &mut Packets<'_>, id: &ObjectId) -> Result<bool, WireError> {
    let mut has_it = None;
    loop {
        let foreign = || WireError::Unexpected("no acknowledgment");
        match packets.next().await? {
            Packet::Line(line) => match trimmed(line) {
                b"acknowledgments" => {}
                // Some say this behind the other, too.
                b"NAK" => has_it = has_it.or(Some(false)),
                line => {
                    let told = line.strip_prefix(b"ACK ").and_then(ObjectId::parse);
                    if told != Some(*id) {
                        return Err(foreign());
                    }
                    has_it = Some(true);
                }
            },
            Packet::Flush => return has_it.ok_or_else(foreign),
            Packet::Delimiter | Packet::End => return Err(foreign()),
        }
    }
}
