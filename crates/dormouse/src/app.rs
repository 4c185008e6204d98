//! The app as its `main` builds it, and the command line that every app binary has.

use std::{io::IsTerminal, net::IpAddr, path::PathBuf, process::ExitCode, sync::Arc};

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use dormouse_core::{Actor, Kind, Name};
use dormouse_engine::task::Worker;

use crate::commands;

/// An app: its kinds of actors and its workers.
pub struct App {
    pub(crate) name: &'static str,
    pub(crate) kinds: Vec<Arc<Kind>>,
    pub(crate) workers: Vec<Arc<dyn Worker>>,
    pub(crate) aliases: Vec<(&'static str, &'static str)>,
    own: Vec<Own>,
}

/// A command of the app's own.
struct Own {
    command: clap::Command,
    run: Box<dyn FnOnce(&ArgMatches) -> ExitCode>,
}

impl App {
    /// An app of this name, without kinds yet.
    pub fn new(name: &'static str) -> Self {
        Self { name, kinds: Vec::new(), workers: Vec::new(), aliases: Vec::new(), own: Vec::new() }
    }

    /// Also serve actors of this kind.
    #[must_use]
    pub fn actor<A: Actor>(mut self) -> Self {
        self.kinds.push(Arc::new(Kind::of::<A>()));
        self
    }

    /// Also perform tasks of this worker's kind.
    #[must_use]
    pub fn worker(mut self, worker: impl Worker) -> Self {
        self.workers.push(Arc::new(worker));
        self
    }

    /// Also answer at this path as at that one, such as at `/api/rooms/{id}` as at `/v1/room/{id}`: for addresses that are known already. The second is
    /// written as the app's OpenAPI document has it, and may end with a query. `serve` says if there is no such path.
    #[must_use]
    pub fn alias(mut self, path: &'static str, stands_for: &'static str) -> Self {
        self.aliases.push((path, stands_for));
        self
    }

    /// Also do something of the app's own, such as a tournament: `#[command(name = "tournament")]` of the options says how it is called. It runs
    /// without any host, and says itself how it went.
    #[must_use]
    pub fn command<O: Parser + 'static>(mut self, run: fn(O) -> ExitCode) -> Self {
        let run = move |asked: &ArgMatches| O::from_arg_matches(asked).map_or_else(|error| error.exit(), run);
        self.own.push(Own { command: O::command(), run: Box::new(run) });
        self
    }

    /// Do what the command line asks for; where Lambda started this process, take events from it.
    pub fn run(mut self) -> ExitCode {
        #[cfg(feature = "aws")]
        if crate::cloud::is_function() {
            start_log(true);
            return complete(crate::cloud::run(self));
        }
        let commands = self.own.iter().map(|own| own.command.clone());
        let asked = Cli::command().name(self.name).subcommands(commands).get_matches();
        start_log(asked.get_flag("log_json"));
        let own = asked.subcommand().and_then(|(name, asked)| {
            let at = self.own.iter().position(|own| own.command.get_name() == name)?;
            Some((self.own.swap_remove(at), asked))
        });
        match own {
            Some((own, asked)) => (own.run)(asked),
            None => {
                let asked = Cli::from_arg_matches(&asked).unwrap_or_else(|error| error.exit());
                complete(commands::run(self, asked.command))
            }
        }
    }
}

/// Do it on a runtime of its own, and say why it was not done.
fn complete(work: impl Future<Output = Result<ExitCode, commands::Problem>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => {
            let done = runtime.block_on(work);
            // Not waited for: rules that never return hold a thread.
            runtime.shutdown_background();
            done
        }
        Err(error) => Err(commands::Problem::Io("the runtime cannot start".into(), error)),
    };
    match done {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("error: {}", commands::with_sources(&problem));
            ExitCode::FAILURE
        }
    }
}

#[derive(Parser)]
#[command(version, about = "Serves the rooms of this app, and replays, verifies, exports and imports them.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Write the log as JSON, one object a line.
    #[arg(long, global = true, env = "DORMOUSE_LOG_JSON")]
    log_json: bool,
}

/// What a binary can be asked to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve: HTTP, WebSocket, event streams and the console.
    Serve(Serve),
    /// Bring up the whole shape of AWS on this machine, around this program as its function.
    #[cfg(feature = "aws")]
    Dev(Dev),
    /// Fold one actor's commits again and print its state's hash and the view of who may see all.
    Replay(Replay),
    /// Walk every hash chain, replay every actor and compare the index; fails if a history does not verify.
    Verify(Verify),
    /// Write one actor, with its whole history, to one file.
    Export(Export),
    /// Read an actor that `export` wrote.
    Import(Import),
    /// Print the JSON Schemas of every kind, the table of codes and the limits, or write the documents made from them.
    Schema(Schema),
}

