//! `ablade evaluate RUN`: exact likelihoods of a trained model on any data set.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::Args;

use crate::cli::part::PartName;
use crate::cli::show::fitted::FittedTable;
use crate::cli::show::out::{check_named, write_named};
use crate::cli::trained::{MaskArgs, Model, RunArgs, TrainedModel};
use crate::cli::{Exit, Global, Terminal};
use crate::data::{self, DataConfig, Dataset, Images, Part, Shape, Standardisation};
use crate::made::evaluate::{by_class, mean, nll_mixture, nll_single_mask};
use crate::made::masks::MaskSet;
use crate::npy;
use crate::text::{count, fixed, thousands};
use crate::trainers::made::run::shares_of_classes;
use crate::trainers::made::table::TableUnits;

/// Text below the options in `--help`.
pub(crate) const EXAMPLES: &str = "\
Prints the mean negative log-likelihood in nats per image, its standard error over the images, and bits per dimension.
The likelihoods of a model that is told the class are given the class of each image; of a single mask the likelihood without
the class and the accuracy of the likeliest class by Bayes' rule are listed as well. Densities of the rows of a table have, in
place of bits, the likelihood in the units of the table next to that of standardised columns; --data FILE is in these units.
Without a choice of masks it scores every model that the run's masks form: the first mask alone, the mixture of all masks and,
if the masks share an ordering, the average of their conditionals at every pixel. The mean of the single masks' scores is
listed as well; it is the score of no model.

The data set of the run, whether a name, a folder or a file, is divided in three as for training, and --part selects the set to
score; so is any other name or folder, and an .npz that names its sets. Of any other single file every image is scored, in the
order of the file. A model that is told the class needs labels: those of the set, or a file NAME-labels.csv or .npy next to it.

Examples:
  ablade evaluate masks/baseline/1
  ablade evaluate masks/baseline/1 --data letters
  ablade evaluate r3f2a --data samples.npy --nlls nlls.csv
  ablade evaluate masks/masks-8/1 --part valid --mixture --csv";

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Data set: a name, a folder or a file [default: the run's own]
    #[arg(long, value_name = "NAME")]
    data: Option<String>,
    /// One of its three sets [default: test]
    #[arg(long)]
    part: Option<PartName>,
    #[command(flatten)]
    masks: MaskArgs,
    /// Write the negative log-likelihood of every image [nats]: .csv or .npy, one column per model
    #[arg(long, value_name = "FILE", value_parser = table_file)]
    nlls: Option<PathBuf>,
    /// Print CSV instead of a table
    #[arg(long)]
    csv: bool,
}

fn table_file(path: &str) -> Result<PathBuf, String> {
    let known = path.ends_with(".csv") || path.ends_with(".npy");
    if known {
        Ok(path.into())
    } else {
        Err("its ending says no format: .csv or .npy".into())
    }
}

/// Likelihoods of the images under a model.
struct Score {
    model: String,
    masks: usize,
    /// Negative log-likelihood of each image [n_images], nats.
    nlls: Vec<f64>,
    /// Share of the images whose class is the likeliest, where the classes were inferred.
    accuracy: Option<f64>,
}

impl Score {
    fn new(model: impl Into<String>, masks: usize, nlls: Vec<f64>) -> Self {
        Self { model: model.into(), masks, nlls, accuracy: None }
    }
}

