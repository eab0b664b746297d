//! Signatures that git, ssh-keygen and GnuPG made, and those of somebody who means harm.

#![forbid(unsafe_code)]

#[cfg(test)]
mod apart;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod signers;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod verdicts;
