//! The experiment file: read, checked, expanded into variants.
//!
//! ```text
//! files --document--> tree --reader, axis, rule, draft--> Draft --expand--> cells --label, check--> Experiment --> Plan
//! ```
//!
//! The settings are those that a trainer declares; `kind` reads their values. Every error of a file
//! is collected as a `Diagnostic` with its place, and all are reported together.
//! `docs/reference/format.md` describes the grammar for users.

mod axis;
mod bounds;
mod design;
mod diagnostics;
mod document;
mod draft;
mod execution;
mod expand;
mod expanded;
mod expr;
mod expr_token;
mod external;
mod generator;
mod kind;
mod label;
mod limits;
mod misread;
mod missing;
mod overrides;
mod point;
mod program;
mod reader;
mod reference;
mod rule;
mod scheduler;
mod schema;
mod tree;
mod within;

use std::cell::Cell;
use std::io;
use std::path::Path;

pub use design::Design;
pub use diagnostics::{Diagnostic, Diagnostics, SourceText, Span};
pub use draft::DEFAULT_SEEDS;
pub use execution::{
    Budget, ExecutionSettings, Launcher, MissingDataRule, OPTIONS, OptionKey, Slurm,
};
pub use expand::Counts;
pub use expanded::{Change, ExpandedStudy, ExpandedVariant, Experiment};
pub use generator::RESERVED;
pub use kind::seconds;
pub(crate) use misread::{is_plain_number, misread};
pub use overrides::Overrides;
pub use program::{column_name, declared_trainer, program_settings};
pub use reference::reference;
pub use schema::schema;

use diagnostics::Errors;
use overrides::Overridden;
use point::ValuePool;
use reader::Reader;

use crate::regular;
use crate::trainer::Trainer;

/// Maximum number of threads for all runs together: more than any machine has processors.
pub const MOST_JOBS: u64 = 1024;

/// Maximum size of an experiment file and all that it extends [bytes]: 50,000 lines.
const LONGEST: u64 = 2 << 20;

/// Reads an experiment file and those that it extends, and expands it. All errors are reported at
/// once.
pub fn load(
    path: &Path,
    overrides: &Overrides,
    trainer: &dyn Trainer,
) -> Result<Experiment, Diagnostics> {
    let left = Cell::new(LONGEST);
    load_with(path, overrides, trainer, &|path| {
        let text = read_file(path)?;
        let too_long = || {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("with it there are more than {LONGEST} bytes"),
            )
        };
        left.set(left.get().checked_sub(text.len() as u64).ok_or_else(too_long)?);
        Ok(text)
    })
}

/// Text of an experiment file.
pub fn read_file(path: &Path) -> io::Result<String> {
    regular::read_text(path, LONGEST)
}

/// `load` with files from another source than the disk.
pub fn load_with(
    path: &Path,
    overrides: &Overrides,
    trainer: &dyn Trainer,
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Experiment, Diagnostics> {
    let mut errors = Errors::default();
    let settings = trainer.settings();
    let Some(document) = document::load(path, read, settings, &mut errors) else {
        return Err(errors.finish());
    };
    let overridden = Overridden::parse(overrides, settings, &mut errors);
    let pool = ValuePool::new(settings);
    let base = pool.defaults();
    let empty = || format!("{} says nothing: every setting has its default", path.display());
    let notes = document.table.0.is_empty().then(empty).into_iter().collect();
    let mut reader = Reader {
        trainer,
        settings,
        errors,
        pool,
        base,
        pattern: false,
        failed: Vec::new(),
        notes,
        levels: 0,
    };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let draft = reader.draft(&document, &stem, &overridden);
    let external = reader.externals(document.table.get("external"), &draft, read);
    if reader.errors.len() > 0 {
        return Err(reader.errors.finish());
    }
    let expanded = reader.expand(&draft, overridden.changes_runs());
    if reader.errors.len() > 0 {
        return Err(reader.errors.finish());
    }
    let mut experiment = reader.experiment(&draft, &expanded, &overrides.only);
    experiment.external = external;
    reader.external_labels(&experiment, document.table.get("external"));
    if reader.errors.len() > 0 {
        return Err(reader.errors.finish());
    }
    Ok(experiment)
}
