//! Gallery (`plots --gallery DIR`): the main figures, small enough to be committed, and a README
//! that shows them.

use std::collections::BTreeMap;

use crate::figures::Figure;
use crate::results::ExperimentResults;

/// Figures of a study that a gallery shows, in this order.
pub(crate) const SHOWN: [&str; 8] = [
    "ablation",
    "loss",
    "response",
    "samples",
    "interactions",
    "orderings",
    "completions",
    "network",
];
/// Maximum number of figures per study.
const MOST: usize = 5;

/// Files of a gallery, including a README, and the number of pictures.
pub(crate) fn gallery<'a>(
    drawn: impl Iterator<Item = (&'a ExperimentResults, &'a [Figure])>,
) -> (BTreeMap<String, Vec<u8>>, usize) {
    let mut text = String::from(
        "# Gallery\n\nWritten by `ablade plots --gallery` from the results on disk. `docs/reference/figures.md` says how \
         to read each\nfigure; `ablade plots` draws all of them, as SVG, PNG and PDF.\n",
    );
    let mut files = BTreeMap::new();
    for (results, figures) in drawn {
        let plan = &results.plan;
        for planned in &plan.studies {
            let own = |name: &&str| {
                figures
                    .iter()
                    .find(|figure| figure.study == planned.name && figure.name == **name)
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
                text += &format!("\n![{}]({file})\n", plain(&figure.caption));
                files.extend(figure.small.clone().map(|png| (file, png)));
            }
        }
    }
    let pictures = files.len();
    files.insert("README.md".to_owned(), text.into_bytes());
    (files, pictures)
}

/// Escapes text for Markdown.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '!' => {
                out.extend(['\\', c]);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