pub(crate) fn evaluate(
    args: &EvaluateArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let trained = TrainedModel::load(&args.run, global)?;
    check_named(
        args.nlls.as_deref(),
        &[args.data.as_deref().map(Path::new), Some(trained.data_path())],
    )?;
    let asked = trained.asked_model(&args.masks)?;
    let Chosen { name, images, line, warnings } =
        images(args.data.as_deref(), args.part, &trained)?;
    let images = trained.with_known_classes(images, &name)?;
    terminal.remark(format!("data  {line}"));
    for warning in &warnings {
        terminal.warn(warning);
    }
    let is_told = trained.made.network().layout.classes > 0;
    let single = match &asked {
        Some(Model::Single(_, mask)) => Some(mask.clone()),
        Some(_) => None,
        None => Some(trained.masks.evaluated(0)),
    };
    let mut scores = match asked {
        Some(model) => {
            let nlls = model.score(&trained, &images);
            vec![Score::new(model.to_string(), model.masks().len(), nlls)]
        }
        None => every_model(&trained, &images)?,
    };
    if is_told {
        let without = single.map(|mask| without_class(&trained, &mask, &images)).transpose()?;
        let without = without.map(|score| Score { model: scores[0].model.clone(), ..score });
        for score in &mut scores {
            score.model += " given the class";
        }
        if let Some(mut without) = without {
            without.model += " without the class";
            scores.insert(1, without);
        }
    }
    if let Some(path) = &args.nlls {
        write_named(path, &per_image(path, &scores, trained.noun()))?;
        terminal.remark(format!("every {} in {}", trained.noun(), path.display()));
    }
    let (examples, last) = match &trained.units {
        Some(_) => ("rows", "nll_own_units_nats"),
        None => ("images", "bits_per_dim"),
    };
    let mut header = vec!["model", "masks", examples, "nll_nats", "se_nats", last];
    header.extend(is_told.then_some("accuracy"));
    let rows: Vec<Vec<String>> = scores
        .iter()
        .map(|score| {
            let mut row = row(score, &trained).to_vec();
            row.extend(is_told.then(|| score.accuracy.map_or(String::new(), |a| fixed(a, 4))));
            row
        })
        .collect();
    if args.csv {
        let mut writer = csv::Writer::from_writer(&mut *terminal.out);
        writer.write_record(&header)?;
        rows.iter().try_for_each(|row| writer.write_record(row))?;
        writer.flush()?;
    } else {
        writeln!(
            terminal.out,
            "{} on {} {examples} of {name}",
            trained.name,
            thousands(images.count() as u64)
        )?;
        let mut drawn = FittedTable::new(&header, &[0]);
        for row in rows {
            drawn.add(row);
        }
        drawn.print(terminal)?;
    }
    Ok(Exit::Success)
}

/// Score under one mask without the classes, which are inferred by Bayes' rule with their shares of the
/// training images.
fn without_class(trained: &TrainedModel, mask: &MaskSet, images: &Images) -> anyhow::Result<Score> {
    let prior = shares_of_classes(&trained.dataset()?.train);
    let found = by_class(&trained.made, &trained.team, mask, images, &prior);
    let accuracy = mean(&found.is_right(images));
    Ok(Score { accuracy, ..Score::new(String::new(), 1, found.nll_without) })
}

/// Scores of all models that can be made of the run's masks.
fn every_model(trained: &TrainedModel, images: &Images) -> anyhow::Result<Vec<Score>> {
    let masks = trained.all_masks()?;
    let each: Vec<Vec<f64>> = masks
        .iter()
        .map(|mask| nll_single_mask(&trained.made, &trained.team, mask, images))
        .collect();
    let mut scores = vec![Score::new("mask 1", 1, each[0].clone())];
    let count = masks.len();
    if count > 1 {
        let mean = |i: usize| each.iter().map(|nlls| nlls[i]).sum::<f64>() / count as f64;
        let nlls = (0..images.count()).map(mean).collect();
        scores.push(Score::new("mean of single scores (no model)", count, nlls));
        scores.push(Score::new("mixture", count, nll_mixture(&each)));
        if trained.masks.share_ordering() {
            let nlls = Model::Averaged(masks).score(trained, images);
            scores.push(Score::new("conditionals averaged", count, nlls));
        }
    }
    Ok(scores)
}

