//! The face of `tls.rs` without the feature: `http://` only.

use std::error::Error;

use tokio_tungstenite::{
    connect_async_with_config,
    tungstenite::{self, handshake::client::Request},
};

use crate::{
    fault::{Action, Fault},
    socket::Socket,
};

#[derive(Default)]
pub(crate) struct Roots {}

pub(crate) struct Tls;

impl Tls {
    pub(crate) fn new(endpoint: &str, _: &Roots) -> Result<Self, Fault> {
        if endpoint.starts_with("https://") {
            let message = "An https:// endpoint needs the cargo feature `tls` of dormouse-client.";
            return Err(Fault::local("no_tls", message, Action::Stop));
        }
        Ok(Self)
    }

    pub(crate) fn apply(&self, builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        builder
    }

    pub(crate) async fn connect(&self, request: Request) -> tungstenite::Result<Socket> {
        let (socket, _) = connect_async_with_config(request, None, true).await?;
        Ok(socket)
    }
}

pub(crate) fn distrusted(_: &(dyn Error + 'static)) -> Option<String> {
    None
}
