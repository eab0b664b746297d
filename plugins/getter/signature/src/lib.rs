//! Signatures of commits and tags: whether somebody who is trusted made one over exactly these bytes.
//!
//! [`Signed`] takes a commit or an annotated tag apart, as git stores it, into what was signed and the signature. [`Signers`]
//! are those who are trusted: a file of allowed signers as `ssh-keygen` and git read it, and OpenPGP keyrings.
//! [`Signers::verify`] says who signed, or why that counts for nothing. What it accepts is what `git verify-commit` calls
//! good, less what is said at [`Weakness`].
//!
//! Reaches nothing: no file, no network, no clock, no program. It does not know whether the bytes are those of the commit
//! that was asked for; whoever fetches has compared their hash.
//!
//! Invariants:
//! - The bytes that are verified are the stored ones. Nothing is parsed and printed again in between.
//! - A signature counts only when every rule of its kind held; there is no partial trust. An object with more than one
//!   signature of a kind is refused, never searched for one that is good.
//! - No error quotes a key, a signature, or anything of the object but the name of a signer.
//! - Every text that is read has a limit: [`limits`].

#![forbid(unsafe_code)]

mod fault;
pub mod limits;
#[cfg(feature = "pgp")]
mod pgp;
mod signed;
mod signers;
#[cfg(feature = "ssh")]
mod ssh;

pub use fault::{SignedError, SignersError, VerifyError, Weakness};
pub use signed::{Format, Signed};
pub use signers::{Signer, Signers};
