//! Every app of this repository in one binary.

use dormouse::prelude::*;

fn main() -> ExitCode {
    App::new("arcade").actor::<todo::TodoList>().actor::<liap_tui::Room>().run()
}
