//! The shape of AWS on this machine, around this very binary: emulators keep what is stored and queued, `localcloud` plays API Gateway and Lambda.

use std::{net::TcpListener, process::ExitCode, time::Duration};

use dormouse_aws::{Clients, Queues, Table};
use dormouse_core::{
    Hash,
    limits::{QUEUE_HIDES, QUEUE_RECEIVES_MAX},
};
use dormouse_journal_dynamodb::Tables;
use dormouse_localcloud::{Clock, Function, Gateway, Lambda, Meter, Queue, Schedule, Stream, emulator};
use serde_json::json;

use super::usage::Usage;
use crate::{
    app::{App, Dev},
    commands::{Problem, say, signalled, with_sources},
};

/// How often what was lost is looked for. EventBridge Scheduler knows no shorter rate.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// The stage of the WebSocket API: the last part of its address.
const STAGE: &str = "live";

/// What `dev --cloud` stands on.
struct Cloud {
    port: u16,
    dynamodb: String,
    aws: String,
    prefix: String,
}

pub(crate) async fn dev(app: App, options: Dev) -> Result<ExitCode, Problem> {
    if !options.cloud {
        return Err(Problem::Usage("`dev` needs --cloud; without AWS's shape it is called `serve`".into()));
    }
    let json = options.json;
    let cloud = Cloud::new(&app, options)?;
    let queues = cloud.make().await?;
    let clock = Clock::default();
    let meters = [Meter::before(&cloud.dynamodb).await, Meter::before(&cloud.aws).await];
    let [dynamodb, aws] = meters.map(|meter| meter.map_err(|error| Problem::Io("no port is free".into(), error)));
    let (dynamodb, aws) = (dynamodb?, aws?);
    let lambda = cloud.lambda(&app, &queues, [dynamodb.endpoint(), aws.endpoint()])?;
    let function = Function::new(lambda, clock.clone());
    let gateway = Gateway::listen(cloud.port, function.clone(), clock.clone()).await;
    let gateway = gateway.map_err(|error| Problem::Io(format!("port {} cannot be listened on", cloud.port), error))?;
    let journal = Tables::named(&cloud.prefix).journal;
    let _stream = Stream::follow(&emulator::emulator(&cloud.dynamodb), &journal, function.clone());
    let _queue = Queue::follow(&emulator::emulator(&cloud.aws), &queues.url, function.clone());
    let _sweep = Schedule::every(SWEEP_EVERY, json!({ "dormouse": "sweep" }), function.clone(), clock);
    tracing::info!(
        app = app.name,
        dynamodb = cloud.dynamodb,
        aws = cloud.aws,
        "AWS's shape on http://{}",
        gateway.address()
    );
    say(format_args!("http://{}", gateway.address()))?;
    signalled().await;
    // Who is frozen does not notice that nobody will thaw it.
    function.retire();
    function.kill_busy();
    let calls = dynamodb.calls().into_iter().chain(aws.calls()).collect();
    let usage = Usage::of(function.usage(), gateway.carried(), calls);
    let usage = serde_json::to_string(&usage).unwrap_or_default();
    if json {
        say(usage)?
    } else {
        tracing::info!(usage, "on AWS this would be charged")
    }
    Ok(ExitCode::SUCCESS)
}

impl Cloud {
    fn new(app: &App, options: Dev) -> Result<Self, Problem> {
        let missing = "`dev --cloud` needs emulators: name them with --dynamodb and --aws, or start it with tools/cloud/run, which installs and starts them";
        let (Some(dynamodb), Some(aws)) = (options.dynamodb, options.aws) else {
            return Err(Problem::Usage(missing.into()));
        };
        let prefix = options.tables.unwrap_or_else(|| app.name.to_owned());
        Ok(Self { port: port(options.port)?, dynamodb, aws, prefix })
    }

    fn clients(&self, endpoint: &str) -> Result<Clients, Problem> {
        Clients::of(emulator::emulator(endpoint)).map_err(|error| Problem::Cloud(error.to_string()))
    }

    /// Tables, queues and a bucket, unless an earlier run made them.
    async fn make(&self) -> Result<Queues, Problem> {
        let failed = |what: &str, error: &dyn std::error::Error| {
            Problem::Cloud(format!("{what} cannot be made: {}", with_sources(error)))
        };
        let (dynamodb, aws) = (self.clients(&self.dynamodb)?, self.clients(&self.aws)?);
        let tables = Tables::named(&self.prefix).create(&dynamodb.dynamodb()).await;
        tables.map_err(|error| failed("the tables of the journal", &*error))?;
        let table = Table::named(&self.prefix).create(&dynamodb.dynamodb()).await;
        table.map_err(|error| failed("the table of connections", &*error))?;
        emulator::make_bucket(&self.aws, &self.prefix).await.map_err(|error| failed("the bucket", &error))?;
        let queues = Queues::create(&aws, &self.prefix, QUEUE_HIDES, QUEUE_RECEIVES_MAX).await;
        queues.map_err(|error| failed("the queues", &*error))
    }

    fn lambda(&self, app: &App, queues: &Queues, [dynamodb, aws]: [String; 2]) -> Result<Lambda, Problem> {
        let here = std::env::current_exe().map_err(|error| Problem::Io("this program is nowhere".into(), error))?;
        let address = format!("127.0.0.1:{}/{STAGE}", self.port);
        // It signs what is said on this machine alone; a second run knows the guests of the first.
        let secret = Hash::of("dormouse/dev-secret/1", &[self.prefix.as_bytes()]);
        let secret: String = secret.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let own = [
            ("AWS_ENDPOINT_URL", aws),
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
            ("DORMOUSE_TABLES", self.prefix.clone()),
            ("DORMOUSE_SECRET", secret),
            ("DORMOUSE_GATEWAY", format!("http://{address}")),
            ("DORMOUSE_CONNECT_URL", format!("ws://{address}")),
            ("DORMOUSE_QUEUES", serde_json::to_string(queues).unwrap_or_default()),
            ("DORMOUSE_BUCKET", self.prefix.clone()),
        ];
        let common = emulator::variables().map(|(name, value)| (name, value.to_owned()));
        let variables = own.into_iter().chain(common).map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Lambda { variables, ..Lambda::new(app.name, here) })
    }
}

/// Zero is any that is free now.
fn port(wanted: u16) -> Result<u16, Problem> {
    let listener = TcpListener::bind(("127.0.0.1", wanted)).and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(|error| Problem::Io(format!("port {wanted} cannot be listened on"), error))
}
