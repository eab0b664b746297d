//! What is read over the API: one object, lists, tables, watches.

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod getting;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod watching;
