//! What addresses mean: as go-getter reads them, and where not; what is refused, and what is never told.

#![forbid(unsafe_code)]

#[cfg(test)]
mod deviations;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod projection;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod roundtrip;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod sums;
#[cfg(test)]
mod taken;
