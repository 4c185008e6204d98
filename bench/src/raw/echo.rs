//! The echo: the ceiling of any server on these sockets.

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Sends back every text frame; those that arrived together leave with one flush.
pub(super) async fn echo(mut socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
    while let Some(first) = socket.next().await {
        let mut message = first?;
        loop {
            if let Message::Text(_) = message {
                socket.feed(message).await?;
            }
            match socket.next().now_or_never() {
                Some(Some(next)) => message = next?,
                Some(None) => return Ok(()),
                None => break,
            }
        }
        socket.flush().await?;
    }
    Ok(())
}
