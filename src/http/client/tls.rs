//! TLS settings of a client.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::http::TlsOptions;

/// Creates the TLS settings. Certificates are only loaded if needed: parsing the system's takes
/// longer than a whole request over loopback.
pub fn settings(options: &TlsOptions, is_secure: bool) -> Result<rustls::ClientConfig, String> {
    let roots = if is_secure {
        trusted_roots(options.ca.as_deref(), "tls.ca_file", options.system)?
    } else {
        rustls::RootCertStore::empty()
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match &options.client {
        Some(client) if is_secure => {
            let key = PrivateKeyDer::from_pem_slice(&client.key)
                .map_err(|error| format!("`tls.client_key` is not a PEM private key: {error}"))?;
            builder
                .with_client_auth_cert(certificates(&client.chain, "tls.client_cert")?, key)
                .map_err(|error| format!("cannot use the client certificate: {error}"))?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Trusted certificates.
pub type TrustedRoots = rustls::RootCertStore;

/// Returns the TLS settings of a connection that is not HTTP.
///
/// # Errors
///
/// A message, if TLS cannot be set up.
pub fn plain_settings(roots: TrustedRoots) -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Returns the trusted certificates: the public ones, those of a PEM file, which a message calls
/// `key`, and the system's if wanted.
///
/// # Errors
///
/// A message, if they cannot be loaded.
pub fn trusted_roots(
    pem: Option<&[u8]>,
    key: &str,
    with_system: bool,
) -> Result<TrustedRoots, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if with_system {
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let words = found.errors.first().map(ToString::to_string);
            return Err(format!(
                "cannot load the system's certificates: {}",
                words.as_deref().unwrap_or("none found")
            ));
        }
        roots.add_parsable_certificates(found.certs);
    }
    if let Some(pem) = pem {
        for certificate in certificates(pem, key)? {
            roots
                .add(certificate)
                .map_err(|error| format!("cannot use `{key}`: {error}"))?;
        }
    }
    Ok(roots)
}

fn certificates(pem: &[u8], key: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            Err(format!("`{key}` contains no PEM certificate"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("`{key}` is not PEM: {error}")),
    }
}
