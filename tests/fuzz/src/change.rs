//! One change of an input, at places that fit whatever its length is by then.

use crate::random::Random;

/// The most bytes that are removed, or copied, at once.
const SPAN: usize = 64;
/// The most times that something is repeated.
const TIMES: usize = 40;
/// Numbers at which readers of formats go wrong.
const EDGES: [u64; 10] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    u64::MAX,
];

/// A change.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Flip {
        at: usize,
        bit: usize,
    },
    Set {
        at: usize,
        byte: u8,
    },
    Insert {
        at: usize,
        byte: u8,
    },
    Remove {
        at: usize,
        length: usize,
    },
    Cut {
        at: usize,
    },
    /// Copies a part to another place, so many times.
    Copy {
        from: usize,
        length: usize,
        at: usize,
        times: usize,
    },
    Word {
        at: usize,
        index: usize,
    },
    /// Goes on with another input from the same place on.
    Splice {
        at: usize,
        with: usize,
    },
    /// Writes a number over what is there, its last or first byte in front.
    Edge {
        at: usize,
        number: u64,
        bytes: usize,
        is_big: bool,
    },
    /// Writes a number in digits.
    Digits {
        at: usize,
        number: u64,
    },
}

impl Change {
    /// Draws a change where there are so many words and inputs.
    pub(crate) fn drawn(random: &mut Random, words: usize, inputs: usize) -> Self {
        let at = random.below(usize::MAX);
        let byte = u8::try_from(random.below(256)).unwrap_or(0);
        match random.below(if words == 0 { 13 } else { 16 }) {
            0 | 1 => Self::Flip {
                at,
                bit: random.below(8),
            },
            2 | 3 => Self::Set { at, byte },
            4 | 5 => Self::Insert { at, byte },
            6 | 7 => Self::Remove {
                at,
                length: 1 + random.below(SPAN),
            },
            8 => Self::Cut { at },
            9 => Self::Copy {
                from: random.below(usize::MAX),
                length: 1 + random.below(SPAN),
                at,
                times: if random.once_in(4) { 1 + random.below(TIMES) } else { 1 },
            },
            10 => Self::Splice {
                at,
                with: random.below(inputs),
            },
            11 => Self::Edge {
                at,
                number: EDGES[random.below(EDGES.len())],
                bytes: 1 << random.below(4),
                is_big: random.once_in(2),
            },
            12 => Self::Digits {
                at,
                number: EDGES[random.below(EDGES.len())],
            },
            _ => Self::Word {
                at,
                index: random.below(words),
            },
        }
    }

    pub(crate) fn apply(self, bytes: &mut Vec<u8>, words: &[&str], inputs: &[Vec<u8>]) {
        // A place among those before each byte and behind the last, and one among bytes.
        let end = bytes.len();
        let gap = |at: usize| at % (end + 1);
        match self {
            Self::Flip { at, bit } if end > 0 => bytes[at % end] ^= 1 << bit,
            Self::Set { at, byte } if end > 0 => bytes[at % end] = byte,
            Self::Flip { .. } | Self::Set { .. } => {}
            Self::Insert { at, byte } => bytes.insert(gap(at), byte),
            Self::Remove { at, length } => {
                let at = gap(at);
                drop(bytes.drain(at..(at + length).min(end)));
            }
            Self::Cut { at } => bytes.truncate(gap(at)),
            Self::Copy {
                from,
                length,
                at,
                times,
            } => {
                let (from, at) = (gap(from), gap(at));
                let copied = bytes[from..(from + length).min(end)].repeat(times);
                bytes.splice(at..at, copied);
            }
            Self::Word { at, index } => {
                let at = gap(at);
                bytes.splice(at..at, words[index].bytes());
            }
            Self::Splice { at, with } => {
                let at = gap(at);
                bytes.truncate(at);
                bytes.extend(inputs[with].iter().skip(at));
            }
            Self::Edge {
                at,
                number,
                bytes: count,
                is_big,
            } => {
                let at = gap(at);
                let (big, little) = (number.to_be_bytes(), number.to_le_bytes());
                let written = if is_big { &big[8 - count..] } else { &little[..count] };
                bytes.splice(at..(at + count).min(end), written.iter().copied());
            }
            Self::Digits { at, number } => {
                let at = gap(at);
                bytes.splice(at..at, number.to_string().into_bytes());
            }
        }
    }
}
