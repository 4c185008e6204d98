//! The app on AWS: what its binary does when Lambda starts it (`function.rs`), and the same shape on this machine (`dev.rs`).
//!
//! A function finds everything in its environment variables ([`Settings`]), which whoever deploys it sets and `dev` sets alike.

mod dev;
mod follower;
mod function;
mod usage;

use clap::Args;
use dormouse_aws::Queues;

use crate::{app::Access, commands::Problem};

pub(crate) use dev::dev;
pub(crate) use function::{is_function, run};

/// What a function is told of the account in which it runs.
#[derive(Args)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) access: Access,
    /// How the names of its tables begin.
    #[arg(long, env = "DORMOUSE_TABLES")]
    pub(crate) tables: String,
    /// 64 hexadecimal digits, the same for every function of the app: from them come the keys that sign guests' tokens, tickets and reports.
    #[arg(long, env = "DORMOUSE_SECRET", hide_env_values = true)]
    pub(crate) secret: String,
    /// The management API of the WebSocket API: https://ID.execute-api.REGION.amazonaws.com/STAGE
    #[arg(long, env = "DORMOUSE_GATEWAY")]
    pub(crate) gateway: String,
    /// Where clients connect: wss://…, the same API as its clients see it.
    #[arg(long, env = "DORMOUSE_CONNECT_URL")]
    pub(crate) connect_url: String,
    /// The queue for wakes and tasks, its dead letters, and the group of schedules, as JSON.
    #[arg(long, env = "DORMOUSE_QUEUES", value_parser = queues)]
    pub(crate) queues: Queues,
    /// The bucket for snapshots that are too large for an item.
    #[arg(long, env = "DORMOUSE_BUCKET")]
    pub(crate) bucket: String,
}

fn queues(text: &str) -> Result<Queues, serde_json::Error> {
    serde_json::from_str(text)
}

impl Settings {
    fn secret(&self) -> Result<[u8; 32], Problem> {
        let digit =
            |at: usize| self.secret.get(2 * at..2 * at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let bytes: Option<Vec<u8>> = (0..32).map(digit).collect();
        let bytes = bytes.filter(|_| self.secret.len() == 64).and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| {
            Problem::Usage("DORMOUSE_SECRET is 64 hexadecimal digits; `openssl rand -hex 32` makes them".into())
        })
    }
}
