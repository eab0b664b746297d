//! The pure core against tables of stimulus and response, and against a plain reference model.
#![forbid(unsafe_code)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a question about one sort of thing is not about the others"
)]

#[cfg(test)]
mod cast;
#[cfg(test)]
mod digest;
#[cfg(test)]
mod lifecycle_runs;
#[cfg(test)]
mod lifecycle_table;
#[cfg(test)]
mod liveness;
#[cfg(test)]
mod model;
#[cfg(test)]
mod script;
#[cfg(test)]
mod session_demand;
#[cfg(test)]
mod session_flow;
#[cfg(test)]
mod session_judgement;
#[cfg(test)]
mod session_model;
#[cfg(test)]
mod session_rules;
#[cfg(test)]
mod session_time;
#[cfg(test)]
mod session_window;
