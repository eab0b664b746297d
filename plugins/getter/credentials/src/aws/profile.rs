//! Profiles of Amazon's shared files: the key that one holds, or the role that it names.
//!
//! The files are read whenever a key is wanted, so that what another program renews in them counts. A profile that would have a
//! program executed, or a role taken over with another key, is refused with a word for it, and never passed over.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use k1s_getter_address::{AccessKey, Secret};

use super::role::Role;
use crate::variables::Variables;

/// The longest of these files, in bytes.
const FILE_BYTES: u64 = 1 << 20;
/// What says of a profile that its key is not in it; two of these together are a role that is taken over by a token.
const ROLE: &str = "role_arn";
const TOKEN_FILE: &str = "web_identity_token_file";
const ELSEWHERE: [&str; 5] = ["credential_process", "sso_session", "sso_start_url", ROLE, TOKEN_FILE];

/// A profile gives no key. Tells nothing of what is in the files but names of fields.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
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
    #[error(
        "the profile {name:?} has its key by `{field}`, which is not taken here; `cloud: aws` with AWS_PROFILE takes \
         `web_identity_token_file`, and nothing else is supported in this version"
    )]
    Elsewhere {
        /// The profile.
        name: String,
        /// By what.
        field: &'static str,
    },
    /// There is no key.
    #[error("the profile {0:?} lacks `aws_access_key_id` or `aws_secret_access_key`")]
    Keyless(String),
    /// There is half of a key.
    #[error("the profile {0:?} has `aws_access_key_id` or `aws_secret_access_key`, and not both in one file")]
    Half(String),
}

impl ProfileError {
    /// Returns whether there is simply nothing that says who asks.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Self::Homeless | Self::Missing(_) | Self::Keyless(_) => true,
            Self::File { .. } | Self::Text(_) | Self::Elsewhere { .. } | Self::Half(_) => false,
        }
    }
}

/// What a profile says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Its key.
    Key(AccessKey),
    /// The role that is to be taken over.
    Role(Role),
}

/// Reads the key of a profile, where it is in Amazon's shared files themselves; it reads files.
///
/// # Errors
/// Fails if a file cannot be read, or there is no such profile, or no key in it.
pub fn profile_key(variables: &Variables, name: &str) -> Result<AccessKey, ProfileError> {
    match Files::find(variables)?.found(name)? {
        Found::Key(key) => Ok(key),
        Found::Role(_) => Err(ProfileError::Elsewhere {
            name: name.to_owned(),
            field: TOKEN_FILE,
        }),
    }
}

/// Where the files are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    credentials: PathBuf,
    config: PathBuf,
}

impl Files {
    /// Finds them as Amazon's own programs do.
    ///
    /// # Errors
    /// Fails if the environment does not say where.
    pub(super) fn find(variables: &Variables) -> Result<Self, ProfileError> {
        let place = |name: &str, file: &str| match variables.get(name) {
            Some(path) => Ok(PathBuf::from(path)),
            None => variables.at_home(&format!(".aws/{file}")).ok_or(ProfileError::Homeless),
        };
        Ok(Self {
            credentials: place("AWS_SHARED_CREDENTIALS_FILE", "credentials")?,
            config: place("AWS_CONFIG_FILE", "config")?,
        })
    }

    /// Reads what a profile says.
    ///
    /// # Errors
    /// Fails if a file cannot be read, or there is no such profile, or it says nothing that is taken.
    pub(super) fn found(&self, name: &str) -> Result<Found, ProfileError> {
        of(name, &read(&self.credentials)?, &read(&self.config)?)
    }
}

/// Reads a file; one that is missing is empty.
fn read(path: &Path) -> Result<String, ProfileError> {
    let fault = |source| ProfileError::File {
        path: path.to_owned(),
        source,
    };
    // A pipe would be waited for.
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Ok(found) if found.file_type().is_fifo() => return Err(ProfileError::Text(path.to_owned())),
        looked => looked.map_err(fault)?,
    };
    let file = File::open(path).map_err(fault)?;
    let mut bytes = Vec::new();
    let length = file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(fault)?;
    let is_whole = u64::try_from(length).is_ok_and(|length| length <= FILE_BYTES);
    let text = String::from_utf8(bytes).ok().filter(|_| is_whole);
    text.ok_or_else(|| ProfileError::Text(path.to_owned()))
}

