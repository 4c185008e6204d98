//! How an emulator is asked: it takes any credentials.

use std::io;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// For the clients of the SDK: an emulator at this address, without TLS.
pub fn emulator(endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(KEY, KEY, None, None, "emulator")))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

/// Emulators take any, and names that they make up have this one in them.
const REGION: &str = "us-east-1";

/// Both halves of the key.
const KEY: &str = "test";

/// The same for the SDK of another process, as AWS hands it to a function: its environment variables.
pub fn variables() -> [(&'static str, &'static str); 3] {
    [("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", KEY)]
}

/// Make a bucket in the emulator at this address, unless it is there. Object stores have no word for it.
///
/// # Errors
/// If nobody answers there, or not with success.
pub async fn make_bucket(endpoint: &str, bucket: &str) -> io::Result<()> {
    let host = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let mut line = TcpStream::connect(host).await?;
    let request = format!("PUT /{bucket} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    line.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    line.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    match status {
        "200" | "409" => Ok(()),
        _ => Err(io::Error::other(format!(
            "the emulator at {endpoint} makes no bucket: {}",
            answer.lines().next().unwrap_or_default()
        ))),
    }
}
