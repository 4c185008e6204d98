//! Liap Tui by itself: the commands of every app, and `tournament`.

mod tournament;

use clap::Parser;
use dormouse::prelude::*;

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    if arguments.by_ref().nth(1).as_deref() == Some("tournament") {
        let named = std::iter::once("liap-tui tournament".to_owned()).chain(arguments);
        return tournament::run(&tournament::Options::parse_from(named));
    }
    App::new("liap-tui").actor::<liap_tui::Room>().run()
}
