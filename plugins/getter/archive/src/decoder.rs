//! Decoders of compressed streams, each to the end of all that is there, with a bound on its memory.

use std::io::Read;

use crate::meter::Meter;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Bz2,
    Gz,
    Xz,
    Zst,
}

/// Returns a reader of what a stream holds; none if its compression is not built in.
#[cfg_attr(
    not(any(feature = "xz", feature = "zst")),
    expect(
        unused_variables,
        reason = "the memory of the other decoders is bounded by their formats"
    )
)]
pub(crate) fn decoder<'r, R: Read + 'r>(
    compression: Compression,
    packed: R,
    meter: &'r Meter,
) -> Option<Box<dyn Read + 'r>> {
    match compression {
        Compression::None => Some(Box::new(packed)),
        // At most 4 MB, by the format.
        #[cfg(feature = "bz2")]
        Compression::Bz2 => Some(Box::new(bzip2::read::MultiBzDecoder::new(packed))),
        #[cfg(not(feature = "bz2"))]
        Compression::Bz2 => None,
        // At most 32 KiB of window, by the format.
        #[cfg(feature = "gz")]
        Compression::Gz => Some(Box::new(flate2::read::MultiGzDecoder::new(packed))),
        #[cfg(not(feature = "gz"))]
        Compression::Gz => None,
        #[cfg(feature = "xz")]
        Compression::Xz => Some(Box::new(xz::Xz::new(packed, meter))),
        #[cfg(not(feature = "xz"))]
        Compression::Xz => None,
        #[cfg(feature = "zst")]
        Compression::Zst => Some(Box::new(zst::Frames::new(packed, meter))),
        #[cfg(not(feature = "zst"))]
        Compression::Zst => None,
    }
}

#[cfg(feature = "xz")]
mod xz {
    use std::io::{self, Read};

    use crate::limits::Limit;
    use crate::meter::Meter;

    /// A stream of xz, whose dictionaries are bounded.
    pub(super) struct Xz<'m, R: Read> {
        inner: lzma_rust2::XzReader<R>,
        meter: &'m Meter,
    }

    impl<'m, R: Read> Xz<'m, R> {
        pub(super) fn new(packed: R, meter: &'m Meter) -> Self {
            let kibibytes = u32::try_from(meter.limits().decoder_bytes >> 10).unwrap_or(u32::MAX);
            Self {
                inner: lzma_rust2::XzReader::new_mem_limit(packed, true, kibibytes),
                meter,
            }
        }
    }

    impl<R: Read> Read for Xz<'_, R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let limit = Limit::DecoderBytes(self.meter.limits().decoder_bytes);
            self.inner.read(buffer).map_err(|error| {
                if error.kind() == io::ErrorKind::OutOfMemory {
                    self.meter.stop(limit)
                } else {
                    error
                }
            })
        }
    }
}

#[cfg(feature = "zst")]
mod zst {
    use std::io::{self, Read};

    use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
    use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

    use crate::limits::Limit;
    use crate::meter::Meter;

    /// Frames of Zstandard, one behind the other, whose windows are bounded and whose lengths and checksums are compared.
    pub(super) struct Frames<'m, R> {
        packed: R,
        decoder: FrameDecoder,
        /// The bytes that were read of the frame.
        decoded: u64,
        meter: &'m Meter,
        state: State,
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum State {
        /// Before a frame; nothing was read yet.
        Start,
        /// Before a frame that may not be there.
        Between,
        Within,
        End,
    }

    impl<'m, R: Read> Frames<'m, R> {
        pub(super) fn new(packed: R, meter: &'m Meter) -> Self {
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(meter.limits().decoder_bytes);
            Self {
                packed,
                decoder,
                decoded: 0,
                meter,
                state: State::Start,
            }
        }

        /// Begins the next frame, if there is one.
        fn begin(&mut self) -> io::Result<State> {
            let mut first = [0];
            while self.packed.read(&mut first)? != 0 {
                let mut packed = first.as_slice().chain(&mut self.packed);
                match self.decoder.reset(&mut packed) {
                    Ok(()) => {
                        self.decoded = 0;
                        return Ok(State::Within);
                    }
                    Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                        length, ..
                    })) => {
                        let length = u64::from(length);
                        let skipped = io::copy(&mut packed.by_ref().take(length), &mut io::sink())?;
                        if skipped < length {
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                        self.state = State::Between;
                    }
                    Err(FrameDecoderError::WindowSizeTooBig { .. }) => {
                        return Err(self.meter.stop(Limit::DecoderBytes(self.meter.limits().decoder_bytes)));
                    }
                    Err(error) => return Err(io::Error::other(error)),
                }
            }
            match self.state {
                State::Start => Err(io::ErrorKind::UnexpectedEof.into()),
                State::Between | State::Within | State::End => Ok(State::End),
            }
        }

        fn check(&self) -> io::Result<()> {
            // The decoder tells 0 for a frame that does not say how long it is.
            let length = self.decoder.content_size();
            if length != 0 && length != self.decoded {
                return Err(io::Error::other("a frame is not as long as its header says"));
            }
            match (
                self.decoder.get_checksum_from_data(),
                self.decoder.get_calculated_checksum(),
            ) {
                (Some(said), Some(made)) if said != made => Err(io::Error::other("the checksum of a frame is wrong")),
                _ => Ok(()),
            }
        }
    }

    impl<R: Read> Read for Frames<'_, R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if buffer.is_empty() {
                return Ok(0);
            }
            loop {
                match self.state {
                    State::End => return Ok(0),
                    State::Start | State::Between => self.state = self.begin()?,
                    State::Within if self.decoder.can_collect() > 0 => {
                        let read = self.decoder.read(buffer)?;
                        self.decoded += read as u64;
                        return Ok(read);
                    }
                    State::Within if self.decoder.is_finished() => {
                        self.check()?;
                        self.state = State::Between;
                    }
                    State::Within => {
                        let decoded = self
                            .decoder
                            .decode_blocks(&mut self.packed, BlockDecodingStrategy::UptoBlocks(1));
                        decoded.map_err(io::Error::other)?;
                    }
                }
            }
        }
    }
}