fn row(score: &Score, trained: &TrainedModel) -> [String; 6] {
    let n = score.nlls.len() as f64;
    let mean = score.nlls.iter().sum::<f64>() / n;
    let variance = score.nlls.iter().map(|nll| (nll - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = if score.nlls.len() > 1 {
        format!("{:.3}", (variance / n).sqrt())
    } else {
        String::new()
    };
    [
        score.model.clone(),
        score.masks.to_string(),
        score.nlls.len().to_string(),
        fixed(mean, 3),
        error,
        match &trained.units {
            Some(units) => fixed(mean + units.by.log_scale_sum(), 3),
            None => fixed(mean / (trained.shape.dim() as f64 * std::f64::consts::LN_2), 5),
        },
    ]
}

fn per_image(path: &Path, scores: &[Score], noun: &str) -> Vec<u8> {
    let images = scores[0].nlls.len();
    if path.extension().is_some_and(|extension| extension == "npy") {
        let values: Vec<f32> = (0..images)
            .flat_map(|i| scores.iter().map(move |score| score.nlls[i] as f32))
            .collect();
        return npy::encode(&[images, scores.len()], &values);
    }
    let columns = scores
        .iter()
        .map(|score| format!("{}_nats", score.model.replace(' ', "_").replace(['(', ')'], "")));
    let mut text = format!("{noun},{}\n", columns.collect::<Vec<_>>().join(","));
    for i in 0..images {
        let values: Vec<String> = scores.iter().map(|score| score.nlls[i].to_string()).collect();
        text += &format!("{i},{}\n", values.join(","));
    }
    text.into_bytes()
}

/// Images selected for a command.
pub(crate) struct Chosen {
    /// Name of the images in sentences.
    pub(crate) name: String,
    pub(crate) images: Images,
    /// Their data set in one line.
    line: String,
    /// Warnings about the images, a sentence each.
    pub(crate) warnings: Vec<String>,
}

/// Images of the data set `data`, or of the run's own, with their variables in the order of the
/// run's.
pub(crate) fn images(
    data: Option<&str>,
    asked: Option<PartName>,
    trained: &TrainedModel,
) -> anyhow::Result<Chosen> {
    let own = &trained.run.config.data;
    let part = asked.map_or(Part::Test, PartName::part);
    let fits = |name: &str, shape: Shape| {
        let words = |shape: Shape| match shape.height {
            1 => format!("vectors of {}", count(shape.width, "variable")),
            height => format!("{height} x {} pixels", shape.width),
        };
        let same =
            shape == trained.shape || shape.height == 1 && shape.dim() == trained.shape.dim();
        ensure!(
            same,
            "{} was trained on {}, {name} has {}",
            trained.name,
            words(trained.shape),
            words(shape)
        );
        Ok(())
    };
    let Some(name) = data.filter(|name| !trained.is_own(name)) else {
        let dataset = trained.dataset()?;
        let (line, warnings) = said_of(&dataset);
        return Ok(Chosen {
            name: format!("{} ({part})", own.name),
            images: trained.scored(&dataset, part),
            line,
            warnings,
        });
    };
    let (called, images, columns, line, warnings) = if Path::new(name).is_file() {
        let found = match &trained.units {
            Some(units) => data::table_in(Path::new(name), part, &units.without_rows())?,
            None => data::images_in(Path::new(name), part, own)?,
        };
        fits(name, found.shape)?;
        let mut warnings = found.warnings;
        if asked.is_some() && !found.is_divided {
            warnings.push(format!(
                "{name}: it is one set, of which --part selects nothing: all of it is used"
            ));
        }
        (name.to_owned(), found.images, found.columns, found.line, warnings)
    } else {
        let config = DataConfig {
            name: name.to_owned(),
            train: None,
            valid: None,
            test: None,
            ..own.clone()
        };
        let dataset = trained.cache().get(&config)?;
        fits(name, dataset.shape)?;
        let (line, mut warnings) = said_of(&dataset);
        let (images, columns) = match (&trained.units, &dataset.standardisation) {
            (Some(units), Some(by)) => {
                let images = dataset.scored(part);
                let (images, note) =
                    in_units_of(units, by, images, dataset.origin.columns.as_deref())
                        .map_err(|problem| anyhow::anyhow!("{name}: {problem}"))?;
                warnings.extend(note.map(|note| format!("{name}: {note}")));
                (images, units.names.clone())
            }
            _ => (trained.scored(&dataset, part), dataset.origin.columns.clone()),
        };
        (format!("{name} ({part})"), images, columns, line, warnings)
    };
    let chosen = Chosen { name: called, images, line, warnings };
    compared(chosen, name, columns.as_deref(), trained)
}

/// Rows that `by` standardised, standardised by the training rows of a model instead, with their
/// columns in its order; and a sentence on names that are lacking.
fn in_units_of(
    units: &TableUnits,
    by: &Standardisation,
    rows: Images,
    columns: Option<&[String]>,
) -> Result<(Images, Option<String>), String> {
    let dim = units.dim();
    let places = Images::real((0..dim).map(|column| column as f32).collect(), dim);
    let (order, note) = data::in_order_of(units.names.as_deref(), places, columns)?;
    let order: Vec<usize> = order
        .real_values()
        .unwrap_or_default()
        .iter()
        .map(|&column| column as usize)
        .collect();
    let own = by.to_own_units(rows.real_values().unwrap_or_default());
    let own: Vec<f64> = own
        .chunks_exact(dim)
        .flat_map(|row| order.iter().map(|&column| row[column]))
        .collect();
    let standardised = Images::real(units.by.standardised(&own), dim);
    Ok((
        match rows.labels() {
            Some(labels) => standardised.with_labels(labels.clone()),
            None => standardised,
        },
        note,
    ))
}

fn said_of(dataset: &Dataset) -> (String, Vec<String>) {
    let described = dataset.described();
    let left_out = described
        .left_out
        .iter()
        .map(|sentence| format!("{}: left out: {sentence}", described.name));
    (described.line(), left_out.chain(described.warnings()).collect())
}

/// Images of another source than the run's: with variables in the order of training, and a warning
/// about images that are in the training set, if that is available.
fn compared(
    chosen: Chosen,
    source: &str,
    columns: Option<&[String]>,
    trained: &TrainedModel,
) -> anyhow::Result<Chosen> {
    let Chosen { name, images, line, mut warnings } = chosen;
    let Ok(own) = trained.dataset() else {
        warnings.push(format!(
            "{source}: the training data of {} are not available, so it is not known whether images are among them or whether \
             the variables have another order",
            trained.name
        ));
        return Ok(Chosen { name, images, line, warnings });
    };
    let (images, note) = data::in_order_of(own.origin.columns.as_deref(), images, columns)
        .map_err(|problem| anyhow::anyhow!("{source}: {problem}"))?;
    warnings.extend(note.map(|note| format!("{source}: {note}")));
    let train = own.scored(Part::Train);
    let shared = match (train.real_values(), images.real_values()) {
        (Some(train), Some(rows)) => {
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
            let (train, rows): (Vec<u32>, Vec<u32>) = (bits(train), bits(rows));
            n_shared(&train, &rows, images.dim())
        }
        _ => n_shared(train.pixels(), images.pixels(), images.dim()),
    };
    if shared > 0 {
        let (shared, all) = (thousands(shared as u64), thousands(images.count() as u64));
        let noun = trained.noun();
        let is = match shared.as_str() {
            "1" => format!("is a training {noun}"),
            _ => format!("are training {noun}s"),
        };
        warnings.push(format!("{source}: {shared} of {all} {noun}s {is} of {}", trained.name));
    }
    Ok(Chosen { name, images, line, warnings })
}

/// Number of examples of `dim` values that are among those of training.
fn n_shared<T: Ord>(train: &[T], examples: &[T], dim: usize) -> usize {
    let mut known: Vec<&[T]> = train.chunks_exact(dim).collect();
    known.sort_unstable();
    examples
        .chunks_exact(dim)
        .filter(|example| known.binary_search(example).is_ok())
        .count()
}
