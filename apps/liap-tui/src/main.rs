//! Liap Tui by itself.

use dormouse::prelude::*;

fn main() -> ExitCode {
    App::new("liap-tui").actor::<liap_tui::Room>().run()
}
