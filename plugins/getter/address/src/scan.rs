//! The sections of an address, each a slice of it.
//!
//! `GETTER::SOURCE//SUBDIR?QUERY#FRAGMENT`, where only the source has to be there.

use crate::fault::{AddressError, Part, Rule, Text};

/// The longest address, in bytes: room for an SSH key of 4096 bits in base64, twice.
pub(crate) const ADDRESS_BYTES: usize = 16 << 10;
/// Programs that git would run for a scheme of this name.
const PROGRAMS: [&str; 2] = ["ext", "fd"];

/// The sections of an address.
pub(crate) struct Sections<'a> {
    pub(crate) forced: Option<&'a str>,
    /// Up to the sub-directory; with its scheme, if it has one.
    pub(crate) source: &'a str,
    pub(crate) scheme: Option<&'a str>,
    pub(crate) subdir: Option<&'a str>,
    pub(crate) query: Option<&'a str>,
    pub(crate) fragment: Option<&'a str>,
}

/// Divides an address.
pub(crate) fn sections(address: &str) -> Result<Sections<'_>, AddressError> {
    let text = Text(address);
    if address.trim().is_empty() {
        return Err(text.refuse(Part::Whole, address, Rule::Empty));
    }
    if address.len() > ADDRESS_BYTES {
        return Err(text.refuse(Part::Whole, address, Rule::TooLong(ADDRESS_BYTES)));
    }
    if let Some((at, found)) = address.char_indices().find(|(_, char)| char.is_control()) {
        let slice = &address[at..at + found.len_utf8()];
        return Err(text.refuse(Part::Whole, slice, Rule::Control));
    }
    let (forced, rest) = forced(text, address)?;
    let (rest, fragment) = cut(rest, '#');
    let (located, query) = cut(rest, '?');
    let (source, subdir) = divide(located);
    if source.is_empty() {
        return Err(text.refuse(Part::Path, source, Rule::Empty));
    }
    if source.starts_with('-') {
        return Err(text
            .refuse(Part::Whole, source, Rule::Option)
            .write("`./` before it if it is a file"));
    }
    Ok(Sections {
        forced,
        source,
        scheme: scheme(source),
        subdir,
        query,
        fragment,
    })
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Splits off `GETTER::`.
fn forced<'a>(text: Text<'_>, address: &'a str) -> Result<(Option<&'a str>, &'a str), AddressError> {
    let Some((getter, rest)) = prefix(address) else {
        return Ok((None, address));
    };
    let is_program = |name: &str| PROGRAMS.contains(&name.to_ascii_lowercase().as_str());
    if is_program(getter) {
        return Err(text.refuse(Part::Getter, getter, Rule::Program));
    }
    if let Some((second, _)) = prefix(rest) {
        let rule = if is_program(second) {
            Rule::Program
        } else {
            Rule::Nested
        };
        return Err(text.refuse(Part::Getter, second, rule).write("one `GETTER::` at most"));
    }
    Ok((Some(getter), rest))
}

fn prefix(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once("::")?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_name.then_some((name, rest))
}

/// Splits at the first `//` that is not part of `://`.
fn divide(located: &str) -> (&str, Option<&str>) {
    let start = located.find("://").map_or(0, |at| at + "://".len());
    match located[start..].find("//") {
        Some(at) => (&located[..start + at], Some(&located[start + at + 2..])),
        None => (located, None),
    }
}

/// Returns what stands before the first `:` if it can be a scheme.
fn scheme(source: &str) -> Option<&str> {
    let (scheme, _) = source.split_once(':')?;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(is_part);
    is_scheme.then_some(scheme)
}
