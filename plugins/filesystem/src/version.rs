//! The source version of a file: the state in which its objects were read.
//!
//! The text is `1.<modified>.<changed>.<size>.<inode>.<hash>`: the stamp in hexadecimal (times as 64-bit two's
//! complement) and the whole SHA-256 of the content in unpadded URL-safe base64. A file that was too young to be
//! remembered by its stamp has `1.-.<hash>`. The SDK adds which of how many findings of the file an object is. The host
//! never looks inside; a change of the format costs one reading of every file.
//!
//! Invariants: with the SDK's addition the text is at most 128 bytes; a text that is not exactly what [`Version`] prints
//! is not read at all.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use k1s_manifests::Stamp;

/// Letters of a hash in base64.
const HASH_LETTERS: usize = 43;

/// The SHA-256 of a file's content.
pub(crate) type ContentHash = [u8; 32];

/// The state a file was read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// `None` where the file was too young to be remembered by it.
    pub(crate) stamp: Option<Stamp>,
    pub(crate) hash: ContentHash,
}

/// The text is not a version of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a source version of this plugin")]
pub(crate) struct NotAVersion;

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stamp {
            Some(Stamp {
                modified,
                changed,
                size,
                inode,
            }) => {
                write!(f, "1.{modified:x}.{changed:x}.{size:x}.{inode:x}")?;
            }
            None => f.write_str("1.-")?,
        }
        write!(f, ".{}", BASE64_URL_SAFE_NO_PAD.encode(self.hash))
    }
}

/// Returns whether `text` is a version with this stamp, without reading the hash.
pub(crate) fn has_stamp(text: &str, stamp: &Stamp) -> bool {
    let Stamp {
        modified,
        changed,
        size,
        inode,
    } = *stamp;
    let numbers = [modified.cast_unsigned(), changed.cast_unsigned(), size, inode];
    let after_stamp = text.strip_prefix('1').and_then(|rest| {
        let mut numbers = numbers.into_iter();
        numbers.try_fold(rest, |rest, number| after_hexadecimal(rest.strip_prefix('.')?, number))
    });
    let hash = after_stamp.and_then(|rest| rest.strip_prefix('.'));
    hash.is_some_and(|hash| hash.len() == HASH_LETTERS)
}

/// Returns what follows a number at the beginning of a text, if it is there as it would be printed.
fn after_hexadecimal(text: &str, number: u64) -> Option<&str> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (u64::BITS - number.leading_zeros()).div_ceil(4).max(1);
    let (head, rest) = text.split_at_checked(digits as usize)?;
    let expected = (0..digits)
        .rev()
        .map(|place| DIGITS[(number >> (4 * place)) as usize % 16]);
    head.bytes().eq(expected).then_some(rest)
}

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let version = read(text).ok_or(NotAVersion)?;
        if version.to_string() == text {
            Ok(version)
        } else {
            Err(NotAVersion)
        }
    }
}

fn read(text: &str) -> Option<Version> {
    let (stamp, hash) = text.strip_prefix("1.")?.rsplit_once('.')?;
    let hash = BASE64_URL_SAFE_NO_PAD.decode(hash).ok()?.try_into().ok()?;
    let stamp = match stamp {
        "-" => None,
        stamp => Some(read_stamp(stamp)?),
    };
    Some(Version { stamp, hash })
}

fn read_stamp(text: &str) -> Option<Stamp> {
    let mut numbers = text.split('.').map(|number| u64::from_str_radix(number, 16).ok());
    let mut next = || numbers.next().flatten();
    let stamp = Stamp {
        modified: next()?.cast_signed(),
        changed: next()?.cast_signed(),
        size: next()?,
        inode: next()?,
    };
    numbers.next().is_none().then_some(stamp)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::MOST_FILE_BYTES;

    #[test]
    fn the_longest_version_fits_the_contract() {
        let stamp = Stamp {
            modified: -1,
            changed: -1,
            size: MOST_FILE_BYTES,
            inode: u64::MAX,
        };
        let version = Version {
            stamp: Some(stamp),
            hash: [255; 32],
        };
        // An object takes more than 32 bytes, so a file of the largest size has fewer findings than this.
        let most = MOST_FILE_BYTES / 32;
        let text = format!("{version} {most}/{most}");
        assert!(text.len() <= 128, "{} bytes: {text}", text.len());
    }

    #[test]
    fn texts_of_others_are_not_read() {
        let good = Version {
            stamp: None,
            hash: [7; 32],
        }
        .to_string();
        assert!(good.parse::<Version>().is_ok());
        for text in [
            String::new(),
            "etag-5".to_owned(),
            good.replacen("1.", "2.", 1),
            good.replace(".-.", "."),
            good.replace(".-.", ".1.2.3."),
            good.replace(".-.", ".1.2.3.4.5."),
            good.replace(".-.", ".1.2.3.F."),
            good.replace(".-.", ".1.2.3.04."),
            format!("{good} "),
            format!("{good} 1/2"),
        ] {
            assert_eq!(text.parse::<Version>(), Err(NotAVersion), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn a_version_survives_its_text(
            stamp in proptest::option::of((any::<i64>(), any::<i64>(), any::<u64>(), any::<u64>())),
            hash in any::<[u8; 32]>(),
        ) {
            let stamp = stamp.map(|(modified, changed, size, inode)| Stamp { modified, changed, size, inode });
            let version = Version { stamp, hash };
            prop_assert_eq!(version.to_string().parse::<Version>(), Ok(version));
            let Some(stamp) = stamp else { return Ok(()) };
            let text = version.to_string();
            prop_assert!(has_stamp(&text, &stamp));
            for other in [
                Stamp { modified: stamp.modified ^ 1, ..stamp },
                Stamp { changed: stamp.changed ^ i64::MIN, ..stamp },
                Stamp { size: stamp.size ^ 16, ..stamp },
                Stamp { inode: !stamp.inode, ..stamp },
            ] {
                prop_assert!(!has_stamp(&text, &other));
            }
            prop_assert!(!has_stamp(text.get(..text.len() - 1).unwrap_or_default(), &stamp));
            let young = Version { stamp: None, hash }.to_string();
            prop_assert!(!has_stamp(&young, &stamp));
        }
    }
}
