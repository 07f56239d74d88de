//! `ablade data list | fetch NAME | show NAME | export NAME`.

use std::path::{Component, Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::ProgressBar;

use crate::cli::json::JsonArgs;
use crate::cli::json::data::{
    DataListFacts, DataPlace, DataSetFacts, DataShowFacts, VariableFacts,
};
use crate::cli::part::PartName;
use crate::cli::show::fitted::FittedTable;
use crate::cli::show::out::{check_named, write_among_plots, write_named};
use crate::cli::show::progress::ProgressMode;
use crate::cli::show::terminal::{fit, is_dumb, stdout_width, style};
use crate::cli::{Exit, Global, Terminal};
use crate::data::draw::Builtin;
use crate::data::{
    self, Binarize, DataConfig, DataError, DescribedImages, LevelCount, Library, Part, Place,
    Standardisation, ValueKind, Variable, catalog,
};
use crate::text::thousands;
use crate::trainers::made::describe::size_passed_over;
use crate::trainers::made::figures::contact_sheet;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade data list
  ablade data fetch mnist
  ablade data show photos --size 16";

const LIST_EXAMPLES: &str = "\
Examples:
  ablade data list
  ablade data list --data-dir /scratch/data
  ablade data list --json";

const FETCH_EXAMPLES: &str = "\
Examples:
  ablade data fetch mnist
  ablade data fetch adult connect4 nips --data-dir /scratch/data";

const SHOW_EXAMPLES: &str = "\
Examples:
  ablade data show letters   plots/data-letters.png
  ablade data show photos --size 16 --part test
  ablade data show mnist --binarize dynamic --out mnist.png
  ablade data show letters --levels 16
  ablade data show measurements.csv --values real";

const EXPORT_EXAMPLES: &str = "\
Examples:
  ablade data export digits --train 5000 --valid 1000 --test 1000 --out bits.npy
  ablade data export letters --size 16 --out letters.npz
  ablade data export letters --levels 16 --out greys.npz
  ablade data export moons --out moons.csv";

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// List the data sets known by name, and where they are
    #[command(after_help = LIST_EXAMPLES)]
    List {
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Download data sets and check them
    #[command(after_help = FETCH_EXAMPLES)]
    Fetch {
        /// Names of the sets
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Draw a contact sheet of a data set
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Name of the set, or a path
        name: String,
        /// One of its three sets
        #[arg(long, default_value = "train")]
        part: PartName,
        /// Side of the images in pixels, for sets that are drawn or resized
        #[arg(long, value_name = "N")]
        size: Option<usize>,
        /// Rule by which grey pixels become 0 and 1: threshold, stochastic, or dynamic, which shows
        /// the grey levels of training images
        #[arg(long, value_name = "RULE", value_parser = rule, default_value = "threshold")]
        binarize: Binarize,
        /// Levels of a pixel: 2 (on or off), or 4, 16 or 256 greys
        #[arg(long, value_name = "N", default_value_t)]
        levels: LevelCount,
        /// Kind of the values: pixels, or real, the numbers of a table [default: real for built-in sets
        /// of real numbers, else pixels]
        #[arg(long, value_name = "KIND")]
        values: Option<ValueKind>,
        /// File of the picture [default: data-NAME.png among the plots]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Write the values of a data set, as a run sees them, and its labels
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Export),
}

#[derive(Debug, Args)]
struct Export {
    /// Name of the set, or a path
    name: String,
    /// FILE.npz holds the arrays train, valid and test, and train_labels ... where there are labels; of
    /// FILE.npy, FILE.csv and FILE.idx, .gz behind or not, one file each
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace files that are there
    #[arg(long)]
    overwrite: bool,
    /// Training images
    #[arg(long, value_name = "N")]
    train: Option<usize>,
    /// Validation images
    #[arg(long, value_name = "N")]
    valid: Option<usize>,
    /// Test images
    #[arg(long, value_name = "N")]
    test: Option<usize>,
    /// Side of the images in pixels, for sets that are drawn or resized
    #[arg(long, value_name = "N")]
    size: Option<usize>,
    /// Seed of drawing, splits and fixed binarisation
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Rule by which grey pixels become 0 and 1: threshold, stochastic, or dynamic, which writes
    /// the grey levels of training images
    #[arg(long, value_name = "RULE", value_parser = rule, default_value = "threshold")]
    binarize: Binarize,
    /// Levels of a pixel: 2 (on or off), or 4, 16 or 256 greys, written as 0 to N - 1
    #[arg(long, value_name = "N", default_value_t)]
    levels: LevelCount,
    /// Kind of the values: pixels, or real, the numbers of a table, written in its units [default: real
    /// for built-in sets of real numbers, else pixels]
    #[arg(long, value_name = "KIND")]
    values: Option<ValueKind>,
}

pub(crate) fn data(
    args: &DataArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let library = global.library();
    match &args.command {
        DataCommand::List { json } => list(&library, *json, terminal),
        DataCommand::Export(args) => export(args, &library, terminal),
        DataCommand::Fetch { names } => fetch(names, &library, global.progress, terminal),
        DataCommand::Show { name, part, size, binarize, levels, values, out, json } => {
            let mut config = DataConfig {
                name: name.clone(),
                binarize: *binarize,
                levels: *levels,
                values: values.unwrap_or_else(|| ValueKind::of_named(name)),
                ..DataConfig::default()
            };
            config.size = size.unwrap_or(config.size);
            show(
                &config,
                *size,
                part.part(),
                (out.as_deref(), &global.plots.join(file_name(name))),
                &library,
                *json,
                terminal,
            )
        }
    }
}

fn rule(word: &str) -> Result<Binarize, String> {
    serde_json::from_value(word.into())
        .map_err(|_| "expected threshold, stochastic or dynamic".to_owned())
}

/// File name of the picture of a data set. For a path of several parts it contains a digest of the
/// path, so that `a/train.npy` and `b/train.npy` have separate pictures.
fn file_name(name: &str) -> String {
    let path = Path::new(name);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if path.components().filter(|part| *part != Component::CurDir).count() == 1 {
        return format!("data-{stem}.png");
    }
    format!("data-{stem}-{}.png", &blake3::hash(name.as_bytes()).to_hex()[..6])
}

fn list(library: &Library, json: JsonArgs, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let set = |entry: data::CatalogEntry| {
        let (place, path, problem) = match entry.place {
            Place::Builtin => (DataPlace::Builtin, None, None),
            Place::Here(path) => (DataPlace::Here, Some(path.display().to_string()), None),
            Place::Missing(problem) => (DataPlace::Missing, None, Some(problem)),
        };
        let [train, valid, test] = entry.sizes;
        DataSetFacts {
            name: entry.name.to_owned(),
            about: entry.about.to_owned(),
            pixels: entry.shape.dim(),
            train,
            valid,
            test,
            licence: entry.licence.to_owned(),
            place,
            path,
            problem,
        }
    };
    let facts = DataListFacts {
        data_dir: library.data_dir.display().to_string(),
        sets: catalog(library).into_iter().map(set).collect(),
        notes: terminal.notes(),
    };
    if json.json {
        terminal.json(&facts)?;
        return Ok(Exit::Success);
    }
    let head = ["name", "what", "D", "train", "valid", "test", "licence", "where"];
    let mut rows =
        FittedTable::new(&head, &[0, 1, 6, 7]).dispensable(&["licence", "valid", "test", "train"]);
    for set in &facts.sets {
        let place = match (set.place, &set.path) {
            (DataPlace::Builtin, _) => "drawn by this program".to_owned(),
            (DataPlace::Here, Some(path)) => path.clone(),
            _ => format!("`ablade data fetch {}`", set.name),
        };
        let [dim, train, valid, test] =
            [set.pixels, set.train, set.valid, set.test].map(|size| thousands(size as u64));
        let [name, about, licence] = [&set.name, &set.about, &set.licence].map(Clone::clone);
        rows.add([name, about, dim, train, valid, test, licence, place]);
    }
    rows.print(terminal)?;
    let other = format!(
        "Any other set by its path, from here or from the data folder, {}; docs/reference/data.md has the formats.",
        facts.data_dir
    );
    writeln!(terminal.out, "{}", fit(&other, stdout_width()))?;
    Ok(Exit::Success)
}

/// Downloads each set; one that fails does not prevent the others.
fn fetch(
    names: &[String],
    library: &Library,
    mode: ProgressMode,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    for name in names {
        data::can_fetch(name, library)?;
    }
    let mut failed = Vec::new();
    for name in names {
        match fetch_one(name, library, mode) {
            Ok((folder, checked)) => {
                writeln!(terminal.out, "{name} is in {}; {checked}", folder.display())?;
            }
            Err(error) => failed.push(error.to_string()),
        }
    }
    if failed.len() == names.len() {
        anyhow::bail!("{}", failed.join("\n"));
    }
    for error in &failed {
        terminal.warn(error);
    }
    Ok(if failed.is_empty() { Exit::Success } else { Exit::Failure })
}

fn fetch_one(
    name: &str,
    library: &Library,
    mode: ProgressMode,
) -> Result<(PathBuf, &'static str), DataError> {
    // Hidden by itself if stderr is not a terminal.
    let wanted = mode == ProgressMode::Bar || (mode == ProgressMode::Auto && !is_dumb());
    let bar = if wanted { ProgressBar::new(0) } else { ProgressBar::hidden() };
    bar.set_style(style("{prefix} [{bar:32}] {bytes} of {total_bytes}, {eta} left"));
    bar.set_prefix(name.to_owned());
    let fetched = data::fetch(name, library, |there, whole| {
        bar.set_length(whole.unwrap_or(there));
        bar.set_position(there);
    });
    bar.finish_and_clear();
    fetched
}

fn show(
    config: &DataConfig,
    size: Option<usize>,
    part: Part,
    (out, default): (Option<&Path>, &Path),
    library: &Library,
    json: JsonArgs,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    check_named(out, &[Some(Path::new(&config.name))])?;
    let dataset = data::load(config, library)?;
    let picture = contact_sheet(&dataset, part);
    match out {
        Some(path) => write_named(path, &picture)?,
        None => write_among_plots(default, picture)?,
    }
    let (described, picture) = (dataset.described(), out.unwrap_or(default).display());
    let variables = dataset.variables();
    if json.json {
        warn_of(&described, size, terminal);
        terminal.json(&DataShowFacts {
            name: described.name.clone(),
            pixels: described.size.shape.dim(),
            train: described.size.train,
            valid: described.size.valid,
            test: described.size.test,
            line: described.line(),
            left_out: described.left_out.clone(),
            variables: variables.into_iter().map(facts_of).collect(),
            picture: picture.to_string(),
            notes: terminal.notes(),
        })?;
        return Ok(Exit::Success);
    }
    say(&described, size, terminal)?;
    if let Some(by) = &dataset.standardisation {
        table_of(&variables, by).print(terminal)?;
        if let Some(entropy) = Builtin::named(&described.name).and_then(Builtin::entropy) {
            writeln!(
                terminal.out,
                "entropy {entropy:.4} nats: no model has a lower expected test NLL in these units"
            )?;
        }
    }
    writeln!(terminal.out, "{picture}")?;
    Ok(Exit::Success)
}

fn facts_of(variable: Variable) -> VariableFacts {
    let Variable { name, mean, deviation, least, most } = variable;
    VariableFacts { name, mean, deviation, least, most }
}

/// Table of the columns of a set of real numbers, in their own units.
fn table_of(variables: &[Variable], by: &Standardisation) -> FittedTable<'static> {
    let head = ["variable", "mean", "standard deviation", "least", "most"];
    let mut rows = FittedTable::new(&head, &[0]).dispensable(&["most", "least"]);
    for (column, variable) in variables.iter().enumerate() {
        let Variable { name, mean, deviation, least, most } = variable;
        let text = |value: f64| by.short_text(column, value);
        rows.add([name.clone(), text(*mean), text(*deviation), text(*least), text(*most)]);
    }
    rows
}

