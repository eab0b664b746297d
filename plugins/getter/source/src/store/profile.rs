//! Profiles of Amazon's shared files: the key that one holds.
//!
//! The files are read whenever a key is wanted, so that what another program renews in them counts. A profile that would have a
//! program executed, or a role taken over, is refused with a word for it, and never passed over for another key.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use k1s_getter_address::Secret;
use k1s_getter_bucket::Access;
use k1s_getter_net::Reference;

/// The longest of these files, in bytes.
const FILE_BYTES: u64 = 1 << 20;
/// What says of a profile that its key is not in it.
const ELSEWHERE: [&str; 5] = [
    "credential_process",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

/// A profile gives no key. Tells nothing of what is in the files but names of fields.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is too long, or no text.
    #[error("{} is no text of at most {FILE_BYTES} bytes", .0.display())]
    Text(PathBuf),
    /// Nobody says where the files are.
    #[error("there is no HOME in which the files with profiles of Amazon would be")]
    Homeless,
    /// There is no such profile.
    #[error("there is no profile {0:?} in the files with profiles of Amazon")]
    Missing(String),
    /// The key is elsewhere.
    #[error("the profile {name:?} has its key by `{field}`, which is not supported in this version")]
    Elsewhere {
        /// The profile.
        name: String,
        /// By what.
        field: &'static str,
    },
    /// There is no key, or only half of one.
    #[error("the profile {0:?} lacks `aws_access_key_id` or `aws_secret_access_key`")]
    Keyless(String),
    /// The profile is named by somebody else.
    #[error("an address that is somebody else's word names the profile {0:?}")]
    Stranger(String),
}

/// Where the files are.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    credentials: PathBuf,
    config: PathBuf,
}

