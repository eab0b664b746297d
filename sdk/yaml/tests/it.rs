//! The crate against Kubernetes' own Go modules, against hostile input, and its promises about places.

#[path = "it/decode.rs"]
mod decode;
#[path = "it/emit.rs"]
mod emit;
#[path = "it/fixtures.rs"]
mod fixtures;
#[path = "it/hostile.rs"]
mod hostile;
#[path = "it/places.rs"]
mod places;
