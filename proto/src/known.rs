//! `KnownObject` of the contract in one allocation, because the host tells of millions.
//!
//! On the wire it is what the file says; fields that this version does not know are passed over.

use std::ops::Range;

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{
    DecodeContext, WireType, check_wire_type, decode_varint, encode_key, encode_varint, encoded_len_varint, key_len,
    message, skip_field, string,
};

/// Fields of `KnownObject` and, for the first four parts, of its `Key`.
const KEY: u32 = 1;
const SOURCE_VERSION: u32 = 2;
const PATH: u32 = 3;
const KEY_FIELDS: [u32; 4] = [1, 2, 3, 4];
/// Room that is made for the texts of an object that is being read, in bytes; most need less.
const ROOM: usize = 192;

/// One object that the host holds of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownObject {
    /// Group, kind, namespace, name, version and path.
    text: String,
    /// Where each but the last of them ends.
    ends: [usize; 5],
}

impl KnownObject {
    /// Makes one of group, kind, namespace and name as declared, and of version and path as last sent with it.
    #[must_use]
    pub fn new(key: [&str; 4], source_version: &str, path: &str) -> Self {
        let [group, kind, namespace, name] = key;
        let parts = [group, kind, namespace, name, source_version];
        let mut end = 0;
        let ends = parts.map(|part| {
            end += part.len();
            end
        });
        let text = [group, kind, namespace, name, source_version, path].concat();
        Self { text, ends }
    }

    /// Group, kind, namespace and name as the source declared them; all empty where no key was told.
    #[must_use]
    pub fn key(&self) -> [&str; 4] {
        [self.part(0), self.part(1), self.part(2), self.part(3)]
    }

    /// The version as last sent with the object.
    #[must_use]
    pub fn source_version(&self) -> &str {
        self.part(4)
    }

    /// The path as last sent with the object.
    #[must_use]
    pub fn path(&self) -> &str {
        self.part(5)
    }

    /// Group, kind, namespace, name, version and path in one text, and where each but the last of them ends.
    #[must_use]
    pub fn into_parts(self) -> (String, [usize; 5]) {
        (self.text, self.ends)
    }

    fn part(&self, index: usize) -> &str {
        self.text.get(self.place(index)).unwrap_or_default()
    }

    fn place(&self, index: usize) -> Range<usize> {
        let from = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let to = self.ends.get(index).copied().unwrap_or(self.text.len());
        from.copied().unwrap_or(0)..to
    }

    /// Reads a part. Parts that come in their order, as they do, are appended; another is put in its place.
    fn merge_part(
        &mut self,
        index: usize,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        check_wire_type(WireType::LengthDelimited, wire_type)?;
        let place = self.place(index);
        if place.is_empty() && place.end == self.text.len() {
            self.text.reserve(ROOM.saturating_sub(place.end));
            merge_text(&mut self.text, buf, ctx)?;
            self.moved(index, 0, self.text.len() - place.end);
        } else {
            let mut part = String::new();
            merge_text(&mut part, buf, ctx)?;
            self.replace(index, &part);
        }
        Ok(())
    }

    fn replace(&mut self, index: usize, part: &str) {
        let place = self.place(index);
        self.text.replace_range(place.clone(), part);
        self.moved(index, place.len(), part.len());
    }

    /// Notes that a part is now as long as `to` instead of `from`.
    fn moved(&mut self, index: usize, from: usize, to: usize) {
        for end in self.ends.iter_mut().skip(index) {
            *end = *end - from + to;
        }
    }

    fn key_len(&self) -> usize {
        KEY_FIELDS
            .into_iter()
            .zip(self.key())
            .map(|(tag, part)| text_len(tag, part))
            .sum()
    }
}

impl prost::Message for KnownObject {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        if self.key().iter().any(|part| !part.is_empty()) {
            encode_key(KEY, WireType::LengthDelimited, buf);
            encode_varint(self.key_len() as u64, buf);
            for (tag, part) in KEY_FIELDS.into_iter().zip(self.key()) {
                encode_text(tag, part, buf);
            }
        }
        encode_text(SOURCE_VERSION, self.source_version(), buf);
        encode_text(PATH, self.path(), buf);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            KEY => message::merge(wire_type, &mut KeyOf(self), buf, ctx),
            SOURCE_VERSION => self.merge_part(4, wire_type, buf, ctx),
            PATH => self.merge_part(5, wire_type, buf, ctx),
            _ => skip_field(wire_type, tag, buf, ctx),
        }
    }

    fn encoded_len(&self) -> usize {
        let key = match self.key_len() {
            0 => 0,
            length => key_len(KEY) + encoded_len_varint(length as u64) + length,
        };
        key + text_len(SOURCE_VERSION, self.source_version()) + text_len(PATH, self.path())
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The key within an object.
#[derive(Debug)]
struct KeyOf<'o>(&'o mut KnownObject);

impl prost::Message for KeyOf<'_> {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        for (tag, part) in KEY_FIELDS.into_iter().zip(self.0.key()) {
            encode_text(tag, part, buf);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        match KEY_FIELDS.iter().position(|field| *field == tag) {
            Some(index) => self.0.merge_part(index, wire_type, buf, ctx),
            None => skip_field(wire_type, tag, buf, ctx),
        }
    }

    fn encoded_len(&self) -> usize {
        self.0.key_len()
    }

    fn clear(&mut self) {
        for index in 0..KEY_FIELDS.len() {
            self.0.replace(index, "");
        }
    }
}