impl Files {
    /// Finds them as Amazon's own programs do; `variable` reads the environment.
    ///
    /// # Errors
    /// Fails if the environment does not say where.
    pub(crate) fn find(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ProfileError> {
        let home = variable("HOME").map(PathBuf::from);
        let place = |name: &str, file: &str| match (variable(name), &home) {
            (Some(path), _) => Ok(PathBuf::from(path)),
            (None, Some(home)) => Ok(home.join(".aws").join(file)),
            (None, None) => Err(ProfileError::Homeless),
        };
        Ok(Self {
            credentials: place("AWS_SHARED_CREDENTIALS_FILE", "credentials")?,
            config: place("AWS_CONFIG_FILE", "config")?,
        })
    }

    /// Reads the key of a profile.
    ///
    /// # Errors
    /// Fails if a file cannot be read, or there is no such profile, or no key in it.
    pub(crate) fn key(&self, name: &str) -> Result<Access, ProfileError> {
        of(name, &read(&self.credentials)?, &read(&self.config)?)
    }
}

/// Reads a file; one that is missing is empty.
fn read(path: &Path) -> Result<String, ProfileError> {
    let fault = |source| ProfileError::File {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        opened => opened.map_err(fault)?,
    };
    let mut bytes = Vec::new();
    let length = file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(fault)?;
    let is_whole = u64::try_from(length).is_ok_and(|length| length <= FILE_BYTES);
    let text = String::from_utf8(bytes).ok().filter(|_| is_whole);
    text.ok_or_else(|| ProfileError::Text(path.to_owned()))
}

/// Finds the key of a profile in the texts of both files; what the file of credentials says counts before the other.
fn of(name: &str, credentials: &str, config: &str) -> Result<Access, ProfileError> {
    let titled = if name == "default" {
        name.to_owned()
    } else {
        format!("profile {name}")
    };
    let (own, other) = (section(credentials, name), section(config, &titled));
    if own.is_none() && other.is_none() {
        return Err(ProfileError::Missing(name.to_owned()));
    }
    let sections = [own.unwrap_or_default(), other.unwrap_or_default()];
    let value = |field: &str| {
        let mut all = sections.iter().flatten();
        all.find(|(name, _)| *name == field).map(|(_, value)| *value)
    };
    let given = |text: &str| Reference::Given(Secret::new(text));
    if let Some(field) = ELSEWHERE.into_iter().find(|field| value(field).is_some()) {
        return Err(ProfileError::Elsewhere {
            name: name.to_owned(),
            field,
        });
    }
    // Both halves are of one file, as they were written together.
    let half = |section: &[(&str, &str)], field: &str| {
        let found = section.iter().find(|(name, _)| *name == field);
        found.map(|(_, value)| given(value))
    };
    let keys = sections.iter().filter_map(|section| {
        Some(Access {
            id: half(section, "aws_access_key_id")?,
            secret: half(section, "aws_secret_access_key")?,
            token: half(section, "aws_session_token"),
        })
    });
    keys.into_iter()
        .next()
        .ok_or_else(|| ProfileError::Keyless(name.to_owned()))
}

/// Returns the fields of a section; none if there is no such section.
fn section<'t>(text: &'t str, title: &str) -> Option<Vec<(&'t str, &'t str)>> {
    let mut found: Option<Vec<(&str, &str)>> = None;
    let mut is_ours = false;
    for line in text.lines() {
        // What is indented belongs to the field before it, and none of those is read here.
        let is_more = line.starts_with([' ', '\t']);
        let line = line.trim();
        if is_more || line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.split(']').next().unwrap_or_default();
            is_ours = name.split_whitespace().eq(title.split_whitespace());
            if is_ours {
                found.get_or_insert_default();
            }
        } else if let (true, Some((name, value))) = (is_ours, line.split_once('='))
            && let (name, value) = (name.trim(), value.trim())
            && !value.is_empty()
        {
            found.get_or_insert_default().push((name, value));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "# all of mine\n[default]\naws_access_key_id = A\naws_secret_access_key=S=\n\n\
        [ team ]\naws_access_key_id=T\naws_secret_access_key=U\naws_session_token = V\n[half]\naws_access_key_id=H\n";
    const CONFIG: &str = "[default]\nregion = eu-west-1\ns3 =\n  aws_access_key_id = NESTED\n[profile team]\naws_access_key_id=X\n\
        aws_secret_access_key=Y\n[profile lone]\naws_access_key_id=L\naws_secret_access_key=M\n[half]\naws_secret_access_key=N\n\
        [profile run]\ncredential_process = /bin/CANARY\naws_access_key_id=R\naws_secret_access_key=R\n";

    #[test]
    fn the_key_of_a_profile_is_found() {
        let given = |text| Reference::Given(Secret::new(text));
        for (name, id, secret, token) in [
            ("default", "A", "S=", None),
            ("team", "T", "U", Some("V")),
            ("lone", "L", "M", None),
        ] {
            let expected = Access {
                id: given(id),
                secret: given(secret),
                token: token.map(given),
            };
            assert_eq!(of(name, CREDENTIALS, CONFIG).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn a_profile_without_a_key_is_not_passed_over() {
        for (name, words) in [
            ("none", "no profile \"none\""),
            ("profile team", "no profile"),
            ("half", "lacks `aws_access_key_id`"),
            ("run", "by `credential_process`"),
        ] {
            let error = of(name, CREDENTIALS, CONFIG).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("CANARY"), "{error}");
        }
    }

    #[test]
    fn the_files_are_where_amazons_programs_have_them() {
        let home = tempfile::tempdir().unwrap();
        let told = home.path().to_str().unwrap().to_owned();
        let files = Files::find(|name| (name == "HOME").then(|| told.clone())).unwrap();
        assert!(matches!(files.key("default"), Err(ProfileError::Missing(_))));
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/credentials"), CREDENTIALS).unwrap();
        assert!(files.key("default").is_ok());
        let elsewhere = home.path().join("mine");
        std::fs::write(&elsewhere, CONFIG).unwrap();
        let files = Files::find(|name| match name {
            "AWS_CONFIG_FILE" => elsewhere.to_str().map(str::to_owned),
            "AWS_SHARED_CREDENTIALS_FILE" => Some(format!("{told}/nothing")),
            _ => None,
        });
        let files = files.unwrap();
        assert!(files.key("lone").is_ok());
        std::fs::write(&elsewhere, b"\xff").unwrap();
        assert!(matches!(files.key("lone"), Err(ProfileError::Text(_))));
        assert!(matches!(Files::find(|_| None), Err(ProfileError::Homeless)));
    }
}
