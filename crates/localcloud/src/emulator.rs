//! How an emulator is asked: it takes any credentials.

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;

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
