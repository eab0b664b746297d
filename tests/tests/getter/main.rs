//! The getter source under the real host: what an origin does, and what becomes of the objects.
#![forbid(unsafe_code)]

mod documented;
mod local;
mod repositories;
mod secrets;
mod stage;
mod web;
