//! `plots --gallery DIR`: the main figures small enough to be committed, and a README that shows them.

use std::collections::BTreeSet;
use std::path::Path;

use super::plots::{Drawn, remove_pictures, replace};
use crate::figures::small_png;

/// The figures of a study that a gallery shows, in its order.
const SHOWN: [&str; 7] = ["ablation", "loss", "samples", "interactions", "orderings", "completions", "network"];
/// Figures a study.
const MOST: usize = 5;

/// Writes the pictures and the README; returns the number of pictures. Those of earlier times that are no longer shown go.
pub(crate) fn write_gallery<'a>(dir: &Path, drawn: impl Iterator<Item = &'a Drawn>) -> anyhow::Result<usize> {
    let mut text = String::from(
        "# Gallery\n\nWritten by `ablade plots --gallery` from the results on disk. `FIGURES.md`, one directory up, says how \
         to read each\nfigure; `ablade plots` draws all of them, as SVG, PNG and PDF.\n",
    );
    let mut written = BTreeSet::new();
    for experiment in drawn {
        let plan = &experiment.study.plan;
        for planned in &plan.studies {
            let own = |name: &&str| {
                experiment.figures.iter().find(|figure| figure.study == planned.name && figure.name == **name)
            };
            text += &format!("\n## {}\n\n", plain(&planned.name));
            if !plan.question.is_empty() {
                text += &format!("{}\n\n", plain(&plan.question));
            }
            if !plan.command.is_empty() {
                text += &format!("    {}\n", plan.command.replace(char::is_control, " "));
            }
            for figure in SHOWN.iter().filter_map(own).take(MOST) {
                let file = format!("{}-{}.png", figure.study, figure.name);
                replace(&dir.join(&file), &small_png(figure))?;
                text += &format!("\n![{}]({file})\n", plain(&figure.caption));
                written.insert(dir.join(file));
            }
        }
    }
    replace(&dir.join("README.md"), text.as_bytes())?;
    remove_pictures(dir, |path| !written.contains(path))?;
    Ok(written.len())
}

/// Text that Markdown takes as it is.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '!' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
