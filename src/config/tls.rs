//! A TLS certificate and its key, which some listeners have.

use std::path::PathBuf;

use super::problem::Place;
use super::section::{Form, Given, Section};
use super::values::{path, path_like};

/// A listener's certificate and key, both as PEM files. They are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those between it and the authority that clients know.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
}

impl TlsFiles {
    pub(super) fn read(section: &mut Section<'_>) -> Given<Self> {
        const CERTIFICATE: &str = "tls_certificate";
        const KEY: &str = "tls_key";
        const CERTIFICATE_FORM: Form = path_like("/etc/doorkey/certificate.pem");
        const KEY_FORM: Form = path_like("/etc/doorkey/key.pem");
        let certificate = section.optional(CERTIFICATE, &CERTIFICATE_FORM, path);
        match (certificate, section.optional(KEY, &KEY_FORM, path)) {
            (Given::Is(certificate, place), Given::Is(key, _)) => Given::Is(Self { certificate, key }, place),
            (Given::Absent, Given::Absent) => Given::Absent,
            (Given::Is(_, place), Given::Absent) => alone(section, CERTIFICATE, KEY, place),
            (Given::Absent, Given::Is(_, place)) => alone(section, KEY, CERTIFICATE, place),
            (Given::Faulty, _) | (_, Given::Faulty) => Given::Faulty,
        }
    }
}

fn alone(section: &mut Section<'_>, set: &str, missing: &str, place: Place) -> Given<TlsFiles> {
    section.problem(set, place, &format!("is set, but {missing} is not. Set both, or neither."));
    Given::Faulty
}
