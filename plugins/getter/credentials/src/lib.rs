//! Keys and tokens that clouds and forges lend for a while.
//!
//! [`Aws`], [`Google`] and [`Azure`] go along the chains that the clouds' own programs go along (variables, files, a token of a
//! cluster, the metadata service of the machine), and `GithubApp` says who an App is. What was lent is kept by whoever asked,
//! who is its one owner, until shortly before it expires; then it is asked for anew, and while that fails and the old one
//! holds, the old one counts.
//!
//! Asks no store and no forge for anything else, runs no program (`credential_process`, executables of external accounts), and
//! believes no file that would send it somewhere by itself: of accounts of Google, those of a service and of a user count.
//!
//! Invariants:
//! - The first step of a chain that is set up counts. One that is set up and fails is an error, and never passed over for
//!   another that would say that somebody else asks.
//! - What is asked without TLS is this machine's alone (loopback, the network cable, metadata services), without a proxy;
//!   nothing else reaches metadata services. Redirects are not followed.
//! - No secret is printed, and nothing of what a service answers is quoted. An error names the step that failed, and the way
//!   out.

#![forbid(unsafe_code)]

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
mod fault;
#[cfg(feature = "github")]
mod github;
#[cfg(feature = "google")]
mod google;
mod held;
#[cfg(feature = "signed")]
mod signed;
mod step;
#[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
mod variables;
mod web;

#[cfg(feature = "aws")]
pub use aws::{Aws, ProfileError, profile_key};
#[cfg(feature = "azure")]
pub use azure::Azure;
pub use fault::{CredentialError, Fault};
#[cfg(feature = "github")]
pub use github::{App, GithubApp};
#[cfg(feature = "google")]
pub use google::Google;
pub use step::Step;
#[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
pub use variables::Variables;
