//! What is read of a zip before anything of it is handed out.

use std::io::Write as _;

use k1s_getter_address::Archive;
use k1s_getter_archive::{ArchiveError, Limit, Limits};

use crate::making::{contents, opened, zipped};

#[test]
fn the_directory_of_a_zip_has_a_budget() {
    let names: Vec<String> = (0..500).map(|number| format!("{number:0100}")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let bytes = zipped(&entries);
    let limits = |directory_bytes| Limits {
        directory_bytes,
        entries: 10,
        ..Limits::default()
    };
    // 500 of at least 146 bytes are there: the budget ends it before the entries could be counted.
    let read = contents(Archive::Zip, &bytes, &limits(70_000));
    assert!(
        matches!(read, Err(ArchiveError::Limit(Limit::DirectoryBytes(70_000)))),
        "{read:?}"
    );
    let read = contents(Archive::Zip, &bytes, &limits(1 << 20));
    assert!(matches!(read, Err(ArchiveError::Limit(Limit::Entries(10)))), "{read:?}");
    // What is not the directory has none.
    let mut large = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    large.start_file("a", stored).unwrap();
    large.write_all(&vec![b'x'; 200 << 10]).unwrap();
    let large = large.finish().unwrap().into_inner();
    assert!(contents(Archive::Zip, &large, &limits(80 << 10)).is_ok());
    assert_eq!(opened(Archive::Zip, &bytes).unwrap().len(), 500);
}
