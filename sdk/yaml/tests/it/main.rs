//! The crate against Kubernetes' own Go modules, against hostile input, and its promises about places.

#[cfg(test)]
mod decode;
#[cfg(test)]
mod emit;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod places;
