//! Archives of every format as others make them, and as those make them who mean harm.

#![forbid(unsafe_code)]

#[cfg(test)]
mod advisories;
#[cfg(test)]
mod cuts;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod making;
#[cfg(test)]
mod takers;
#[cfg(test)]
mod tapes;
