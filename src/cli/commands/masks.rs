//! `ablade masks RUN --out FILE`: every mask with which a run was scored, for runs whose own
//! `masks.npz` would have been too large, and for those of versions that wrote none.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;

use crate::cli::show::out::write_named_with;
use crate::cli::trained::{RunArgs, TrainedModel};
use crate::cli::{Exit, Global, Terminal};
use crate::made::file::{masks_bytes, save_masks};
use crate::text::{bytes, count};
use crate::trainers::made::run::scored_masks;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade masks masks/masks-8/1 --out masks.npz
  ablade masks r3f2a --out masks.npz   by the beginning of a run's id";

#[derive(Debug, Args)]
pub(crate) struct MasksArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Output file, a NumPy archive (.npz)
    #[arg(long, value_name = "FILE.npz", value_parser = archive)]
    out: PathBuf,
}

fn archive(path: &str) -> Result<PathBuf, String> {
    if path.ends_with(".npz") {
        Ok(path.into())
    } else {
        Err("a name that ends in .npz is expected".into())
    }
}

pub(crate) fn masks(
    args: &MasksArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let trained = TrainedModel::load(&args.run, global)?;
    let masks = scored_masks(&trained.run, &trained.masks);
    write_named_with(&args.out, |file| {
        save_masks(&trained.masks, masks, BufWriter::new(file))?.flush()
    })?;
    writeln!(terminal.out, "{}", args.out.display())?;
    let size = bytes(masks_bytes(&trained.masks, masks));
    terminal.remark(format!("{} of {}, {size}", count(masks, "mask"), trained.name));
    Ok(Exit::Success)
}
