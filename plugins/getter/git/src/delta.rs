//! What a delta makes of its base.

use crate::meter::PackFault;
use crate::varint::LittleEndian;

/// How many bytes an instruction copies that says none.
const MOST_COPIED: usize = 0x1_0000;

/// Applies a delta, whose sizes were measured before.
pub(crate) fn apply(base: &[u8], delta: &[u8]) -> Result<Vec<u8>, PackFault> {
    let mut rest = delta;
    if size(&mut rest)? != base.len() {
        return Err(PackFault::Base("is of another size than it was made for"));
    }
    let size = size(&mut rest)?;
    let mut made = Vec::with_capacity(size);
    while let Some((instruction, behind)) = rest.split_first() {
        rest = behind;
        let piece = match *instruction {
            0 => return Err(PackFault::Delta("has an instruction that means nothing")),
            length @ 1..=0x7f => take(&mut rest, length.into())?,
            parts => {
                let (from, length) = copied(parts, &mut rest)?;
                let piece = from.checked_add(length).and_then(|end| base.get(from..end));
                piece.ok_or(PackFault::Delta("copies what its base does not have"))?
            }
        };
        if made.len() + piece.len() > size {
            return Err(PackFault::Delta("makes more than it says"));
        }
        made.extend_from_slice(piece);
    }
    if made.len() < size {
        return Err(PackFault::Delta("makes less than it says"));
    }
    Ok(made)
}

/// Reads from where, and how much, an instruction copies; each bit of it says whether a byte follows.
fn copied(parts: u8, rest: &mut &[u8]) -> Result<(usize, usize), PackFault> {
    let (mut from, mut length) = (0, 0);
    for bit in 0..7 {
        if parts & (1 << bit) == 0 {
            continue;
        }
        let byte = usize::from(take(rest, 1)?.first().copied().unwrap_or_default());
        if bit < 4 {
            from |= byte << (8 * bit);
        } else {
            length |= byte << (8 * (bit - 4));
        }
    }
    Ok((from, if length == 0 { MOST_COPIED } else { length }))
}

fn take<'d>(rest: &mut &'d [u8], length: usize) -> Result<&'d [u8], PackFault> {
    let (taken, behind) = rest
        .split_at_checked(length)
        .ok_or(PackFault::Delta("ends in an instruction"))?;
    *rest = behind;
    Ok(taken)
}

fn size(rest: &mut &[u8]) -> Result<usize, PackFault> {
    let mut size = LittleEndian::default();
    loop {
        let byte = take(rest, 1)?.first().copied().unwrap_or_default();
        if let Some(size) = size.take(byte)? {
            return usize::try_from(size).map_err(|_| PackFault::Number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_copies_and_adds() {
        let base: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        let size = [0xf0, 0xa2, 0x04];
        let mixed = [&size[..], &[0x83, 0x02], &[0b1011_0001, 5, 2, 1], &[1, b'x']].concat();
        assert_eq!(apply(&base, &mixed).unwrap(), [&base[5..263], b"x"].concat());
        let whole = [&size[..], &[0x80, 0x80, 0x04], &[0b1000_0000]].concat();
        assert_eq!(apply(&base, &whole).unwrap(), base[..65_536]);
    }

    #[test]
    fn a_delta_that_is_none_makes_nothing() {
        for (delta, said) in [
            (&[5, 1, 1, b'x'][..], "another size"),
            (&[4, 1, 0], "means nothing"),
            (&[4, 1, 2, b'x'], "ends in an instruction"),
            (&[4, 1, 0x81], "ends in an instruction"),
            (&[4], "ends in an instruction"),
            (&[4, 1, 0x91, 3, 2], "does not have"),
            (&[4, 1, 2, b'x', b'y'], "more than it says"),
            (&[4, 2, 1, b'x'], "less than it says"),
            (&[4, 1], "less than it says"),
        ] {
            let error = apply(b"base", delta).unwrap_err();
            assert!(error.to_string().contains(said), "{delta:?}: {error}");
        }
    }
}
