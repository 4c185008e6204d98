//! What Lambda starts: a host over the seams of AWS, made from what the environment says.

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use dormouse_aws::{Clients, DynamoConnections, GatewaySender, SqsQueue, Table};
use dormouse_engine::{
    Store,
    identity::GuestKey,
    world::{System, World},
};
use dormouse_journal::LocalHints;
use dormouse_journal_dynamodb::{DynamoStore, Tables};
use dormouse_lambda::{Host, Parts, bootstrap};

use super::{Settings, follower::Following};
use crate::{
    app::App,
    commands::{Problem, openapi},
    console,
};

/// Whether Lambda started this process.
pub(crate) fn is_function() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

#[derive(Parser)]
#[command(about = "What a function is told of the account in which it runs, in its environment variables.")]
struct Asked {
    #[command(flatten)]
    settings: Settings,
}

/// Take events until the environment ends.
pub(crate) async fn run(app: App) -> Result<ExitCode, Problem> {
    let asked = Asked::try_parse_from([app.name]).map_err(|error| Problem::Usage(error.to_string()))?;
    let host = Host::new(parts(app, asked.settings).await?);
    bootstrap::run(host).await.map_err(|error| Problem::Cloud(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

async fn parts(app: App, settings: Settings) -> Result<Parts, Problem> {
    let (_, aliases) = openapi(&app)?;
    let clients = Clients::load().await.map_err(|error| Problem::Cloud(error.to_string()))?;
    let world: Arc<dyn World> = Arc::new(System);
    let guest_key = GuestKey::from_bytes(&settings.secret()?);
    let (report_key, ticket_key) = (guest_key.derived("reports"), guest_key.derived("tickets"));
    let dynamodb = clients.dynamodb();
    let objects = clients.objects(&settings.bucket).map_err(|error| Problem::Cloud(error.to_string()))?;
    let store = Arc::new(DynamoStore::new(&dynamodb, Tables::named(&settings.tables), objects));
    Ok(Parts {
        kinds: app.kinds,
        store: Store { journal: store.clone(), index: store.clone(), hints: Arc::new(LocalHints::default()) },
        identity: settings.access.identity(guest_key, &world)?,
        admission: settings.access.admission(),
        origins: settings.access.origins()?,
        world,
        report_key,
        ticket_key,
        app: app.name.to_owned(),
        aliases,
        pages: console::pages(),
        connections: Arc::new(DynamoConnections::new(&dynamodb, &Table::named(&settings.tables))),
        sender: Arc::new(GatewaySender::new(&clients.management(&settings.gateway))),
        connect_url: Some(settings.connect_url),
        follower: Arc::new(Following(store)),
        queue: Arc::new(SqsQueue::new(&clients, settings.queues)),
        workers: app.workers,
    })
}
