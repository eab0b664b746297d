//! Parameters.

use std::fmt;

use crate::escape;
use crate::fault::{AddressError, Part, Rule, Text};
use crate::secret::Secret;

/// The most parameters of an address.
const PARAMETERS: usize = 64;
/// The smallest likeness of two names for one to be taken for a slip of the other.
const LIKENESS: f64 = 0.6;

/// Parameters that go to the server as they are, in their order.
///
/// They may be secret: signatures and tokens are sent this way, even as a name without a value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, Secret)>);

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameters({} redacted)", self.0.len())
    }
}

impl Parameters {
    /// Returns names and values, decoded.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns them as they stand in a URL; what is returned may be secret.
    pub fn encoded(&self) -> Secret {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| {
                format!(
                    "{}={}",
                    escape::encode_query(name),
                    escape::encode_query(value.expose())
                )
            })
            .collect();
        Secret::new(&pairs.join("&"))
    }
}

/// The parameters of an address that nobody has taken yet.
pub(crate) struct Query<'a> {
    text: Text<'a>,
    pairs: Vec<Pair<'a>>,
}

struct Pair<'a> {
    slice: &'a str,
    name: String,
    value: String,
}

/// One parameter that was taken.
pub(crate) struct Taken<'a> {
    text: Text<'a>,
    part: Part,
    slice: &'a str,
    pub(crate) value: String,
}

impl Taken<'_> {
    /// Returns an error about its value.
    pub(crate) fn refuse(&self, rule: Rule) -> AddressError {
        self.text.refuse(self.part, self.slice, rule)
    }

    /// Reads a number.
    pub(crate) fn number(&self, least: u64, most: u64) -> Result<u64, AddressError> {
        let is_digits = self.value.bytes().all(|byte| byte.is_ascii_digit());
        let number = self
            .value
            .parse()
            .ok()
            .filter(|number| is_digits && (least..=most).contains(number));
        number.ok_or_else(|| self.refuse(Rule::Number { least, most }))
    }
}

impl<'a> Query<'a> {
    /// Divides the query of an address.
    pub(crate) fn parse(text: Text<'a>, query: Option<&'a str>) -> Result<Self, AddressError> {
        let mut pairs = Vec::new();
        for slice in query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .filter(|slice| !slice.is_empty())
        {
            if pairs.len() == PARAMETERS {
                return Err(text.refuse(Part::Query, slice, Rule::TooMany(PARAMETERS)));
            }
            let (name, value) = slice.split_once('=').unwrap_or((slice, ""));
            if slice.contains(';') {
                return Err(text
                    .refuse(Part::Query, slice, Rule::Characters)
                    .write("`&` between parameters, and `%3B` for a semicolon"));
            }
            let decode = |text: &str| escape::decode(&text.replace('+', " "));
            let name = decode(name).map_err(|rule| text.refuse(Part::Query, slice, rule))?;
            let value = decode(value).map_err(|rule| text.refuse(part_of(&name), slice, rule))?;
            pairs.push(Pair { slice, name, value });
        }
        Ok(Self { text, pairs })
    }

    /// Takes a parameter out; one that is empty is none.
    pub(crate) fn take(&mut self, name: &'static str) -> Result<Option<Taken<'a>>, AddressError> {
        Ok(self.take_any(name)?.filter(|taken| !taken.value.is_empty()))
    }

    /// Takes a parameter out that is not empty: a template whose check, revision or key was not filled in has to fail.
    pub(crate) fn take_filled(&mut self, name: &'static str) -> Result<Option<Taken<'a>>, AddressError> {
        match self.take_any(name)? {
            Some(taken) if taken.value.is_empty() => Err(taken.refuse(Rule::Empty)),
            taken => Ok(taken),
        }
    }

    fn take_any(&mut self, name: &'static str) -> Result<Option<Taken<'a>>, AddressError> {
        let mut found: Option<Pair<'a>> = None;
        for pair in self.pairs.extract_if(.., |pair| pair.name == name) {
            if found.is_some() {
                return Err(self.text.refuse(Part::Parameter(name), pair.slice, Rule::Twice));
            }
            found = Some(pair);
        }
        Ok(found.map(|pair| Taken {
            text: self.text,
            part: Part::Parameter(name),
            slice: pair.slice,
            value: pair.value,
        }))
    }

    /// Takes a secret out.
    pub(crate) fn take_secret(&mut self, name: &'static str) -> Result<Option<Secret>, AddressError> {
        Ok(self.take(name)?.map(|taken| Secret::new(&taken.value)))
    }

    /// Refuses a parameter that is there.
    pub(crate) fn forbid(&mut self, name: &'static str) -> Result<(), AddressError> {
        match self.take(name)? {
            Some(taken) => Err(taken.refuse(Rule::Meaningless)),
            None => Ok(()),
        }
    }

    /// Refuses, even empty, what another parameter is for: it would go to the server, which knows nothing of it.
    pub(crate) fn forbid_instead_of(&mut self, right: &str, names: [&'static str; 4]) -> Result<(), AddressError> {
        for name in names {
            if let Some(taken) = self.take_any(name)? {
                return Err(taken.refuse(Rule::Meaningless).write(format!("`{right}=`")));
            }
        }
        Ok(())
    }

    /// Ends with what goes to the server.
    pub(crate) fn forward(self) -> Parameters {
        let pairs = self.pairs.into_iter();
        Parameters(pairs.map(|pair| (pair.name, Secret::new(&pair.value))).collect())
    }

    /// Ends with what goes to the server, which is of these names alone, and each of them once.
    pub(crate) fn forward_only(self, names: &[&str]) -> Result<Parameters, AddressError> {
        for (at, pair) in self.pairs.iter().enumerate() {
            let refuse = |rule| Err(self.text.refuse(Part::Query, pair.slice, rule));
            if !names.contains(&pair.name.as_str()) {
                return refuse(Rule::Meaningless);
            }
            if self.pairs[..at].iter().any(|before| before.name == pair.name) {
                return refuse(Rule::Twice);
            }
        }
        Ok(self.forward())
    }

    /// Ends where nothing goes to a server: what is left would be lost.
    pub(crate) fn finish(self, known: &[&str]) -> Result<(), AddressError> {
        let Some(pair) = self.pairs.first() else { return Ok(()) };
        let error = self.text.refuse(Part::Query, pair.slice, Rule::Meaningless);
        Err(match nearest(&pair.name, known.iter().copied()) {
            Some(name) => error.write(format!("`{name}=`")),
            None => error,
        })
    }
}

/// Names in errors the parameters that may hold secrets, and that others are like.
fn part_of(name: &str) -> Part {
    const NAMED: [&str; 6] = ["ref", "rev", "filename", "checksum", "archive", "sshkey"];
    match NAMED.into_iter().find(|known| *known == name) {
        Some(name) => Part::Parameter(name),
        None => Part::Query,
    }
}

/// Returns the name that another is a slip of.
pub(crate) fn nearest<'n>(written: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let lower = written.to_ascii_lowercase();
    let scored = known.map(|name| (strsim::normalized_damerau_levenshtein(&lower, name), name));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness >= LIKENESS).map(|(_, name)| name)
}

/// Decodes base64 whose `+` may have become a space in a query, and says whether it is any.
pub(crate) fn is_base64(value: &str) -> bool {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(value).is_ok()
}

/// Returns a value of a query in which `+` was meant as it is.
pub(crate) fn with_plus(value: &str) -> String {
    value.replace(' ', "+")
}
