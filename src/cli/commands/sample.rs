//! `ablade sample RUN`: images drawn from a trained model.

use anyhow::ensure;
use clap::Args;

use crate::cli::show::images::{ImageFile, PixelValues, Sheet, check_rows, default_file};
use crate::cli::show::out::check_named;
use crate::cli::trained::{DrawArgs, MaskArgs, RunArgs, TrainedModel};
use crate::cli::{Exit, Global, Terminal};
use crate::config::SampleOrder;
use crate::data::nearest::{distance, nearest};
use crate::data::{Images, Part};
use crate::made::sample::{Drawing, draw_one_by_one};
use crate::runner::machine;
use crate::text::count;
use crate::trainers::made::figures::image_grid::in_rows;

/// Text below the options in `--help`.
pub(crate) const EXAMPLES: &str = "\
Without options it draws the samples that the run saved: with the seed of the run and its [sample] settings.

Examples:
  ablade sample masks/baseline/1                       a picture among the plots
  ablade sample masks/baseline/1 --nearest             with the nearest training image next to each sample
  ablade sample r3f2a --count 10000 --seed 7 --out samples.npy --out samples.png
  ablade sample sampling/masks-8/1 --masks 8           conditionals of 8 masks averaged at every pixel
  ablade sample masks/masks-8/1 --mixture              a mask picked for each image
  ablade sample masks/baseline/1 --temperature 0.7     sharper samples, less diversity
  ablade sample ordering/ordering-random/1 --order inverse   the mistake that makes random orderings seem unable to generate
  ablade sample density/baseline/1 --count 5000 --out rows.csv   rows of a table, in its units";

#[derive(Debug, Args)]
pub(crate) struct SampleArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Images to draw [default: as many as the study drew]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: Option<u32>,
    #[command(flatten)]
    draw: DrawArgs,
    #[command(flatten)]
    masks: MaskArgs,
    /// Order of the pixels: model, or inverse, a mistake in published code, as a negative control
    /// [default: the run's own]
    #[arg(long, value_parser = order, conflicts_with = "which")]
    order: Option<SampleOrder>,
    /// Draw this class alone, a name or a number from 0, from a model that is told the class [default:
    /// every class in turn]
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Show the nearest training image next to each sample; in formats other than PNG, in a second
    /// file
    #[arg(long)]
    nearest: bool,
    /// Output files, repeatable: .png, .npy, .idx or .csv; of rows of a table .npy or .csv [default:
    /// sample-RUN.png, or sample-RUN.csv, among the plots]
    #[arg(long, value_name = "FILE", value_parser = ImageFile::parse)]
    out: Vec<ImageFile>,
}

fn order(text: &str) -> Result<SampleOrder, String> {
    serde_json::from_value(text.into()).map_err(|_| "model or inverse is expected".into())
}

