//! TLS to partners' servers that have certificates of their own, or ask for one of ours.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use zeroize::Zeroizing;

/// What a connection to a partner's server needs beside the usual.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TlsTerms {
    /// Certificates as PEM. If there are any, the server has one of them, or one that one of them has issued.
    pub pinned: Vec<String>,
    /// Our certificate and its key as PEM, for a server that asks for one.
    pub own: Option<(String, Zeroizing<String>)>,
}

impl TlsTerms {
    /// Whether this is just the usual.
    pub(super) fn is_usual(&self) -> bool {
        self.pinned.is_empty() && self.own.is_none()
    }

    /// How connections are made to a server that has a pinned certificate.
    pub(super) fn config(&self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let verifier = Arc::new(Pinned::new(&self.pinned, provider)?);
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let Some((certificate, key)) = &self.own else { return Ok(builder.with_no_client_auth()) };
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| Error::General("a bad key".to_owned()))?;
        builder.with_client_auth_cert(certificates(std::slice::from_ref(certificate))?, key)
    }
}

fn certificates(pem: &[String]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = pem.iter().map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()));
    read.collect::<Result<_, _>>().map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
}

/// Believes servers by pinned certificates. Their users decide how long these count, by leaving them there.
#[derive(Debug)]
struct Pinned {
    certificates: Vec<CertificateDer<'static>>,
    /// For what they have issued; none if none of them can issue anything.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    fn new(pem: &[String], provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let certificates = certificates(pem)?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        let authorities = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build().ok();
        Ok(Self { certificates, authorities, provider })
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.authorities {
            _ if self.certificates.iter().any(|pinned| pinned == end_entity) => Ok(ServerCertVerified::assertion()),
            Some(known) => known.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
