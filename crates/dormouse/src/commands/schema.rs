//! `schema`: what is generated from the Rust types and tables, printed or written where documents and clients read it.

use std::{fs, path::Path, process::ExitCode};

use dormouse_engine::http::docs;

use super::{Problem, openapi, say};
use crate::app::{App, Schema};

pub(crate) fn schema(app: &App, options: Schema) -> Result<ExitCode, Problem> {
    let schemas = docs::schemas(app.kinds.iter().map(AsRef::as_ref));
    let Some(folder) = options.docs else {
        say(format_args!("{schemas:#}"))?;
        return Ok(ExitCode::SUCCESS);
    };
    let openapi = format!("{:#}\n", openapi(app)?.0);
    let asyncapi = format!("{:#}\n", docs::asyncapi(app.name, app.kinds.iter().map(AsRef::as_ref)));
    write(&folder, "codes.md", &docs::codes_markdown())?;
    write(&folder, "limits.md", &docs::limits_markdown())?;
    write(&folder, "openapi.json", &openapi)?;
    write(&folder, "asyncapi.json", &asyncapi)?;
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Problem> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|error| Problem::Io(format!("{} cannot be written", path.display()), error))
}
