//! What of a repository is wanted, and what the references say that is.

use std::collections::BTreeSet;

use crate::advertised::Advertised;
use crate::id::ObjectId;
use crate::name::RefName;
use crate::range::Range;

/// The digits from which on a name that is not there may be meant as the beginning of a commit.
const SHORT_COMMIT: usize = 7;
const HEADS: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";

/// What of a repository is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// What its HEAD names: mostly a branch.
    Default,
    /// A branch or a tag, or a reference by its full name.
    Name(RefName),
    /// A commit.
    Commit(ObjectId),
    /// The tag with the highest version in a range.
    Newest(Range),
}

/// What a revision is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The reference, by its full name, unless a commit was wanted or HEAD stands for none.
    pub reference: Option<RefName>,
    /// What the reference names: a commit, or a tag object.
    pub id: ObjectId,
    /// What that leads to.
    pub commit: ObjectId,
}

/// The repository does not have what is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    /// It is no name of a reference, and no commit.
    #[error("the revision is neither the name of a branch or tag nor a commit")]
    Syntax,
    /// It has no commit yet.
    #[error("the repository has no commit, or its HEAD names a branch that is not there")]
    Unborn,
    /// It does not have the branch or tag.
    #[error("the repository has no branch and no tag {0}")]
    Missing(RefName),
    /// It does not have the branch or tag, which looks like the beginning of a commit.
    #[error("the repository has no branch and no tag {0}; if it is the beginning of a commit, write all 40 digits")]
    Short(RefName),
    /// It has both a branch and a tag of this name, which are not the same.
    #[error("the repository has a branch and a tag {0}; write refs/heads/{0} or refs/tags/{0}")]
    Ambiguous(RefName),
    /// It has no tag with a version in the range.
    #[error("the repository has no tag with a version in the range {range} ({seen} tags with versions)")]
    NoVersion {
        /// The range.
        range: Range,
        /// How many tags are versions.
        seen: usize,
    },
}

impl Revision {
    /// Reads the name of a branch or tag, a full reference, `HEAD`, or a commit of 40 digits.
    ///
    /// # Errors
    /// Fails if the text is none of them.
    pub fn parse(text: &str) -> Result<Self, RevisionError> {
        if let Some(id) = ObjectId::parse(text.as_bytes()) {
            return Ok(Self::Commit(id));
        }
        if text == "HEAD" {
            return Ok(Self::Default);
        }
        RefName::parse(text).map(Self::Name).ok_or(RevisionError::Syntax)
    }

    /// Returns the references that have to be known, by their full names.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::Default => vec!["HEAD".to_owned()],
            Self::Name(name) => candidates(name),
            Self::Commit(_) | Self::Newest(_) => Vec::new(),
        }
    }

    /// Adds the beginnings of references that have to be known.
    pub(crate) fn prefixes(&self, prefixes: &mut BTreeSet<String>) {
        prefixes.extend(self.names());
        if let Self::Newest(_) = self {
            prefixes.insert(TAGS.to_owned());
        }
    }

    /// Returns whether a reference has to do with it.
    pub(crate) fn concerns(&self, name: &str) -> bool {
        match self {
            Self::Default => name == "HEAD",
            Self::Name(wanted) => candidates(wanted).iter().any(|candidate| candidate == name),
            Self::Commit(_) => false,
            Self::Newest(_) => name.starts_with(TAGS),
        }
    }

    /// Finds out what it is.
    pub(crate) fn choose(&self, advertised: &[Advertised]) -> Result<Target, RevisionError> {
        match self {
            Self::Default => head(advertised),
            Self::Name(name) => named(name, advertised),
            Self::Commit(id) => Ok(Target {
                reference: None,
                id: *id,
                commit: *id,
            }),
            Self::Newest(range) => newest(range, advertised),
        }
    }
}

/// The references that a name can mean.
fn candidates(name: &RefName) -> Vec<String> {
    let text = name.as_str();
    if text.starts_with("refs/") {
        return vec![text.to_owned()];
    }
    let mut candidates = vec![format!("{HEADS}{text}"), format!("{TAGS}{text}")];
    if text.starts_with("heads/") || text.starts_with("tags/") {
        candidates.push(format!("refs/{text}"));
    }
    candidates
}

fn head(advertised: &[Advertised]) -> Result<Target, RevisionError> {
    let head = advertised.iter().find(|reference| reference.name.as_str() == "HEAD");
    let mut target = head.and_then(target).ok_or(RevisionError::Unborn)?;
    target.reference = head.and_then(|head| head.stands_for.clone());
    Ok(target)
}

fn named(name: &RefName, advertised: &[Advertised]) -> Result<Target, RevisionError> {
    let candidates = candidates(name);
    let mut found = advertised
        .iter()
        .filter(|reference| candidates.iter().any(|candidate| candidate == reference.name.as_str()))
        .filter_map(target);
    let Some(first) = found.next() else {
        let text = name.as_str();
        let is_short = text.len() >= SHORT_COMMIT && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        return Err(if is_short {
            RevisionError::Short(name.clone())
        } else {
            RevisionError::Missing(name.clone())
        });
    };
    if found.any(|other| other.commit != first.commit) {
        return Err(RevisionError::Ambiguous(name.clone()));
    }
    Ok(first)
}