fn export(args: &Export, library: &Library, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let Export {
        name,
        out,
        overwrite,
        train,
        valid,
        test,
        size,
        seed,
        binarize,
        levels,
        values,
    } = args;
    let mut config = DataConfig {
        name: name.clone(),
        seed: *seed,
        binarize: *binarize,
        levels: *levels,
        values: values.unwrap_or_else(|| ValueKind::of_named(name)),
        ..DataConfig::default()
    };
    (config.train, config.valid, config.test) = (*train, *valid, *test);
    config.size = size.unwrap_or(config.size);
    let dataset = data::load(&config, library)?;
    let files = data::export(&dataset, out).map_err(anyhow::Error::msg)?;
    if let Some((path, _)) =
        files.iter().find(|(path, _)| !overwrite && path.symlink_metadata().is_ok())
    {
        anyhow::bail!(
            "{} exists, and nothing was written: name another --out, or add --overwrite",
            path.display()
        );
    }
    for (path, bytes) in &files {
        write_named(path, bytes)?;
        writeln!(terminal.out, "{}", path.display())?;
    }
    say(&dataset.described(), *size, terminal)?;
    Ok(Exit::Success)
}

/// Prints the line of a data set (`size` is the requested side, if any), the content that is left
/// out, and its warnings.
fn say(
    described: &DescribedImages,
    size: Option<usize>,
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    writeln!(terminal.out, "{}", described.line())?;
    for sentence in &described.left_out {
        writeln!(terminal.out, "left out: {sentence}")?;
    }
    warn_of(described, size, terminal);
    Ok(())
}

/// Warns of what should be known about a data set.
fn warn_of(described: &DescribedImages, size: Option<usize>, terminal: &Terminal) {
    let of_size = size.and_then(|size| size_passed_over(&described.name, described.size, size));
    described
        .warnings()
        .iter()
        .chain(&of_size)
        .for_each(|warning| terminal.warn(warning));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_a_picture_of_its_own() {
        assert_eq!(file_name("digits"), "data-digits.png");
        assert_eq!(file_name("./train.npy"), "data-train.png");
        let of = ["train.npy", "a/train.npy", "b/train.npy", "/a/train.npy"].map(file_name);
        let distinct: std::collections::BTreeSet<&String> = of.iter().collect();
        assert_eq!(distinct.len(), of.len(), "{of:?}");
    }
}