pub(crate) fn sample(
    args: &SampleArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let trained = TrainedModel::load(&args.run, global)?;
    check_named(args.out.iter().map(|file| file.path.as_path()), &[Some(trained.data_path())])?;
    let is_of_rows = trained.units.is_some();
    if is_of_rows {
        check_rows(&args.out, &trained.name)?;
    }
    ensure!(
        !args.nearest || !is_of_rows,
        "--nearest compares pixels, and {} is a model of the rows of a table",
        trained.name
    );
    let own = &trained.run.config.sample;
    let wanted = args.count.map_or(own.count, |count| count as usize).max(1);
    let model = trained
        .asked_model(&args.masks)?
        .map_or_else(|| trained.first_masks(own.masks), Ok)?;
    let classes = trained.classes_to_draw(args.class.as_deref(), wanted)?;
    let drawing = Drawing {
        classes: classes.as_deref(),
        ..args.draw.drawing(&trained.run)
    };
    ensure!(
        (wanted as u64).saturating_mul(4 * trained.shape.dim() as u64) <= machine::memory() / 4,
        "{} of {} values would take more than a quarter of this machine's memory",
        count(wanted, "sample"),
        trained.shape.dim()
    );
    let inverse = args.order.unwrap_or(own.order) == SampleOrder::Inverse;
    let drawn = match &model.masks()[0] {
        first if inverse => {
            terminal.remark(
                "drawn in the inverse of the model's ordering on purpose, as a negative control",
            );
            let order = first.ordering().positions();
            draw_one_by_one(&trained.made, &trained.team, first, &order, wanted, drawing)
        }
        _ => model.draw(&trained, wanted, drawing)?,
    };
    let neighbours = args.nearest.then(|| neighbours(&trained, &drawn.images)).transpose()?;
    let out = match &args.out[..] {
        [] => vec![default_file(&global.plots, "sample", trained.spec.id.as_str(), is_of_rows)],
        files => files.to_vec(),
    };
    let nearest = neighbours.as_ref().map(|(nearest, _)| nearest);
    for file in &out {
        if let (Some(units), Some(values)) = (&trained.units, drawn.images.real_values()) {
            file.write_rows(units, &[wanted], values, (&[], &|_| Vec::new()))?;
        } else if file.is_picture() {
            file.write_sheet(&sheet(&trained, &drawn.images, nearest, classes.as_deref()))?;
        } else {
            let write = |file: &ImageFile, images: &Images| {
                let values = PixelValues::Levels(images.pixels(), trained.levels());
                file.write_values(trained.shape, &[wanted], values)
            };
            write(file, &drawn.images)?;
            if let Some(nearest) = nearest {
                let second = file.beside("nearest");
                write(&second, nearest)?;
                writeln!(terminal.out, "{}", second.path.display())?;
            }
        }
        writeln!(terminal.out, "{}", file.path.display())?;
    }
    terminal.remark(format!("{} of {}, {model}", count(wanted, "sample"), trained.name));
    if let Some((_, remark)) = neighbours {
        terminal.remark(remark);
    }
    Ok(Exit::Success)
}

/// Training image nearest to each sample, and a sentence on the distances, compared with those of
/// test images, which the model cannot have memorised.
fn neighbours(trained: &TrainedModel, samples: &Images) -> anyhow::Result<(Images, String)> {
    let data = trained.dataset()?;
    let train = data.scored(Part::Train);
    let near = |images: &Images| {
        let chosen = nearest(images, &train, data.levels);
        let mut apart: Vec<usize> = chosen
            .iter()
            .enumerate()
            .map(|(i, &j)| distance(images.row(i), train.row(j)))
            .collect();
        apart.sort_unstable();
        let median = apart[apart.len() / 2];
        let copies = apart.iter().filter(|&&distance| distance == 0).count();
        (chosen, median, copies)
    };
    let (chosen, median, copies) = near(samples);
    let some = samples.count().min(data.test.count());
    let (_, of_tests, test_copies) =
        near(&Images::new(&data.test.pixels()[..some * data.shape.dim()], samples.dim()));
    let unit = if data.levels > 2 { "grey levels in all" } else { "pixels" };
    let remark = format!(
        "from a sample to its nearest training image: {median} {unit} (median), {copies} of {} are copies; from a test \
         image: {of_tests} {unit}, {test_copies} of {some}",
        samples.count()
    );
    let pixels: Vec<u8> = chosen.into_iter().flat_map(|i| train.row(i)).copied().collect();
    Ok((Images::new(pixels, samples.dim()), remark))
}

/// Maximum number of tiles in a row of a class; of more, the class takes several rows.
const MOST_ACROSS: usize = 50;

/// Samples, each with its nearest training image to the right if they are known: of a model that is
/// told the class, the images of every class begin a row.
fn sheet(
    trained: &TrainedModel,
    samples: &Images,
    nearest: Option<&Images>,
    classes: Option<&[u16]>,
) -> Sheet {
    let (shape, count) = (trained.shape, samples.count());
    let tiles = if nearest.is_some() { 2 } else { 1 };
    let most = if shape.height == 1 { 1 } else { MOST_ACROSS / tiles };
    let (across, places) = match classes {
        Some(classes) => in_rows(classes, most),
        None => (Sheet::square(shape, count, tiles), (0..count).map(Some).collect()),
    };
    let mut sheet = Sheet::new(shape, tiles * across);
    for place in places {
        match place {
            Some(i) => {
                for images in [Some(samples), nearest].into_iter().flatten() {
                    sheet.hang(PixelValues::Levels(images.row(i), trained.levels()));
                }
            }
            None => sheet.leave_out(tiles),
        }
    }
    sheet
}
