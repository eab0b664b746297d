//! A commit or tag, taken apart into what was signed and the signature.

use crate::fault::SignedError;
use crate::limits::{OBJECT_BYTES, SIGNATURE_BYTES};

/// How something is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// By `ssh-keygen`.
    Ssh,
    /// By OpenPGP.
    Pgp,
}

/// The lines with which signatures begin, as git tells them.
const BEGINNINGS: [(&[u8], Result<Format, SignedError>); 5] = [
    (b"-----BEGIN SSH SIGNATURE-----", Ok(Format::Ssh)),
    (b"-----BEGIN PGP SIGNATURE-----", Ok(Format::Pgp)),
    // Of GnuPG's oldest versions.
    (b"-----BEGIN PGP MESSAGE-----", Err(SignedError::Unknown)),
    (b"-----BEGIN SIGNED MESSAGE-----", Err(SignedError::X509)),
    (b"-----BEGIN CERTIFICATE-----", Err(SignedError::X509)),
];

/// A header of a commit that holds a signature over the commit without any such header.
const SIGNATURE_HEADER: &[u8] = b"gpgsig";
/// What follows in the name of the header with the signature over the form of the commit that has SHA-256 hashes.
const OTHER_HASH: &[u8] = b"-sha256 ";

/// What was signed, by what, and when it says that it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    payload: Vec<u8>,
    signature: String,
    format: Format,
    made: i64,
}

impl Signed {
    /// Takes a commit apart, as git stores it: nothing, when it has no signature.
    ///
    /// # Errors
    /// When it has a signature that cannot be taken out.
    pub fn commit(object: &[u8]) -> Result<Option<Self>, SignedError> {
        let (payload, signature) = without_headers(object)?;
        match signature {
            Some(signature) => Self::of(payload, signature, b"committer ").map(Some),
            None => Ok(None),
        }
    }

    /// Takes an annotated tag apart, as git stores it: nothing, when it has no signature.
    ///
    /// # Errors
    /// When it has a signature that cannot be taken out.
    pub fn tag(object: &[u8]) -> Result<Option<Self>, SignedError> {
        within(object.len(), OBJECT_BYTES)?;
        let mut begins = lines(object).filter(|(_, line)| format(line).is_some());
        let Some((at, _)) = begins.next() else {
            return Ok(None);
        };
        if begins.next().is_some() {
            return Err(SignedError::Several);
        }
        let (text, signature) = object.split_at(at);
        // A tag of a repository of two kinds of hashes has the signature over its other form as a header.
        let (payload, _) = without_headers(text)?;
        Self::of(payload, signature.to_vec(), b"tagger ").map(Some)
    }

    fn of(payload: Vec<u8>, signature: Vec<u8>, maker: &[u8]) -> Result<Self, SignedError> {
        within(signature.len(), SIGNATURE_BYTES)?;
        let format = format(&signature).ok_or(SignedError::Unknown)??;
        let signature = String::from_utf8(signature).map_err(|_| SignedError::NotText)?;
        let made = made(&payload, maker).ok_or(SignedError::NoTime)?;
        Ok(Self {
            payload,
            signature,
            format,
            made,
        })
    }

    /// The bytes that were signed.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signature, as text.
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// How it is signed.
    pub fn format(&self) -> Format {
        self.format
    }

    /// When it was committed or tagged, in seconds since 1970, as what was signed says.
    pub fn made(&self) -> i64 {
        self.made
    }
}

/// What is left without the headers that hold signatures, and the signature for this kind of hash.
fn without_headers(object: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), SignedError> {
    /// To what a line that begins with a blank belongs.
    #[derive(Clone, Copy, PartialEq)]
    enum Within {
        Signature,
        OtherSignature,
        Rest,
    }
    within(object.len(), OBJECT_BYTES)?;
    let mut payload = Vec::with_capacity(object.len());
    let mut signature: Option<Vec<u8>> = None;
    let mut inside = Within::Rest;
    for (at, line) in lines(object) {
        if line == b"\n" {
            payload.extend_from_slice(object.get(at..).unwrap_or_default());
            break;
        }
        let continued = line.strip_prefix(b" ").filter(|_| inside != Within::Rest);
        if let Some(text) = continued {
            if let (Within::Signature, Some(signature)) = (inside, &mut signature) {
                signature.extend_from_slice(text);
            }
            continue;
        }
        inside = Within::Rest;
        match line.strip_prefix(SIGNATURE_HEADER) {
            Some([b' ', text @ ..]) => {
                if signature.replace(text.to_vec()).is_some() {
                    return Err(SignedError::Several);
                }
                inside = Within::Signature;
            }
            Some(rest) if rest.starts_with(OTHER_HASH) => inside = Within::OtherSignature,
            Some(_) | None => payload.extend_from_slice(line),
        }
    }
    Ok((payload, signature))
}

/// Each line with its end, and where it begins.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    text.split_inclusive(|byte| *byte == b'\n').scan(0, |at, line| {
        let begins = *at;
        *at += line.len();
        Some((begins, line))
    })
}

fn format(text: &[u8]) -> Option<Result<Format, SignedError>> {
    let begins = BEGINNINGS.iter().find(|(begins, _)| text.starts_with(begins));
    begins.map(|(_, format)| *format)
}

/// The time in the header of whoever made it: the last word but one.
fn made(payload: &[u8], maker: &[u8]) -> Option<i64> {
    let headers = lines(payload).take_while(|(_, line)| *line != b"\n");
    let line = headers
        .map(|(_, line)| line)
        .find_map(|line| line.strip_prefix(maker))?;
    let mut words = line.trim_ascii_end().rsplit(|byte| *byte == b' ');
    let _zone = words.next()?;
    std::str::from_utf8(words.next()?).ok()?.parse().ok()
}

fn within(bytes: usize, limit: usize) -> Result<(), SignedError> {
    if bytes > limit {
        return Err(SignedError::TooLong(limit));
    }
    Ok(())
}
