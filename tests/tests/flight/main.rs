//! Configuration in flight: what each kind of change of a host's configuration does to positions, inventory and objects,
//! with the real programs.
#![forbid(unsafe_code)]

mod effects;
mod leaving;
mod quarantine;
mod reload;
mod scene;
