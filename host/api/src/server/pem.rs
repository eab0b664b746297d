//! Certificates and keys as text (RFC 7468); reading is the TLS library's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters of a line (RFC 7468, section 2).
const LINE: usize = 64;

/// The label of a certificate.
pub(super) const CERTIFICATE: &str = "CERTIFICATE";

/// The label of a key in PKCS #8.
pub(super) const PRIVATE_KEY: &str = "PRIVATE KEY";

pub(super) fn encode(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, character) in STANDARD.encode(der).chars().enumerate() {
        if index > 0 && index.is_multiple_of(LINE) {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn what_is_written_has_lines_of_64_and_is_read_back() {
        for length in [1, 47, 48, 49, 96, 1000] {
            let der = vec![7; length];
            let text = encode(CERTIFICATE, &der);
            assert!(
                text.lines().all(|line| !line.is_empty() && line.len() <= LINE),
                "{text}"
            );
            assert_eq!(CertificateDer::from_pem_slice(text.as_bytes()).unwrap().as_ref(), der);
        }
    }
}
