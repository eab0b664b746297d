//! Compiles `k1s/source/v1/source.proto` without an installed protoc.
#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use prost::Message as _;

/// Messages that carry secrets or the nonce; `src/redacted.rs` writes their `Debug` by hand.
const WITHOUT_DEBUG: [&str; 6] = [
    ".k1s.source.v1.HandshakeRequest",
    ".k1s.source.v1.HandshakeResponse",
    ".k1s.source.v1.ValidateRequest",
    ".k1s.source.v1.InitializeRequest",
    ".k1s.source.v1.Redact",
    ".k1s.source.v1.Upsert",
];

fn main() -> Result<(), Box<dyn Error>> {
    let files = protox::compile(["k1s/source/v1/source.proto"], ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("source.descriptor.bin"), files.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        .build_transport(false)
        .skip_debug(WITHOUT_DEBUG)
        .extern_path(".k1s.source.v1.KnownObject", "crate::KnownObject")
        // The rarest change is the largest, and every event has room for any.
        .boxed(".k1s.source.v1.Event.change.failed")
        .type_attribute(".k1s.source.v1.Key", "#[derive(PartialOrd, Ord)]")
        .compile_fds(files)?;
    println!("cargo:rerun-if-changed=k1s");
    Ok(())
}
