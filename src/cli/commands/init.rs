//! `ablade init`: writes a commented experiment to begin with.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::Args;

use crate::cli::{Exit, Terminal};
use crate::plan::experiment_name_problem;
use crate::session::quoted;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade init
  ablade init wider.toml
  ablade init parts.toml --program python3 train.py";

const MODEL: &str = include_str!("../templates/model.toml");
const PROGRAM: &str = include_str!("../templates/program.toml");

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// File to write; an existing file is not replaced
    #[arg(default_value = "study.toml")]
    file: PathBuf,
    /// Write an experiment with this program instead of the built-in model
    #[arg(long, value_name = "WORD", num_args = 1.., allow_hyphen_values = true)]
    program: Vec<String>,
}

pub(crate) fn init(args: &InitArgs, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let stem = args.file.file_stem().unwrap_or_default().to_string_lossy();
    if let Some(problem) = experiment_name_problem(&stem) {
        bail!("`{stem}` cannot be the name of an experiment: {problem}");
    }
    ensure!(
        args.file.extension().is_some_and(|extension| extension == "toml"),
        "{} is not the name of a TOML file: `ablade init {stem}.toml`",
        args.file.display()
    );
    let text = if args.program.is_empty() {
        MODEL.to_owned()
    } else {
        of_program(&args.program)
    };
    let path = args.file.display();
    match File::create_new(&args.file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{path} exists and is not replaced: `ablade init OTHER.toml`")
        }
        created => created
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {path}"))?,
    }
    writeln!(terminal.out, "{path}")?;
    let file = quoted(&args.file.to_string_lossy());
    terminal.remark(format!(
        "next: `ablade plan {file}` shows what it would run, `ablade sweep {file}` runs it"
    ));
    Ok(Exit::Success)
}

/// The template with the words of a command; files among them are its inputs.
fn of_program(words: &[String]) -> String {
    let list = |words: &[&String]| {
        let words: Vec<String> =
            words.iter().map(|word| toml::Value::from(word.as_str()).to_string()).collect();
        words.join(", ")
    };
    let files: Vec<&String> = words
        .iter()
        .filter(|word| !word.starts_with('-') && PathBuf::from(word).is_file())
        .collect();
    // Braces of a shell or awk are no placeholders.
    let words: Vec<String> =
        words.iter().map(|word| word.replace('{', "{{").replace('}', "}}")).collect();
    PROGRAM
        .replace("COMMAND", &list(&words.iter().collect::<Vec<_>>()))
        .replace("INPUTS", &list(&files))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::experiment::{Overrides, declared_trainer, load_with};
    use crate::trainers::made::MadeTrainer;
    use crate::trainers::program::ProgramTrainers;

    #[test]
    fn both_templates_are_experiments() {
        let words = ["sh", "-c", "echo {a} 'b' \"c\""].map(str::to_owned);
        for text in [MODEL.to_owned(), of_program(&words)] {
            let (path, read) = (Path::new("/study.toml"), |_: &Path| Ok(text.clone()));
            let program = declared_trainer(path, &*ProgramTrainers::new(None), &read);
            let program = program.unwrap_or_else(|e| panic!("{e}"));
            let trainer = program.unwrap_or_else(MadeTrainer::shared);
            let experiment = load_with(path, &Overrides::default(), &*trainer, &read)
                .unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(experiment.studies[0].variants.len(), 3);
        }
    }
}
