//! `Debug` of the messages that must not print what they carry: sizes and names instead of values.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use crate::v1::{HandshakeRequest, HandshakeResponse, InitializeRequest, Redact, Upsert, ValidateRequest};

/// Prints a byte string as its length.
struct Length(usize);

impl fmt::Debug for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0)
    }
}

/// Prints the pointers of secrets without their values.
fn pointers(secrets: &BTreeMap<String, Bytes>) -> Vec<&str> {
    secrets.keys().map(String::as_str).collect()
}

impl fmt::Debug for HandshakeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeRequest")
            .field("protocol_majors", &self.protocol_majors)
            .field("features", &self.features)
            .field("nonce", &Length(self.nonce.len()))
            .field("limits", &self.limits)
            .field("instance_id", &self.instance_id)
            .field("epoch", &self.epoch)
            .field("host_version", &self.host_version)
            .finish()
    }
}

impl fmt::Debug for HandshakeResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeResponse")
            .field("protocol_major", &self.protocol_major)
            .field("supported_majors", &self.supported_majors)
            .field("features", &self.features)
            .field("nonce", &Length(self.nonce.len()))
            .field("limits", &self.limits)
            .finish()
    }
}

impl fmt::Debug for ValidateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidateRequest")
            .field("config", &Length(self.config.len()))
            .field("probe", &self.probe)
            .field("secrets", &pointers(&self.secrets))
            .finish()
    }
}

impl fmt::Debug for InitializeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitializeRequest")
            .field("config", &Length(self.config.len()))
            .field("secrets", &pointers(&self.secrets))
            .field("base_dir", &self.base_dir)
            .field("source_name", &self.source_name)
            .finish()
    }
}

impl fmt::Debug for Redact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redact").field("values", &self.values.len()).finish()
    }
}

impl fmt::Debug for Upsert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upsert")
            .field("object", &Length(self.object.len()))
            .field("content_hash", &Length(self.content_hash.len()))
            .finish()
    }
}
