//! The whole run: every cell, beside its baselines, on this machine.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use dormouse_bench::machine;
use dormouse_bench::suite::{CELLS, Cell, Outcome, Plan, Programs, run, table};
use indicatif::{ProgressBar, ProgressStyle};

#[derive(Parser)]
#[command(about = "Speed and memory of a Dormouse server beside raw servers", after_help = cells_help())]
struct Args {
    /// Only these cells, by name or letter: `--only a,b,c`.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Rounds of each paired cell.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// One round of small numbers, to see that all works. Its figures are not for a table.
    #[arg(long)]
    quick: bool,
    /// Print the rows as JSON on the last line.
    #[arg(long)]
    json: bool,
    /// The server under test; else the example `counter` beside this program.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Where data directories are made, on the disk that is to be measured.
    #[arg(long, default_value = "target/bench-data")]
    dir: PathBuf,
}

fn main() -> ExitCode {
    match measure(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True if every cell measured something. A bar that is missed is a result, not a failure.
fn measure(args: &Args) -> io::Result<bool> {
    let cells = chosen(&args.only)?;
    // The servers and drivers inherit it.
    machine::raise_open_files()?;
    fs::create_dir_all(&args.dir)?;
    let bar = ProgressBar::new(cells.len() as u64);
    bar.set_style(style());
    let plan = Plan {
        programs: Programs::beside_this(args.server.clone())?,
        dir: args.dir.clone(),
        rounds: if args.quick { 1 } else { usize::from(args.rounds) },
        quick: args.quick,
        bar,
    };
    let cores = std::thread::available_parallelism()?;
    plan.say(&format!("{cores} cores, load {:.1}, rounds {}", machine::load_average(), plan.rounds));
    let outcomes = run(&plan, cells);
    plan.bar.finish_and_clear();
    if args.quick {
        println!("\nQUICK: small numbers, one round. Not for a table.");
    }
    println!("\n{}", table(&outcomes));
    if args.json {
        println!("{}", serde_json::to_string(&outcomes)?);
    }
    Ok(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Row(_))))
}

fn chosen(only: &[String]) -> io::Result<Vec<&'static Cell>> {
    for word in only {
        if !CELLS.iter().any(|cell| cell.is_meant_by(word)) {
            return Err(io::Error::other(format!("there is no cell `{word}`; see --help")));
        }
    }
    let wanted = |cell: &&Cell| only.is_empty() || only.iter().any(|word| cell.is_meant_by(word));
    Ok(CELLS.iter().filter(wanted).collect())
}

/// Hidden by itself where no terminal is.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:20} {pos}/{len} {prefix}: {msg} {elapsed}").expect("the template is valid")
}

fn cells_help() -> String {
    let lines: Vec<String> = CELLS.iter().map(|cell| format!("  {:5} {}", cell.name, cell.about)).collect();
    format!("Cells:\n{}", lines.join("\n"))
}
