//! Patterns of paths, by the rules of Go's `path.Match`.
//!
//! `*` and `?` stop at slashes, `[a-c]` and `[^a-c]` are classes, `\` takes the next character as it is. There is no `**`
//! and no `{a,b}`. Takes at most the product of both lengths in steps.

use crate::fault::Rule;

/// A pattern of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    written: String,
    items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Literal(char),
    /// `?`
    Any,
    /// `*`
    Some,
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Reads a pattern.
    pub(crate) fn parse(written: &str) -> Result<Self, Rule> {
        let mut items = Vec::new();
        let mut rest = written.chars();
        while let Some(next) = rest.next() {
            items.push(match next {
                '*' => Item::Some,
                '?' => Item::Any,
                '\\' => Item::Literal(rest.next().ok_or(Rule::Pattern)?),
                '[' => class(&mut rest)?,
                char => Item::Literal(char),
            });
        }
        Ok(Self {
            written: written.to_owned(),
            items,
        })
    }

    /// Returns whether a path matches as a whole.
    pub fn matches(&self, path: &str) -> bool {
        let path: Vec<char> = path.chars().collect();
        let (mut item, mut at) = (0, 0);
        // Where to go on if what follows the last `*` does not match: that star takes one character more.
        let mut again: Option<(usize, usize)> = None;
        loop {
            let next = self.items.get(item);
            if let Some(Item::Some) = next {
                again = Some((item, at));
                item += 1;
            } else if next.is_none() && at == path.len() {
                return true;
            } else if let Some(&char) = path.get(at)
                && next.is_some_and(|next| next.takes(char))
            {
                (item, at) = (item + 1, at + 1);
            } else {
                let Some((star, from)) = again else { return false };
                if path.get(from).is_none_or(|char| *char == '/') {
                    return false;
                }
                again = Some((star, from + 1));
                (item, at) = (star + 1, from + 1);
            }
        }
    }

    /// Returns the pattern as written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl Item {
    fn takes(&self, char: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == char,
            Self::Any => char != '/',
            Self::Some => false,
            Self::Class { is_negated, ranges } => {
                let is_in = ranges.iter().any(|(low, high)| (*low..=*high).contains(&char));
                // Go lets a class match a slash; parts of a path are never joined by one.
                char != '/' && is_in != *is_negated
            }
        }
    }
}

/// Reads a class behind its `[`.
fn class(rest: &mut std::str::Chars<'_>) -> Result<Item, Rule> {
    let is_negated = rest.as_str().starts_with('^');
    if is_negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        if rest.as_str().starts_with(']') && !ranges.is_empty() {
            rest.next();
            return Ok(Item::Class { is_negated, ranges });
        }
        let low = bound(rest)?;
        let mut high = low;
        if rest.as_str().starts_with('-') {
            rest.next();
            high = bound(rest)?;
        }
        ranges.push((low, high));
    }
}

fn bound(rest: &mut std::str::Chars<'_>) -> Result<char, Rule> {
    match rest.next() {
        None | Some('-' | ']') => Err(Rule::Pattern),
        Some('\\') => rest.next().ok_or(Rule::Pattern),
        Some(char) => Ok(char),
    }
}
