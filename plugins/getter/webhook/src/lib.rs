//! Webhooks: somebody who knows a secret says that a place may have changed, and the source looks at once instead of later.
//!
//! A [`Hook`] is one path with the [`Sender`] whose requests come there. [`Hook::judge`] decides over a request by its headers
//! and body alone; [`Receiver`] hears requests over HTTP and rings a [`Bell`]. Rings that come while nobody waits are one, and
//! between two of them there is a pause of [`limits::PAUSE`], so that who sends a signed request again and again has an
//! origin looked at no more often than that.
//!
//! It does not read what a request says: a body is hashed and dropped. What changed is what the origin says when it is asked,
//! which costs next to nothing. It speaks no TLS; whoever wants requests from elsewhere puts a proxy before it that does.
//!
//! Invariants:
//! - Nothing of a request counts before its signature was compared, in constant time, over all of its body.
//! - A request without a right signature learns only that it has none; a path that has no hook and one that has differ in
//!   nothing but that.
//! - What is read of a request has limits, in bytes and time: [`limits`]. So have the connections at a time.
//! - A secret is asked for at each request, so that one that was exchanged counts at once, and is never printed.

#![forbid(unsafe_code)]

mod bell;
mod complaints;
mod hook;
pub mod limits;
mod receiver;

pub use bell::Bell;
pub use hook::{Hook, Refusal, Secrets, Sender, Word};
pub use receiver::{ListenError, Receiver};
