//! What the tests on emulators share. `tools/cloud/run` starts both and says where they are.
#![allow(dead_code, unused_macros, clippy::unwrap_used, reason = "each test file uses some of it")]

pub(crate) mod front;
pub(crate) mod stream;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Config, Credentials, Region, timeout::TimeoutConfig},
};
use dormouse_journal_dynamodb::{DynamoStore, Tables};
use object_store::memory::InMemory;

/// Who plays DynamoDB.
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

    /// Whether a share is enough, among all other tests of this repository: ministack takes minutes for what dynoxide does in seconds, on one core whatever
    /// the machine has. `make cloud-test` asks for all.
    pub(crate) fn is_hurried(self) -> bool {
        self == Self::Ministack && std::env::var_os("DORMOUSE_CLOUD_SHARE").is_some()
    }

    /// A patient client: on a machine with other things to do, an emulator may take its time, and the suites take an unknown outcome for a failure.
    pub(crate) fn client(self) -> Client {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(60)).build();
        Client::from_conf(client(&self.endpoint()).config().to_builder().timeout_config(timeouts).build())
    }

    /// A store with tables of its own.
    pub(crate) async fn store(self) -> DynamoStore {
        let client = self.client();
        DynamoStore::new(&client, self.tables().await, Arc::new(InMemory::new()))
    }

    /// The same with an index that follows.
    pub(crate) async fn followed(self) -> stream::Followed {
        let (client, tables) = (self.client(), self.tables().await);
        let store = DynamoStore::new(&client, tables.clone(), Arc::new(InMemory::new()));
        stream::Followed::new(self, store, &tables).await
    }

    /// Tables that nobody else uses.
    pub(crate) async fn tables(self) -> Tables {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let tables = Tables::named(&format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        // There each query costs milliseconds of processor time for each few hundred items of its table.
        let tables = if self == Self::Ministack { tables.in_parts(1) } else { tables };
        tables.create(&self.client()).await.unwrap();
        tables
    }
}

/// A client of whoever listens there.
pub(crate) fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
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
