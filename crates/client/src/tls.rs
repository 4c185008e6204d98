//! What an `https://` endpoint needs: one configuration for requests and sockets, so that both trust the same hosts.
//! `no_tls.rs` stands in for this file where the feature is off.

use std::{error::Error, io, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use tokio_tungstenite::{
    Connector, connect_async_tls_with_config,
    tungstenite::{self, handshake::client::Request},
};

use crate::{
    fault::{Action, Fault, with_sources},
    socket::Socket,
};

/// PEM files of authorities to trust beside the platform's.
#[derive(Default)]
pub(crate) struct Roots(pub(crate) Vec<Vec<u8>>);

pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    pub(crate) fn new(endpoint: &str, roots: &Roots) -> Result<Self, Fault> {
        let mut extra = Vec::new();
        for pem in &roots.0 {
            extra.extend(certificates(pem)?);
        }
        // The provider is named, not looked up: the process may have none, or another one.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| no_tls(&error))?;
        let config = if endpoint.starts_with("https://") {
            let verifier = Verifier::new_with_extra_roots(extra, provider).map_err(|error| no_tls(&error))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
        } else {
            // Never used. The platform's certificates would take milliseconds, and a small container has none.
            builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        };
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn apply(&self, builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        builder.tls_backend_preconfigured(ClientConfig::clone(&self.0))
    }

    pub(crate) async fn connect(&self, request: Request) -> tungstenite::Result<Socket> {
        let connector = Connector::Rustls(self.0.clone());
        let (socket, _) = connect_async_tls_with_config(request, None, true, Some(connector)).await?;
        Ok(socket)
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let bad = |why: &str| Fault::local("bad_certificate", format!("A root certificate is no PEM: {why}"), Action::Stop);
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| bad(&with_sources(&error)))?;
    if found.is_empty() { Err(bad("there is no certificate in it")) } else { Ok(found) }
}

fn no_tls(error: &rustls::Error) -> Fault {
    Fault::local("no_tls", format!("TLS could not be set up: {error}"), Action::Stop)
}

/// What is wrong with the host's certificate, if it is that which failed.
pub(crate) fn distrusted(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(reason @ rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return Some(reason.to_string());
        }
        // The source of an I/O error is that of the error inside, which would be left out.
        next = match error.downcast_ref::<io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}
