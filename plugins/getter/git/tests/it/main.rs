//! Repositories made by git, served by git, and by those who mean harm.

#![forbid(unsafe_code)]

#[cfg(test)]
mod caches;
#[cfg(test)]
mod cuts;
#[cfg(test)]
mod deltas;
#[cfg(test)]
mod fetches;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod lineage;
#[cfg(test)]
mod locals;
#[cfg(test)]
mod making;
#[cfg(test)]
mod packs;
#[cfg(test)]
mod polls;
#[cfg(test)]
mod script;
#[cfg(test)]
mod trees;
#[cfg(test)]
mod web;
#[cfg(test)]
mod webs;
