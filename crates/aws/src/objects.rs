//! Objects in S3, for snapshots that are too large for an item.
//!
//! The object store signs and retries. Its requests go over the SDK's connector, so that no second HTTP client with a trust of its own is linked and started;
//! that connector is made when it is first needed, which in most environments is never.

use std::{
    error::Error,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{ProvideCredentials, SharedAsyncSleep, SharedCredentialsProvider};
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, HttpConnectorSettings},
    result::ConnectorError,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use aws_types::service_config::ServiceConfigKey;
use http_body_util::BodyExt;
use object_store::{
    BackoffConfig, ClientOptions, CredentialProvider, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AwsCredential},
    client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService},
};

use crate::clients::{CONNECT_MAX, Clients};

/// One request: a state of the largest size over a line of 10 Mbit/s.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// How often a request is tried again, and for how long, so that an invocation which waits for it still ends in time.
const RETRIES: usize = 3;
const RETRY_MAX: Duration = Duration::from_secs(15);

impl Clients {
    /// The objects of this bucket: region, credentials and endpoint (`AWS_ENDPOINT_URL_S3`) as for all others.
    ///
    /// # Errors
    /// What the object store says, if nobody has credentials.
    pub fn objects(&self, bucket: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_MAX, backoff: BackoffConfig::default() };
        let line = Line { sleep: self.config.sleep_impl(), connector: Arc::default() };
        let mut s3 = AmazonS3Builder::new()
            .with_region(self.region())
            .with_bucket_name(bucket)
            .with_retry(retry)
            .with_http_connector(line);
        if let Some(endpoint) = endpoint(&self.config) {
            s3 = s3.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
        }
        if let Some(credentials) = self.config.credentials_provider() {
            s3 = s3.with_credentials(Arc::new(Credentials(credentials)));
        }
        Ok(Arc::new(s3.build()?))
    }
}

/// As the SDK's own clients look it up.
fn endpoint(config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let own = config.service_config().zip(key.ok()).and_then(|(service, key)| service.load_config(key));
    own.or_else(|| config.endpoint_url().map(str::to_owned))
}

/// The SDK's credentials: they are asked each time, since those of a role change.
#[derive(Debug)]
struct Credentials(SharedCredentialsProvider);

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let failed = |error| object_store::Error::Generic { store: "S3", source: Box::new(error) };
        let found = self.0.provide_credentials().await.map_err(failed)?;
        Ok(Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        }))
    }
}

/// The SDK's connector as the object store calls it.
#[derive(Debug, Clone)]
struct Line {
    sleep: Option<SharedAsyncSleep>,
    connector: Arc<OnceLock<Connector>>,
}

impl HttpConnector for Line {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Line {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let late = |error| HttpError::new(HttpErrorKind::Timeout, error);
        tokio::time::timeout(REQUEST_MAX, self.carry(request)).await.map_err(late)?
    }
}

impl Line {
    fn connector(&self) -> &Connector {
        self.connector.get_or_init(|| {
            let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_MAX).build();
            let mut connector = Connector::builder().connector_settings(settings);
            connector.set_sleep_impl(self.sleep.clone());
            connector.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build()
        })
    }

    /// Bodies are whole: a snapshot is in memory before and after.
    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = SdkBody::from(body.collect().await?.to_bytes());
        let request = http::Request::from_parts(parts, body).try_into().map_err(odd)?;
        let response = self.connector().call(request).await.map_err(failed)?;
        let (parts, body) = response.try_into_http1x().map_err(odd)?.into_parts();
        let cut = |error| HttpError::new(HttpErrorKind::Interrupted, error);
        let body = ByteStream::new(body).collect().await.map_err(cut)?.into_bytes();
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

fn odd(error: impl Error + Send + Sync + 'static) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error)
}

/// What is worth another attempt is for the object store to decide.
fn failed(error: ConnectorError) -> HttpError {
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_user() {
        HttpErrorKind::Unknown
    } else {
        HttpErrorKind::Interrupted
    };
    HttpError::new(kind, error)
}