/// Where the journal is.
#[derive(Args, Clone)]
pub(crate) struct Data {
    /// The folder that holds the journal and the keys; `serve` and `import` make it.
    #[arg(long, default_value = "data", env = "DORMOUSE_DATA")]
    pub(crate) data: PathBuf,
}

#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The port; 0 picks a free one.
    #[arg(long, default_value_t = 7878, env = "DORMOUSE_PORT")]
    pub(crate) port: u16,
    /// The address to listen on; 0.0.0.0 for every one.
    #[arg(long, default_value = "127.0.0.1", env = "DORMOUSE_LISTEN")]
    pub(crate) listen: IpAddr,
    #[command(flatten)]
    pub(crate) access: Access,
}

#[cfg(feature = "aws")]
#[derive(Args)]
pub(crate) struct Dev {
    /// As on AWS: API Gateway, Lambda, DynamoDB and its streams, SQS, Scheduler and S3.
    #[arg(long)]
    pub(crate) cloud: bool,
    /// The port; 0 picks a free one.
    #[arg(long, default_value_t = 7979, env = "DORMOUSE_PORT")]
    pub(crate) port: u16,
    /// The emulator of DynamoDB and its streams.
    #[arg(long, value_name = "URL", env = "DORMOUSE_DYNOXIDE")]
    pub(crate) dynamodb: Option<String>,
    /// The emulator of everything else.
    #[arg(long, value_name = "URL", env = "DORMOUSE_MINISTACK")]
    pub(crate) aws: Option<String>,
    /// How the names of tables, queues and the bucket begin; without it, the app's name.
    #[arg(long)]
    pub(crate) tables: Option<String>,
    /// At the end, print as one JSON object what AWS would charge for.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Who may come in, and how often they may ask.
#[derive(Args)]
pub(crate) struct Access {
    /// Pages of these origins may connect, `*` for any; without it, the pages of this host.
    #[arg(long, value_delimiter = ',', env = "DORMOUSE_ORIGINS")]
    pub(crate) origins: Vec<String>,
    /// Commands and subscriptions that one principal, and frames that one connection, may send in a second.
    #[arg(long, default_value_t = dormouse_core::limits::RATE_PER_PRINCIPAL, value_parser = clap::value_parser!(u32).range(1..), env = "DORMOUSE_RATE")]
    pub(crate) rate: u32,
    /// Let in only those whose token a key verifies.
    #[arg(long, env = "DORMOUSE_NO_GUESTS")]
    pub(crate) no_guests: bool,
    /// A JWKS file whose keys verify tokens.
    #[arg(long, env = "DORMOUSE_JWKS")]
    pub(crate) jwks: Vec<PathBuf>,
    /// A PEM file with a public key that verifies tokens.
    #[arg(long, env = "DORMOUSE_PUBLIC_KEY")]
    pub(crate) public_key: Vec<PathBuf>,
    /// Tokens must be meant for this audience.
    #[arg(long, env = "DORMOUSE_AUDIENCE")]
    pub(crate) audience: Option<String>,
    /// Tokens must come from this issuer.
    #[arg(long, env = "DORMOUSE_ISSUER")]
    pub(crate) issuer: Option<String>,
    /// The tenant of guests, and of tokens that name none.
    #[arg(long, default_value = "main", env = "DORMOUSE_TENANT")]
    pub(crate) tenant: Name,
}

#[derive(Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) data: Data,
    /// `kind/id`, or `tenant/kind/id`.
    pub(crate) actor: String,
    /// Stop after this commit.
    #[arg(long)]
    pub(crate) at_seq: Option<u64>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) data: Data,
    /// Make the index again from the commits of all actors that verify, and then look whether it is right.
    #[arg(long)]
    pub(crate) reindex: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) data: Data,
    /// `kind/id`, or `tenant/kind/id`.
    pub(crate) actor: String,
    /// The file to write; it must not exist.
    #[arg(long, short)]
    pub(crate) output: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The file that `export` wrote.
    pub(crate) file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Schema {
    /// Write `codes.md`, `limits.md`, `openapi.json` and `asyncapi.json` into this folder.
    #[arg(long)]
    pub(crate) docs: Option<PathBuf>,
}

fn start_log(json: bool) {
    use tracing_subscriber::{EnvFilter, fmt};
    let filter = EnvFilter::try_from_env("DORMOUSE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // A log that cannot be written is lost: to say so on the same standard error panics, in the middle of whatever wrote it.
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    // A log that somebody started before, such as a test's, stays.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init()
    };
}
