//! `replay TARGET FILE…`: run these inputs through a target, without libFuzzer. Without a file, all of its corpus.

use std::{fs, process::ExitCode};

use dormouse_fuzz::{TARGETS, corpus, target};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(target) = arguments.next().and_then(|name| target(&name)) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("replay TARGET FILE…, with TARGET one of {}", names.join(", "));
        return ExitCode::FAILURE;
    };
    let mut files: Vec<String> = arguments.collect();
    if files.is_empty() {
        let inputs = corpus::of(target.name).unwrap_or_default();
        files.extend(inputs.iter().map(|(name, _)| corpus::folder(target.name).join(name).display().to_string()));
    }
    for file in files {
        match fs::read(&file) {
            Ok(input) => {
                println!("{file}");
                (target.run)(&input);
            }
            Err(error) => {
                eprintln!("{file} cannot be read: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
