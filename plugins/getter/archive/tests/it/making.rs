//! Archives made by hand, and what is read of them.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use k1s_getter_address::Archive;
use k1s_getter_archive::{ArchiveError, Kind, Limits, Mode, read};
use tar::{EntryType, Header};

/// The files and links of an archive by path: content, or `-> target`; `*` before an executable one.
pub(crate) type Contents = BTreeMap<String, String>;

/// The name of the one file of formats that hold one.
pub(crate) const NAME: &str = "one";

/// Reads an archive whole.
pub(crate) fn contents(format: Archive, bytes: &[u8], limits: &Limits) -> Result<Contents, ArchiveError> {
    let mut contents = Contents::new();
    read(format, NAME, Cursor::new(bytes), limits, &mut |entry, content| {
        let mut text = Vec::new();
        content.read_to_end(&mut text)?;
        let text = match entry.kind {
            Kind::File(Mode::Plain) => String::from_utf8_lossy(&text).into_owned(),
            Kind::File(Mode::Executable) => format!("*{}", String::from_utf8_lossy(&text)),
            Kind::Link(target) => format!("-> {target}"),
        };
        assert_eq!(
            contents.insert(entry.path.to_string(), text),
            None,
            "{} twice",
            entry.path
        );
        Ok(())
    })?;
    Ok(contents)
}

/// Reads an archive as the product does.
pub(crate) fn opened(format: Archive, bytes: &[u8]) -> Result<Contents, ArchiveError> {
    contents(format, bytes, &Limits::default())
}

/// Returns one entry of tar; `path` goes into its header as it is.
pub(crate) fn tape(kind: EntryType, path: &str, target: &str, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    let old = header.as_old_mut();
    old.name[..path.len()].copy_from_slice(path.as_bytes());
    old.linkname[..target.len()].copy_from_slice(target.as_bytes());
    sealed(header, content)
}

/// Returns a header with its checksum, and the content in whole blocks.
pub(crate) fn sealed(mut header: Header, content: &[u8]) -> Vec<u8> {
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub(crate) fn file(path: &str, content: &str) -> Vec<u8> {
    tape(EntryType::Regular, path, "", 0o644, content.as_bytes())
}

/// Joins entries of tar to an archive.
pub(crate) fn taped(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.extend_from_slice(&[0; 1024]);
    bytes
}

/// Compresses bytes; of zip it makes an archive with one file.
pub(crate) fn packed(format: Archive, bytes: &[u8]) -> Vec<u8> {
    match format {
        Archive::Tar => bytes.to_vec(),
        Archive::Bz2 | Archive::TarBz2 => {
            let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap()
        }
        Archive::Gz | Archive::TarGz => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap()
        }
        Archive::Xz | Archive::TarXz => xz(bytes, 1 << 20),
        Archive::Zst | Archive::TarZst => {
            ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
        }
        Archive::Zip => zipped(&[(NAME, bytes)]),
    }
}

/// Compresses by xz with a dictionary of some size.
pub(crate) fn xz(bytes: &[u8], dictionary: u32) -> Vec<u8> {
    let mut options = lzma_rust2::XzOptions::with_preset(0);
    options.lzma_options.dict_size = dictionary;
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// Makes an archive of zip.
pub(crate) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Replaces one text by another of the same length wherever it is.
pub(crate) fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut count = 0;
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
            count += 1;
        }
    }
    assert!(count > 0, "nothing to replace");
    bytes
}

pub(crate) const TAPES: [Archive; 5] = [
    Archive::Tar,
    Archive::TarBz2,
    Archive::TarGz,
    Archive::TarXz,
    Archive::TarZst,
];
pub(crate) const SINGLES: [Archive; 4] = [Archive::Bz2, Archive::Gz, Archive::Xz, Archive::Zst];
