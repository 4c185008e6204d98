//! Clients of AWS, made as its own tools make them: from the environment.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, SdkConfig, environment::EnvironmentVariableCredentialsProvider, timeout::TimeoutConfig,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// One attempt at a call: a hundred times what a slow one takes.
const ATTEMPT_MAX: Duration = Duration::from_secs(3);
/// To connect and to agree on keys. Within one region it takes milliseconds; a second attempt still fits into the patience of who waits.
pub(crate) const CONNECT_MAX: Duration = Duration::from_secs(1);

/// Hands out clients that share one pool of connections.
#[derive(Debug, Clone)]
pub struct Clients {
    pub(crate) config: SdkConfig,
}

/// Nothing says which region this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nothing says in which region of AWS this is: set AWS_REGION")]
pub struct NoRegion;

impl Clients {
    /// What the environment says: `AWS_REGION`, credentials (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), and endpoints
    /// (`AWS_ENDPOINT_URL`, or `AWS_ENDPOINT_URL_DYNAMODB` for one service), which may be plain `http`. Where there are none, what the SDK looks
    /// at next: the shared files, a container's role, a machine's role. Nothing is called where the environment says all, as it does on Lambda.
    ///
    /// # Errors
    /// [`NoRegion`]
    pub async fn load() -> Result<Self, NoRegion> {
        // One for all services, with one TLS: connections that an earlier event made serve the next, and no second crypto library is linked.
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
        let mut config = aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(timeouts());
        // What else could have credentials is not even made ready, which takes longer than all the rest.
        if std::env::var_os("AWS_ACCESS_KEY_ID").is_some() {
            config = config.credentials_provider(EnvironmentVariableCredentialsProvider::new());
        }
        Self::of(config.load().await)
    }

    /// Those of a configuration that somebody else made.
    ///
    /// # Errors
    /// [`NoRegion`]
    pub fn of(config: SdkConfig) -> Result<Self, NoRegion> {
        config.region().ok_or(NoRegion)?;
        Ok(Self { config })
    }

    /// Where all this is.
    pub fn region(&self) -> &str {
        self.config.region().map_or("", AsRef::as_ref)
    }

    /// DynamoDB, for connections and for the journal.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// The management API of a WebSocket API, at `https://ID.execute-api.REGION.amazonaws.com/STAGE` or whatever its domain is. No variable says
    /// that: it is a resource, no service.
    pub fn management(&self, endpoint: &str) -> aws_sdk_apigatewaymanagement::Client {
        let config = aws_sdk_apigatewaymanagement::config::Builder::from(&self.config).endpoint_url(endpoint);
        aws_sdk_apigatewaymanagement::Client::from_conf(config.build())
    }

    /// SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// EventBridge Scheduler.
    pub fn scheduler(&self) -> aws_sdk_scheduler::Client {
        aws_sdk_scheduler::Client::new(&self.config)
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_MAX).operation_attempt_timeout(ATTEMPT_MAX).build()
}
