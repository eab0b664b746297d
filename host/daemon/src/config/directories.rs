//! The directories of the XDG base directory specification that the host uses.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The host's own name below each of them.
const OWN: &str = "k1s-sync";
/// Registry files for every user of the machine.
const SYSTEM_PLUGINS: &str = "/etc/k1s-sync/plugins.d";
/// Registry files below a directory of configuration.
const PLUGINS: &str = "plugins.d";

/// Why no data directory can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no place for the store: neither XDG_STATE_HOME nor HOME is an absolute path; use --data-dir")]
pub struct NoDataDirectory;

/// The directories, as far as the environment tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directories {
    state_home: Option<PathBuf>,
    config_home: Option<PathBuf>,
}

impl Directories {
    /// Takes them from environment variables; paths that are not absolute count as unset, as the specification says.
    #[must_use]
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = absolute("HOME");
        let or_home = |name, below: &str| absolute(name).or_else(|| home.as_ref().map(|home| home.join(below)));
        Self {
            state_home: or_home("XDG_STATE_HOME", ".local/state"),
            config_home: or_home("XDG_CONFIG_HOME", ".config"),
        }
    }

    /// The data directory when none is given.
    ///
    /// # Errors
    /// When the environment names none.
    pub fn data_directory(&self) -> Result<PathBuf, NoDataDirectory> {
        self.state_home
            .as_ref()
            .map(|state| state.join(OWN))
            .ok_or(NoDataDirectory)
    }

    /// Where registry files are, the user's own first.
    #[must_use]
    pub fn plugin_directories(&self) -> Vec<PathBuf> {
        let own = self.config_home.as_ref().map(|config| config.join(OWN).join(PLUGINS));
        own.into_iter().chain([Path::new(SYSTEM_PLUGINS).to_owned()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories(variables: &[(&str, &str)]) -> Directories {
        Directories::from_environment(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        })
    }

    #[test]
    fn xdg_wins_over_home_and_relative_paths_do_not_count() {
        for (variables, data, plugins) in [
            (
                &[("HOME", "/h")][..],
                Some("/h/.local/state/k1s-sync"),
                "/h/.config/k1s-sync/plugins.d",
            ),
            (
                &[("HOME", "/h"), ("XDG_STATE_HOME", "/s"), ("XDG_CONFIG_HOME", "/c")],
                Some("/s/k1s-sync"),
                "/c/k1s-sync/plugins.d",
            ),
            (
                &[("HOME", "/h"), ("XDG_STATE_HOME", "s")],
                Some("/h/.local/state/k1s-sync"),
                "/h/.config/k1s-sync/plugins.d",
            ),
            (&[], None, SYSTEM_PLUGINS),
        ] {
            let directories = directories(variables);
            assert_eq!(
                directories.data_directory().ok(),
                data.map(PathBuf::from),
                "{variables:?}"
            );
            assert_eq!(
                directories.plugin_directories().first(),
                Some(&PathBuf::from(plugins)),
                "{variables:?}"
            );
        }
    }
}
