//! TLS to the database, as the address asks for it: `sslmode` and `sslrootcert` as libpq knows them.

use std::{path::Path, sync::Arc};

use percent_encoding::percent_decode_str;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres::{Config, config::SslMode};

use super::OpenError;

/// What the address says about TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tls {
    mode: Mode,
    /// The file of the authorities to trust, in place of the system's.
    authorities: Option<String>,
}

/// `sslmode`, except for `allow`, which would mean to prefer none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    /// Where the database offers it. Whoever is between can take that offer away, so nobody is verified.
    Prefer,
    /// Always; against those who only listen.
    Require,
    /// Somebody whom an authority knows.
    VerifyCa,
    /// The host of the address.
    VerifyFull,
}

impl Tls {
    /// Takes what is about TLS out of an address, and gives the rest of it.
    ///
    /// # Errors
    /// `sslmode` is none that libpq knows.
    pub(super) fn take_from(address: &str) -> Result<(String, Self), OpenError> {
        let mut tls = Self { mode: Mode::Prefer, authorities: None };
        let Some((base, parameters)) = address.split_once('?') else {
            return Ok((address.to_owned(), tls));
        };
        let mut rest = Vec::new();
        for parameter in parameters.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "sslmode" => tls.mode = Mode::parse(value)?,
                "sslrootcert" => {
                    let file = percent_decode_str(value).decode_utf8_lossy().into_owned();
                    tls.authorities = (file != "system").then_some(file);
                }
                _ => rest.push(parameter),
            }
        }
        // As libpq has it: who names an authority wants it asked.
        if tls.mode == Mode::Require && tls.authorities.is_some() {
            tls.mode = Mode::VerifyCa;
        }
        let separator = if rest.is_empty() { "" } else { "?" };
        Ok((format!("{base}{separator}{}", rest.join("&")), tls))
    }

    /// Tells the client whether TLS is offered or demanded.
    pub(super) fn apply(&self, config: &mut Config) {
        config.ssl_mode(match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
    }

    /// How to speak it; none where it is disabled.
    ///
    /// # Errors
    /// The authorities cannot be read.
    pub(super) fn client(&self) -> Result<Option<ClientConfig>, OpenError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verified = match self.mode {
            Mode::Disable => return Ok(None),
            Mode::Prefer | Mode::Require => None,
            Mode::VerifyCa | Mode::VerifyFull => {
                let roots = Arc::new(self.roots()?);
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                        .build();
                Some(verifier.map_err(|error| OpenError::Tls(error.to_string()))?)
            }
        };
        let identity = Identity {
            verified,
            any_name: self.mode == Mode::VerifyCa,
            provider: Arc::clone(&provider),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OpenError::Tls(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(identity))
            .with_no_client_auth();
        Ok(Some(config))
    }

    fn roots(&self) -> Result<RootCertStore, OpenError> {
        let mut roots = RootCertStore::empty();
        let Some(file) = &self.authorities else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        };
        let wrong = |why: String| OpenError::Tls(format!("sslrootcert {file}: {why}"));
        let certificates = CertificateDer::pem_file_iter(Path::new(file))
            .map_err(|error| wrong(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
        Ok(roots)
    }
}

impl Mode {
    fn parse(word: &str) -> Result<Self, OpenError> {
        Ok(match word {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                let known = "disable, prefer, require, verify-ca or verify-full";
                return Err(OpenError::Address(format!("sslmode is {known}, not {word:?}")));
            }
        })
    }
}

/// Whom the database's certificate has to show.
#[derive(Debug)]
struct Identity {
    /// None: anybody will do who holds the certificate's key.
    verified: Option<Arc<WebPkiServerVerifier>>,
    any_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Identity {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(verified) = &self.verified else { return Ok(ServerCertVerified::assertion()) };
        match verified.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            // The name is looked at last, when everything else is right.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.any_name => Ok(ServerCertVerified::assertion()),
            result => result,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(address: &str) -> (String, Mode, Option<String>) {
        let (rest, Tls { mode, authorities }) = Tls::take_from(address).expect("an address");
        (rest, mode, authorities)
    }

    #[test]
    fn what_is_about_tls_is_taken_out_of_an_address() {
        let address = |rest: &str| format!("postgres://u:p%40@db/x{rest}");
        assert_eq!(taken(&address("")), (address(""), Mode::Prefer, None));
        assert_eq!(taken(&address("?sslmode=disable")), (address(""), Mode::Disable, None));
        assert_eq!(
            taken(&address("?a=1&sslmode=verify-full&b=2&sslrootcert=%2Fetc%2Fca.pem")),
            (address("?a=1&b=2"), Mode::VerifyFull, Some("/etc/ca.pem".to_owned()))
        );
        assert_eq!(
            taken(&address("?sslmode=verify-ca&sslrootcert=system")),
            (address(""), Mode::VerifyCa, None)
        );
    }

    #[test]
    fn who_names_an_authority_wants_it_asked() {
        let (_, mode, _) = taken("postgres://db/x?sslrootcert=ca.pem&sslmode=require");
        assert_eq!(mode, Mode::VerifyCa);
    }

    #[test]
    fn what_libpq_does_not_know_is_refused() {
        let error = Tls::take_from("postgres://db/x?sslmode=requried").expect_err("misspelt");
        assert!(error.to_string().contains("verify-full"), "{error}");
    }
}
