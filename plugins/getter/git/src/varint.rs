//! Numbers as packs hold them.

/// A number of seven bits a byte, the lowest first, while its bytes come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LittleEndian {
    value: u64,
    shift: u32,
}

impl LittleEndian {
    /// Begins with the lowest bits, which were elsewhere.
    pub(crate) fn after(value: u64, bits: u32) -> Self {
        Self { value, shift: bits }
    }

    /// Takes a byte; `Some` with the number if it was the last. Fails if the number is longer than 63 bits.
    pub(crate) fn take(&mut self, byte: u8) -> Result<Option<u64>, TooLong> {
        let bits = u64::from(byte & 0x7f);
        if self.shift > 56 || bits << self.shift >> self.shift != bits {
            return Err(TooLong);
        }
        self.value |= bits << self.shift;
        self.shift += 7;
        Ok((byte & 0x80 == 0).then_some(self.value))
    }
}

/// The distance to the base of a delta, the highest bits first, while its bytes come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Distance {
    value: u64,
    is_begun: bool,
}

impl Distance {
    /// Takes a byte; `Some` with the number if it was the last. Fails if the number is longer than 63 bits.
    pub(crate) fn take(&mut self, byte: u8) -> Result<Option<u64>, TooLong> {
        if self.value >> 55 != 0 {
            return Err(TooLong);
        }
        // Each byte but the last stands for one more, so that no number has two forms.
        let carried = if self.is_begun { self.value + 1 } else { 0 };
        self.value = carried << 7 | u64::from(byte & 0x7f);
        self.is_begun = true;
        Ok((byte & 0x80 == 0).then_some(self.value))
    }
}

/// A number is longer than any that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_or_are_refused() {
        let mut size = LittleEndian::after(5, 4);
        assert_eq!(size.take(0x81), Ok(None));
        assert_eq!(size.take(0x01), Ok(Some(5 + (1 << 4) + (1 << 11))));
        let mut distance = Distance::default();
        assert_eq!(distance.take(0x80), Ok(None));
        assert_eq!(distance.take(0x00), Ok(Some(128)));

        let mut endless = LittleEndian::default();
        assert!((0..12).any(|_| endless.take(0xff) == Err(TooLong)));
        let mut endless = Distance::default();
        assert!((0..12).any(|_| endless.take(0xff) == Err(TooLong)));
    }
}
