//! `.k1signore` files, which say what a directory leaves out ([`Rules`]).

use std::io::Read as _;

use k1s_manifests::{OpenError, RULES_BYTES, RelPath, RuleError, Rules};

use crate::root::Root;

/// The name of the files.
pub(crate) const FILE_NAME: &str = ".k1signore";

/// The rules of a directory cannot be known, so neither can what it declares.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RulesError {
    /// The file cannot be opened.
    #[error("{FILE_NAME} cannot be used: {0}")]
    Open(#[source] OpenError),
    /// The file cannot be read, or is not UTF-8.
    #[error("{FILE_NAME} cannot be read: {0}")]
    Read(#[source] std::io::Error),
    /// The file is longer than it may be.
    #[error("{FILE_NAME} is longer than {RULES_BYTES} bytes")]
    TooLarge,
    /// A pattern is no pattern.
    #[error("{FILE_NAME}:{0}")]
    Pattern(#[source] RuleError),
}

/// Adds the rules of the `.k1signore` in `directory`, whose content lies at `real` in the root, to those above it.
pub(crate) fn read(above: Rules, root: &Root, directory: &RelPath, real: &RelPath) -> Result<Rules, RulesError> {
    let mut text = String::new();
    let mut file = match root.open_file(&real.join(FILE_NAME)) {
        Ok((file, _)) => file.take(RULES_BYTES + 1),
        Err(error) => return Err(RulesError::Open(error)),
    };
    file.read_to_string(&mut text).map_err(RulesError::Read)?;
    if file.limit() == 0 {
        return Err(RulesError::TooLarge);
    }
    above.with(directory, &text).map_err(RulesError::Pattern)
}
