//! How a scalar is printed: what its text allows (`yaml_emitter_analyze_scalar`), and the four notations.

use super::{Blank, INDENT, Printer, WIDTH};
use crate::scalar::{Scalar, plain};
use crate::timestamp::is_timestamp;

/// A notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

impl Style {
    /// The notation that go-yaml wants for a string, before its text is analysed.
    pub(super) fn for_string(text: &str) -> Self {
        let is_string = matches!(plain(text), Scalar::String(_) | Scalar::Merge);
        if text.contains('\n') {
            Self::Literal
        } else if is_string && !is_timestamp(text) && !is_base_60(text) {
            Self::Plain
        } else {
            Self::DoubleQuoted
        }
    }
}

/// YAML 1.1's sexagesimal numbers, which go-yaml reads as strings and quotes for others' sake:
/// `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`.
fn is_base_60(text: &str) -> bool {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let Some((first, rest)) = rest.split_once(':') else {
        return false;
    };
    let (groups, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let is_group = |group: &str| match group.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [tens, digit] => matches!(tens, b'0'..=b'5') && digit.is_ascii_digit(),
        _ => false,
    };
    first.starts_with(|c: char| c.is_ascii_digit())
        && is_digits(first)
        && groups.split(':').all(is_group)
        && is_digits(fraction)
}

/// What a text allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Analysis {
    pub(super) multiline: bool,
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Analysis {
    pub(super) fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self {
                multiline: false,
                plain: true,
                single_quoted: true,
                block: false,
            };
        }
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut line_breaks, mut special, mut break_space, mut space_break) = (false, false, false, false);
        let (mut preceded_by_blank, mut previous_space, mut previous_break) = (true, false, false);
        let mut characters = text.chars().peekable();
        let mut is_first = true;
        while let Some(character) = characters.next() {
            let followed_by_blank = characters.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
            indicators |= match character {
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => is_first,
                '?' | '-' => is_first && followed_by_blank,
                ':' => followed_by_blank,
                '#' => preceded_by_blank,
                _ => false,
            };
            special |= !is_printable(character);
            let (is_space, is_break) = (character == ' ', is_break(character));
            break_space |= is_space && previous_break;
            space_break |= is_break && previous_space;
            line_breaks |= is_break;
            (previous_space, previous_break) = (is_space, is_break);
            preceded_by_blank = matches!(character, ' ' | '\t' | '\0') || is_break;
            is_first = false;
        }
        let is_edge = |character: Option<char>| character.is_some_and(|c| c == ' ' || is_break(c));
        let edges = is_edge(text.chars().next()) || is_edge(text.chars().next_back());
        Self {
            multiline: line_breaks,
            plain: !(edges || break_space || space_break || special || line_breaks || indicators),
            single_quoted: !(break_space || space_break || special),
            // Kubernetes' reader ends a stream's last line with a line feed, which would become part of such a text.
            block: !(text.ends_with([' ', '\u{2028}', '\u{2029}']) || space_break || special),
        }
    }

    /// Returns the notation for a text that wants `style`.
    pub(super) fn choose(self, text: &str, style: Style, is_simple_key: bool) -> Style {
        let mut style = if is_simple_key && self.multiline {
            Style::DoubleQuoted
        } else {
            style
        };
        if style == Style::Plain && (!self.plain || (text.is_empty() && is_simple_key)) {
            style = Style::SingleQuoted;
        }
        match style {
            Style::SingleQuoted if !self.single_quoted => Style::DoubleQuoted,
            Style::Literal if !self.block || is_simple_key => Style::DoubleQuoted,
            Style::Plain | Style::SingleQuoted | Style::DoubleQuoted | Style::Literal => style,
        }
    }
}

fn is_break(character: char) -> bool {
    matches!(character, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Beyond U+FFFF nothing is printable to go-yaml v2.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{fffd}') && character != '\u{feff}'
}

impl Printer {
    pub(super) fn plain(&mut self, text: &str, may_fold: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        self.folded(text, may_fold, |_, _| true, |printer, character| printer.put(character));
        self.whitespace = false;
        self.indention = false;
    }

    pub(super) fn single_quoted(&mut self, text: &str, may_fold: bool) {
        self.indicator("'", Blank::Before, Blank::None, false);
        let inside = |at: usize, length: usize| at > 0 && at + 1 < length;
        self.folded(text, may_fold, inside, |printer, character| {
            if character == '\'' {
                printer.put('\'');
            }
            printer.put(character);
        });
        self.indicator("'", Blank::None, Blank::None, false);
    }

    /// Writes a text whose single spaces may become line breaks, and whose line breaks are doubled.
    fn folded(
        &mut self,
        text: &str,
        may_fold: bool,
        may_fold_at: impl Fn(usize, usize) -> bool,
        write: impl Fn(&mut Self, char),
    ) {
        let (mut spaces, mut breaks) = (false, false);
        for (at, character) in text.char_indices() {
            if character == ' ' {
                let is_single = !spaces && !text[at + 1..].starts_with(' ');
                if may_fold && is_single && self.column > WIDTH && may_fold_at(at, text.len()) {
                    self.write_indent();
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else if is_break(character) {
                if !breaks && character == '\n' {
                    self.put_break();
                }
                self.write_break(character);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                write(self, character);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
    }

    pub(super) fn double_quoted(&mut self, text: &str, may_fold: bool) {
        self.indicator("\"", Blank::Before, Blank::None, false);
        // go-yaml looks for the mark at the beginning of the text, wherever it is.
        let escapes_all = text.starts_with('\u{feff}');
        let mut spaces = false;
        for (at, character) in text.char_indices() {
            let is_special = !is_printable(character) || is_break(character) || matches!(character, '"' | '\\');
            if escapes_all || is_special {
                self.escape(character);
                spaces = false;
            } else if character == ' ' {
                if may_fold && !spaces && self.column > WIDTH && at > 0 && at + 1 < text.len() {
                    self.write_indent();
                    if text[at + 1..].starts_with(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else {
                self.put(character);
                spaces = false;
            }
        }
        self.indicator("\"", Blank::None, Blank::None, false);
    }

    fn escape(&mut self, character: char) {
        self.put('\\');
        let short = match character {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(character);
                let long = match code {
                    0..=0xff => format!("x{code:02X}"),
                    0x100..=0xffff => format!("u{code:04X}"),
                    _ => format!("U{code:08X}"),
                };
                long.chars().for_each(|digit| self.put(digit));
                return;
            }
        };
        self.put(short);
    }

    pub(super) fn literal(&mut self, text: &str) {
        self.indicator("|", Blank::Before, Blank::None, false);
        if text.starts_with(|first| first == ' ' || is_break(first)) {
            self.indicator(&INDENT.to_string(), Blank::None, Blank::None, false);
        }
        let mut last = text.chars().rev();
        match (last.next().is_some_and(is_break), last.next().is_none_or(is_break)) {
            (false, _) => self.indicator("-", Blank::None, Blank::None, false),
            (true, true) => self.indicator("+", Blank::None, Blank::None, false),
            (true, false) => {}
        }
        self.put_break();
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for character in text.chars() {
            if is_break(character) {
                self.write_break(character);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                self.put(character);
                self.indention = false;
                breaks = false;
            }
        }
    }
}