/// Appends a text that stands with its length in front.
fn merge_text(text: &mut String, buf: &mut impl Buf, ctx: DecodeContext) -> Result<(), DecodeError> {
    let length = usize::try_from(decode_varint(buf)?).unwrap_or(usize::MAX);
    if length > buf.remaining() {
        return refused(&[1], ctx);
    }
    match buf.chunk().get(..length) {
        Some(part) => {
            append(text, part, ctx)?;
            buf.advance(length);
            Ok(())
        }
        None => append(text, &buf.copy_to_bytes(length), ctx),
    }
}

fn append(text: &mut String, part: &[u8], ctx: DecodeContext) -> Result<(), DecodeError> {
    match str::from_utf8(part) {
        Ok(part) => text.push_str(part),
        Err(_) => return refused(&[1, 0xff], ctx),
    }
    Ok(())
}

/// Says what prost says of a text that is damaged in the same way: its errors cannot be made elsewhere.
fn refused(mut damaged: &[u8], ctx: DecodeContext) -> Result<(), DecodeError> {
    string::merge(WireType::LengthDelimited, &mut String::new(), &mut damaged, ctx)
}

fn encode_text(tag: u32, text: &str, buf: &mut impl BufMut) {
    if !text.is_empty() {
        encode_key(tag, WireType::LengthDelimited, buf);
        encode_varint(text.len() as u64, buf);
        buf.put_slice(text.as_bytes());
    }
}

fn text_len(tag: u32, text: &str) -> usize {
    if text.is_empty() {
        0
    } else {
        key_len(tag) + encoded_len_varint(text.len() as u64) + text.len()
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::v1::Key;

    /// The message as the file has it, generated.
    #[derive(Clone, PartialEq, prost::Message)]
    struct AsWritten {
        #[prost(message, optional, tag = "1")]
        key: Option<Key>,
        #[prost(string, tag = "2")]
        source_version: String,
        #[prost(string, tag = "3")]
        path: String,
    }

    fn as_written(object: &KnownObject) -> AsWritten {
        let [group, kind, namespace, name] = object.key().map(str::to_owned);
        let key = Key {
            group,
            kind,
            namespace,
            name,
        };
        AsWritten {
            key: (key != Key::default()).then_some(key),
            source_version: object.source_version().to_owned(),
            path: object.path().to_owned(),
        }
    }

    fn cases() -> Vec<KnownObject> {
        let long = "x".repeat(300);
        vec![
            KnownObject::default(),
            KnownObject::new(["", "ConfigMap", "shop", "cart"], "v1 1/1", "a/b.yaml"),
            KnownObject::new(["apps", "Deployment", "", "c\u{e4}rt"], "", "a.yaml"),
            KnownObject::new(["", "", "", ""], "v1", ""),
            KnownObject::new([&*long, "Kind", &*long, "n"], &long, &long),
        ]
    }

    #[test]
    fn the_wire_is_that_of_the_generated_message() {
        for object in cases() {
            let expected = as_written(&object);
            assert_eq!(object.encode_to_vec(), expected.encode_to_vec(), "{object:?}");
            assert_eq!(object.encoded_len(), expected.encoded_len(), "{object:?}");
            assert_eq!(KnownObject::decode(&*expected.encode_to_vec()).as_ref(), Ok(&object));
        }
    }

    #[test]
    fn fields_may_come_in_any_order_twice_and_with_others_between() {
        for [first, second] in [["a", "bb"], ["bb", "a"], ["", "c"]] {
            let one = KnownObject::new(["g", "Kind", first, "n"], first, first);
            let other = KnownObject::new(["", "", second, ""], second, "");
            let parts: Vec<Vec<u8>> = [&one, &other]
                .map(|object| {
                    let AsWritten {
                        key,
                        source_version,
                        path,
                    } = as_written(object);
                    let only_path = AsWritten {
                        path,
                        ..Default::default()
                    };
                    let rest = AsWritten {
                        key,
                        source_version,
                        path: String::new(),
                    };
                    // Field 9 is none of ours.
                    [only_path.encode_to_vec(), vec![0x4a, 1, b'!'], rest.encode_to_vec()].concat()
                })
                .into();
            let bytes = parts.concat();
            let expected = as_written(&KnownObject::decode(&*bytes).unwrap());
            assert_eq!(AsWritten::decode(&*bytes), Ok(expected), "{first} {second}");
        }
    }

    #[test]
    fn a_message_may_lie_in_pieces() {
        for object in cases() {
            let bytes = object.encode_to_vec();
            for at in 0..=bytes.len() {
                let (one, other) = bytes.split_at(at);
                assert_eq!(KnownObject::decode(one.chain(other)).as_ref(), Ok(&object), "{at}");
            }
        }
    }

    #[test]
    fn damaged_messages_are_refused() {
        for bytes in [&[0x12, 5, b'a'][..], &[0x12, 1, 0xff], &[0x0a, 2, 0x0a, 9], &[0x08, 1]] {
            assert!(KnownObject::decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
