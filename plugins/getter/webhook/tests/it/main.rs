//! Requests as the senders make them, and as those make them who know no secret.

#![forbid(unsafe_code)]

#[cfg(test)]
mod judgement;
#[cfg(test)]
mod requests;