/// Finds what a profile says in the texts of both files; what the file of credentials says counts before the other.
fn of(name: &str, credentials: &str, config: &str) -> Result<Found, ProfileError> {
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
    let value = |field: &str| sections.iter().find_map(|section| value(section, field));
    if let (Some(arn), Some(token)) = (value(ROLE), value(TOKEN_FILE)) {
        return Ok(Found::Role(Role {
            arn: arn.to_owned(),
            token: PathBuf::from(token),
            session: value("role_session_name").map(str::to_owned),
        }));
    }
    if let Some(field) = ELSEWHERE.into_iter().find(|field| value(field).is_some()) {
        return Err(ProfileError::Elsewhere {
            name: name.to_owned(),
            field,
        });
    }
    key(name, &sections).map(Found::Key)
}

/// Finds the key of a profile; both halves are of one file, as they were written together.
fn key(name: &str, sections: &[Vec<(&str, &str)>]) -> Result<AccessKey, ProfileError> {
    let mut has_half = false;
    for section in sections {
        let part = |field| value(section, field).map(Secret::new);
        match (part("aws_access_key_id"), part("aws_secret_access_key")) {
            (Some(id), Some(secret)) => {
                let token = part("aws_session_token");
                return Ok(AccessKey { id, secret, token });
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => has_half = true,
        }
    }
    Err(if has_half {
        ProfileError::Half(name.to_owned())
    } else {
        ProfileError::Keyless(name.to_owned())
    })
}

/// Returns the value of a field of a section.
fn value<'t>(section: &[(&'t str, &'t str)], field: &str) -> Option<&'t str> {
    let found = section.iter().find(|(name, _)| *name == field);
    found.map(|(_, value)| *value)
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
        [profile role]\nrole_arn = arn:x\n\
        web_identity_token_file = /t\n[profile bare]\nregion = x\n[profile run]\ncredential_process = /bin/CANARY\naws_access_key_id=R\naws_secret_access_key=R\n";

    #[test]
    fn the_key_of_a_profile_is_found() {
        for (name, id, secret, token) in [
            ("default", "A", "S=", None),
            ("team", "T", "U", Some("V")),
            ("lone", "L", "M", None),
        ] {
            let expected = AccessKey {
                id: Secret::new(id),
                secret: Secret::new(secret),
                token: token.map(Secret::new),
            };
            assert_eq!(of(name, CREDENTIALS, CONFIG).unwrap(), Found::Key(expected), "{name}");
        }
        let Found::Role(role) = of("role", CREDENTIALS, CONFIG).unwrap() else {
            panic!("it is a role");
        };
        assert_eq!((role.arn.as_str(), role.token.to_str()), ("arn:x", Some("/t")));
    }

    #[test]
    fn a_profile_without_a_key_is_not_passed_over() {
        for (name, words) in [
            ("none", "no profile \"none\""),
            ("profile team", "no profile"),
            ("half", "not both in one file"),
            ("bare", "lacks `aws_access_key_id`"),
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
        let files = Files::find(&Variables::given([("HOME", &told)])).unwrap();
        assert!(matches!(files.found("default"), Err(ProfileError::Missing(_))));
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/credentials"), CREDENTIALS).unwrap();
        assert!(files.found("default").is_ok());
        let elsewhere = home.path().join("mine");
        std::fs::write(&elsewhere, CONFIG).unwrap();
        let files = Files::find(&Variables::given([
            ("AWS_CONFIG_FILE", elsewhere.to_str().unwrap().to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", format!("{told}/nothing")),
        ]));
        let files = files.unwrap();
        assert!(files.found("lone").is_ok());
        std::fs::write(&elsewhere, b"\xff").unwrap();
        assert!(matches!(files.found("lone"), Err(ProfileError::Text(_))));
        std::fs::remove_file(&elsewhere).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &elsewhere,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert!(matches!(files.found("lone"), Err(ProfileError::Text(_))));
        let nothing = Variables::given([("OTHER", "x")]);
        assert!(matches!(Files::find(&nothing), Err(ProfileError::Homeless)));
    }
}
