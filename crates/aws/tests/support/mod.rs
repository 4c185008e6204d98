//! What the tests on emulators share. `tools/cloud/run` starts both and says where they are.
#![allow(dead_code, unused_macros, clippy::unwrap_used, reason = "each test file uses some of it")]

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use dormouse_aws::{Clients, DynamoConnections, Table};

/// Who plays AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emulator {
    Dynoxide,
    Ministack,
}

impl Emulator {
    pub(crate) fn endpoint(self) -> String {
        let variable = match self {
            Self::Dynoxide => "DORMOUSE_DYNOXIDE",
            Self::Ministack => "DORMOUSE_MINISTACK",
        };
        std::env::var(variable)
            .unwrap_or_else(|_| panic!("{variable} does not say where {self:?} is; use `make cloud-test`"))
    }

    pub(crate) fn clients(self) -> Clients {
        clients(&self.endpoint())
    }

    /// Rows that nobody else uses.
    pub(crate) async fn connections(self) -> DynamoConnections {
        let (client, table) = (self.clients().dynamodb(), Table::named(&unused()));
        table.create(&client).await.unwrap();
        DynamoConnections::new(&client, &table)
    }
}

/// `target/debug/examples/NAME`, beside `target/debug/deps` where the tests are.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples").join(name);
    assert!(example.exists(), "{example:?} is not built; who names tests names examples too: --examples");
    example
}

/// A name that no other test has.
pub(crate) fn unused() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Clients of whoever listens there. Patient ones: on a machine with other things to do an emulator may take its time.
pub(crate) fn clients(endpoint: &str) -> Clients {
    with_patience(endpoint, Duration::from_secs(60))
}

/// Those that give an attempt up soon, and not sooner than a busy machine answers.
pub(crate) fn hasty(endpoint: &str) -> Clients {
    with_patience(endpoint, Duration::from_secs(5))
}

fn with_patience(endpoint: &str, patience: Duration) -> Clients {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(patience).build();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "tests")))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .timeout_config(timeouts);
    Clients::of(config.build()).unwrap()
}

/// Make a test of each of these functions on each emulator.
macro_rules! on_each_emulator {
    ($($case:ident),+ $(,)?) => {
        mod dynoxide {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(super::support::Emulator::Dynoxide).await;
            })+
        }

        mod ministack {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(super::support::Emulator::Ministack).await;
            })+
        }
    };
}
#[allow(unused_imports, reason = "a test file that needs one emulator names it")]
pub(crate) use on_each_emulator;
