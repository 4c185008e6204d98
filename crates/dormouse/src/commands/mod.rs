//! What the command line does. Each command is one file.

mod portable;
mod replay;
mod schema;
mod serve;
mod verify;

use std::{
    error::Error,
    fmt::Display,
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use dormouse_core::{Address, Kind, Name};
use dormouse_engine::{
    LoadError, Store,
    http::{Aliases, BadAlias, docs},
};
use dormouse_journal::{LocalHints, StoreError};
use dormouse_journal_sqlite::{OpenError, SqliteStore};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::app::{App, Command};
#[cfg(feature = "aws")]
pub(crate) use serve::signalled;

/// Why a command did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{0}")]
    Io(String, #[source] io::Error),
    #[error("the journal in {0} cannot be opened")]
    Open(String, #[source] Box<OpenError>),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Alias(#[from] BadAlias),
    #[error(transparent)]
    Keys(#[from] dormouse_engine::identity::KeyError),
    #[error("{0}")]
    Usage(String),
    #[cfg(feature = "aws")]
    #[error("{0}")]
    Cloud(String),
}

/// The error and what caused it, on one line.
pub(crate) fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Transparent wrappers say the same twice.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

pub(crate) async fn run(app: App, command: Command) -> Result<ExitCode, Problem> {
    match command {
        Command::Serve(options) => serve::serve(app, options).await,
        #[cfg(feature = "aws")]
        Command::Dev(options) => crate::cloud::dev(app, options).await,
        Command::Replay(options) => replay::replay(&app, options).await,
        Command::Verify(options) => verify::verify(&app, options).await,
        Command::Export(options) => portable::export(options).await,
        Command::Import(options) => portable::import(&app, options).await,
        Command::Schema(options) => schema::schema(&app, options),
    }
}

/// Print a line. That its reader has read enough, as `head` has, is no failure.
pub(crate) fn say(line: impl Display) -> Result<(), Problem> {
    match writeln!(io::stdout().lock(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Problem::Io("the answer cannot be written".into(), error)),
    }
}

fn open(data: &Path) -> Result<SqliteStore, Problem> {
    let folder = data.display().to_string();
    SqliteStore::open(data, dormouse_journal_sqlite::Options::default())
        .map_err(|error| Problem::Open(folder, Box::new(error)))
}

/// A journal that is only read from must be there.
fn open_existing(data: &Path) -> Result<SqliteStore, Problem> {
    let missing = |what| Err(Problem::Usage(format!("there is no {what} {}; name one with --data", data.display())));
    match data.is_dir() {
        true if SqliteStore::is_in(data) => open(data),
        true => missing("journal in the folder"),
        false => missing("folder"),
    }
}

fn seams(store: &SqliteStore) -> Store {
    let store = Arc::new(store.clone());
    Store { journal: store.clone(), index: store, hints: Arc::new(LocalHints::default()) }
}

/// `kind/id` is of the tenant `main`.
fn parse_actor(text: &str) -> Result<Address, Problem> {
    let main: Name = "main".parse().expect("a name");
    let parsed = text.parse().or_else(|_| Address::in_tenant(&main, text));
    parsed.map_err(|_| Problem::Usage(format!("{text:?} is no actor: write kind/id or tenant/kind/id")))
}

fn kind_of(kinds: &[Arc<Kind>], address: &Address) -> Result<Arc<Kind>, Problem> {
    let known: Vec<String> = kinds.iter().map(|kind| kind.name.to_string()).collect();
    let found = kinds.iter().find(|kind| kind.name == address.kind).cloned();
    found.ok_or_else(|| Problem::Usage(format!("this app has no kind {}; it has {}", address.kind, known.join(", "))))
}

/// The app's OpenAPI document, and the aliases that it lists.
pub(crate) fn openapi(app: &App) -> Result<(Value, Aliases), Problem> {
    let mut document = docs::openapi(app.name, app.kinds.iter().map(AsRef::as_ref));
    let aliases = Aliases::parse(&app.aliases, &document)?;
    aliases.list_in(&mut document);
    Ok((document, aliases))
}

/// A bar on a terminal, nothing elsewhere.
fn progress(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}").expect("a well-formed template");
    bar.set_style(style);
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