fn newest(range: &Range, advertised: &[Advertised]) -> Result<Target, RevisionError> {
    let tags = advertised.iter().filter_map(|reference| {
        let tag = reference.name.as_str().strip_prefix(TAGS)?;
        Some((tag, target(reference)?))
    });
    range.newest(tags).map_err(|seen| RevisionError::NoVersion {
        range: range.clone(),
        seen,
    })
}

fn target(reference: &Advertised) -> Option<Target> {
    let id = reference.id?;
    Some(Target {
        reference: Some(reference.name.clone()),
        id,
        commit: reference.peeled.unwrap_or(id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ObjectId {
        ObjectId::from_bytes(&[byte; ObjectId::BYTES]).unwrap()
    }

    fn reference(name: &str, byte: u8, peeled: Option<u8>) -> Advertised {
        Advertised {
            name: RefName::parse(name).unwrap(),
            id: Some(id(byte)),
            peeled: peeled.map(id),
            stands_for: None,
        }
    }

    fn chosen(text: &str) -> Result<(String, u8), RevisionError> {
        let advertised = [
            Advertised {
                stands_for: RefName::parse("refs/heads/main"),
                ..reference("HEAD", 1, None)
            },
            reference("refs/heads/main", 1, None),
            reference("refs/heads/main-2", 9, None),
            reference("refs/heads/both", 2, None),
            reference("refs/heads/same", 3, None),
            reference("refs/heads/heads/odd", 4, None),
            reference("refs/pull/7/head", 5, None),
            reference("refs/tags/both", 6, None),
            reference("refs/tags/same", 7, Some(3)),
            reference("refs/tags/v1.0.0", 8, Some(9)),
        ];
        let target = Revision::parse(text)?.choose(&advertised)?;
        let name = target.reference.map(|name| name.to_string());
        Ok((name.unwrap_or_default(), target.commit.as_bytes()[0]))
    }

    #[test]
    fn references_are_found_by_their_names() {
        let full = format!("{}", id(0xcd));
        for (text, name, byte) in [
            ("HEAD", "refs/heads/main", 1),
            ("main", "refs/heads/main", 1),
            ("heads/main", "refs/heads/main", 1),
            ("heads/odd", "refs/heads/heads/odd", 4),
            ("refs/heads/main-2", "refs/heads/main-2", 9),
            ("refs/pull/7/head", "refs/pull/7/head", 5),
            ("v1.0.0", "refs/tags/v1.0.0", 9),
            ("tags/v1.0.0", "refs/tags/v1.0.0", 9),
            ("same", "refs/heads/same", 3),
            (&full, "", 0xcd),
        ] {
            assert_eq!(chosen(text), Ok((name.to_owned(), byte)), "{text}");
        }
    }

    #[test]
    fn what_is_not_there_is_told() {
        let name = |text: &str| RefName::parse(text).unwrap();
        for (text, expected) in [
            ("master", RevisionError::Missing(name("master"))),
            ("mai", RevisionError::Missing(name("mai"))),
            ("pull/7/head", RevisionError::Missing(name("pull/7/head"))),
            ("refs/heads/gone", RevisionError::Missing(name("refs/heads/gone"))),
            ("abcdef1", RevisionError::Short(name("abcdef1"))),
            ("both", RevisionError::Ambiguous(name("both"))),
            ("--upload-pack=touch /tmp/x", RevisionError::Syntax),
            ("--pathspec-from-file=/etc/passwd", RevisionError::Syntax),
            ("main | touch /tmp/x", RevisionError::Syntax),
            ("main~1", RevisionError::Syntax),
            ("", RevisionError::Syntax),
        ] {
            assert_eq!(chosen(text), Err(expected), "{text}");
        }
        assert_eq!(Revision::Default.choose(&[]), Err(RevisionError::Unborn));
        let range = Range::parse(">2").unwrap();
        let none = RevisionError::NoVersion {
            range: range.clone(),
            seen: 1,
        };
        let tags = [
            reference("refs/tags/v1.0.0", 1, None),
            reference("refs/tags/x", 1, None),
        ];
        assert_eq!(Revision::Newest(range).choose(&tags), Err(none));
    }

    #[test]
    fn only_what_is_needed_is_asked() {
        let mut prefixes = BTreeSet::new();
        for text in ["main", "refs/pull/1/head", "HEAD", "heads/x"] {
            Revision::parse(text).unwrap().prefixes(&mut prefixes);
        }
        Revision::Commit(id(1)).prefixes(&mut prefixes);
        let expected = [
            "HEAD",
            "refs/heads/heads/x",
            "refs/heads/main",
            "refs/heads/x",
            "refs/pull/1/head",
            "refs/tags/heads/x",
            "refs/tags/main",
        ];
        assert!(prefixes.iter().map(String::as_str).eq(expected), "{prefixes:?}");
    }
}
