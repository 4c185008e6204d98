//! Liap Tui by itself.

use dormouse::prelude::*;

fn main() -> ExitCode {
    liap_tui::app(App::new("liap-tui")).run()
}
