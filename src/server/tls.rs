//! TLS, by rustls: the certificate is read from its files, and again when they change.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use rustls::{
    ServerConfig,
    client::verify_server_name,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem, pem::PemObject},
    server::ParsedCertificate,
};
use tokio_rustls::TlsAcceptor;

use super::validity::{self, Validity};
use crate::config::TlsFiles;

const CERTIFICATES: &str = "the certificate and those above it";

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read, or isn't what it should be.
    #[error("{}: {why}. It must be a PEM file with {wanted}.", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
        /// What should be in it.
        wanted: &'static str,
    },
    /// The two don't go together.
    #[error("{}: the certificate and its key can't be used together: {why}", path.display())]
    Pair {
        /// The certificate's file.
        path: PathBuf,
        /// What rustls said.
        why: rustls::Error,
    },
}

/// A certificate in use.
pub struct Certificate {
    files: TlsFiles,
    current: RwLock<Current>,
}

struct Current {
    acceptor: TlsAcceptor,
    validity: Validity,
    changed: [Mark; 2],
    /// Whether the files have become others that can't be used.
    stale: bool,
}

/// What a file is known by: when it was written, which one it is, and how long.
type Mark = Option<(SystemTime, u64, u64)>;

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// When they can't be used.
    pub fn load(files: &TlsFiles) -> Result<Arc<Self>, TlsError> {
        let current = read(files)?;
        Ok(Arc::new(Self { files: files.clone(), current: RwLock::new(current) }))
    }

    /// From when to when the certificate holds that is shown.
    pub fn validity(&self) -> Validity {
        self.current.read().unwrap_or_else(PoisonError::into_inner).validity
    }

    /// Whether the files have become others that can't be used, so that the old certificate is shown.
    pub fn is_stale(&self) -> bool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).stale
    }

    /// What takes the next connection. Files that have changed are read first; if they can't be used, the old certificate
    /// stays, and the log says why.
    pub fn acceptor(&self) -> TlsAcceptor {
        {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            if current.changed == changed(&self.files) {
                return current.acceptor.clone();
            }
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // Before they are read: what is written meanwhile is another change.
        let seen = changed(&self.files);
        if current.changed == seen {
            return current.acceptor.clone();
        }
        match read(&self.files) {
            Ok(new) => {
                tracing::info!(path = %self.files.certificate.display(), "the certificate has been read anew");
                *current = new;
            }
            Err(error) => {
                tracing::error!(%error, "the new certificate can't be used; the old one stays");
                current.changed = seen;
                current.stale = true;
            }
        }
        current.acceptor.clone()
    }
}

/// What a look at the files found.
pub struct Looked {
    /// From when to when the certificate holds.
    pub validity: Validity,
    /// Whether it is for the host that was asked about.
    pub fits: bool,
}

/// Looks at the files as a server would read them now; nothing in use changes.
///
/// # Errors
/// When they can't be used.
pub fn look(files: &TlsFiles, host: &str) -> Result<Looked, TlsError> {
    let Current { validity, .. } = read(files)?;
    let first = pem(&files.certificate, CERTIFICATES, |path| {
        CertificateDer::pem_file_iter(path)?.next().unwrap_or(Err(pem::Error::NoItemsFound))
    })?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
    let fits = ParsedCertificate::try_from(&first)
        .is_ok_and(|certificate| name.is_ok_and(|name| verify_server_name(&certificate, &name).is_ok()));
    Ok(Looked { validity, fits })
}

fn changed(files: &TlsFiles) -> [Mark; 2] {
    [&files.certificate, &files.key].map(|path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.ino(), found.len()))
    })
}

fn read(files: &TlsFiles) -> Result<Current, TlsError> {
    let changed = changed(files);
    let certificates = pem(&files.certificate, CERTIFICATES, |path| {
        CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()
    })?;
    let validity = certificates.first().and_then(|own| validity::of(own)).ok_or_else(|| TlsError::File {
        path: files.certificate.clone(),
        why: "the first certificate in it doesn't say from when to when it holds".into(),
        wanted: CERTIFICATES,
    })?;
    let key = pem(&files.key, "the certificate's private key", |path| PrivateKeyDer::from_pem_file(path))?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(|why| TlsError::Pair { path: files.certificate.clone(), why })?;
    Ok(Current { acceptor: TlsAcceptor::from(Arc::new(config)), validity, changed, stale: false })
}

fn pem<T>(
    path: &Path,
    wanted: &'static str,
    read: impl FnOnce(&Path) -> Result<T, rustls::pki_types::pem::Error>,
) -> Result<T, TlsError> {
    read(path).map_err(|error| TlsError::File { path: path.to_owned(), why: error.to_string(), wanted })
}
