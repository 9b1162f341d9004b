//! TLS settings of a client.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::http::TlsOptions;

/// Creates the TLS settings. Certificates are only loaded if needed: parsing the system's takes
/// longer than a whole request over loopback.
pub fn settings(options: &TlsOptions, is_secure: bool) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    if is_secure {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if options.system {
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
        if let Some(pem) = &options.ca {
            for certificate in certificates(pem, "tls.ca_file")? {
                roots
                    .add(certificate)
                    .map_err(|error| format!("cannot use `tls.ca_file`: {error}"))?;
            }
        }
    }
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
