//! `ablade inpaint RUN`: images completed from some of their pixels, or reconstructed pixel by
//! pixel.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;

use crate::cli::commands::evaluate::{Chosen, images};
use crate::cli::part::PartName;
use crate::cli::show::fitted::FittedTable;
use crate::cli::show::images::{ImageFile, PixelValues, Sheet, check_rows, default_file};
use crate::cli::show::out::check_named;
use crate::cli::trained::{DrawArgs, MaskArgs, Model, RunArgs, TrainedModel};
use crate::cli::{Exit, Global, Terminal};
use crate::data::{self, DataConfig, DataError, Images, LevelCount, Part, Row};
use crate::made::evaluate::conditional_means;
use crate::made::ordering::Ordering;
use crate::made::sample::{Drawing, Evidence, known_nll};
use crate::text::{count, fixed, some_of};
use crate::trainers::made::table::TableUnits;

/// Text below the options in `--help`.
pub(crate) const EXAMPLES: &str = "\
The given pixels stay; the others are drawn from their exact distribution given these pixels. That needs an ordering in which the
given pixels come first: a model with one ordering conditions on beginnings of it and refuses anything else; a model that
was trained over orderings (model.ordering = \"random\" with model.masks above 1 or \"fresh\") conditions on any pixels, in
orderings that put them first. That is another member of the family that was trained, not the model that test_nll scores.

The picture has one row per image: the image, its given pixels (blue = not given), and each draw. Arrays hold the draws, image
after image. Of a table, files hold its rows in its own units, draw after draw, and a CSV begins with the number of the row and
of the draw. The table tells how likely the model finds the true rest of each image, given the same pixels.

Examples:
  ablade inpaint masks/baseline/1                                 the first half of the model's ordering given
  ablade inpaint ordering/baseline/1 --rows 10 --draws 8          the top ten rows given
  ablade inpaint masks/masks-fresh/1 --hide 8,8,12,12             all given but a square: row, column, height, width
  ablade inpaint masks/masks-fresh/1 --given mask.png --from mine.png --out done.png
  ablade inpaint masks/baseline/1 --image 3,10-14 --greedy
  ablade inpaint masks/baseline/1 --reconstruct                   each pixel's probability given the true ones before it";

#[derive(Debug, Args)]
pub(crate) struct InpaintArgs {
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    given: GivenArgs,
    /// Instead of drawing, compute p(pixel = 1 | the true pixels before it) for every pixel; of grey
    /// pixels, the expected level as a share of the last
    #[arg(long, conflicts_with_all = ["evidence", "draws", "seed", "temperature", "greedy", "which"])]
    reconstruct: bool,
    /// Images: numbers from 0 and ranges of them [default: 0-9]
    #[arg(long, value_name = "I,J-K", value_parser = numbers)]
    image: Option<Numbers>,
    /// Take the images from this data set: a name, a folder or a file [default: the run's own]
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// One of its three sets [default: test]
    #[arg(long)]
    part: Option<PartName>,
    /// Completions of each image
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    draws: u32,
    #[command(flatten)]
    draw: DrawArgs,
    #[command(flatten)]
    masks: MaskArgs,
    /// Output files, repeatable: .png, .npy, .idx or .csv; of rows of a table .npy or .csv [default:
    /// inpaint-RUN.png, or inpaint-RUN.csv, among the plots]
    #[arg(long, value_name = "FILE", value_parser = ImageFile::parse)]
    out: Vec<ImageFile>,
}

/// Given pixels.
#[derive(Debug, Args)]
#[group(id = "evidence", multiple = false)]
struct GivenArgs {
    /// Given: this share of the model's ordering, from its beginning [default: 0.5]
    #[arg(long, value_name = "F", value_parser = fraction)]
    fraction: Option<f64>,
    /// Given: the first N pixels of the model's ordering
    #[arg(long, value_name = "N")]
    prefix: Option<usize>,
    /// Given: the first N rows
    #[arg(long, value_name = "N")]
    rows: Option<usize>,
    /// Given: the first N columns
    #[arg(long, value_name = "N")]
    columns: Option<usize>,
    /// Given: all but a rectangle
    #[arg(long, value_name = "ROW,COLUMN,HEIGHT,WIDTH", value_parser = rectangle)]
    hide: Option<[usize; 4]>,
    /// Given: the pixels in the brighter half of the levels in this image (PNG, npy, idx or csv); of a
    /// table, the columns with these names or numbers from 0, with commas between
    #[arg(long, value_name = "FILE|COLUMNS")]
    given: Option<PathBuf>,
}

/// Image numbers.
#[derive(Debug, Clone)]
struct Numbers(Vec<usize>);

fn fraction(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|f| (0.0..=1.0).contains(f));
    number.ok_or_else(|| "a number from 0 to 1 is expected".into())
}

fn rectangle(text: &str) -> Result<[usize; 4], String> {
    let sides: Option<Vec<usize>> = text.split(',').map(|side| side.trim().parse().ok()).collect();
    sides
        .and_then(|sides| sides.try_into().ok())
        .ok_or_else(|| "row,column,height,width are expected".into())
}

fn numbers(text: &str) -> Result<Numbers, String> {
    let range = |word: &str| {
        let (from, to) = word.split_once('-').unwrap_or((word, word));
        let (from, to) = (from.trim().parse::<usize>().ok()?, to.trim().parse::<usize>().ok()?);
        (from <= to && to - from < 1_000_000).then_some(from..=to)
    };
    let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
    let ranges = ranges.ok_or(
        "numbers such as 3 and rising ranges such as 10-14 are expected, with commas between",
    )?;
    Ok(Numbers(ranges.into_iter().flatten().collect()))
}

pub(crate) fn inpaint(
    args: &InpaintArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let trained = TrainedModel::load(&args.run, global)?;
    let read = [
        args.from.as_deref().map(Path::new),
        args.given.given.as_deref(),
        Some(trained.data_path()),
    ];
    check_named(args.out.iter().map(|file| file.path.as_path()), &read)?;
    let is_of_rows = trained.units.is_some();
    if is_of_rows {
        check_rows(&args.out, &trained.name)?;
    }
    let Chosen { name, images: all, warnings, .. } =
        images(args.from.as_deref(), args.part, &trained)?;
    for warning in &warnings {
        terminal.warn(warning);
    }
    let (numbers, originals) = chosen(args.image.as_ref(), &name, &all, trained.noun())?;
    let originals = trained.with_known_classes(originals, &name)?;
    let out = match &args.out[..] {
        [] => vec![default_file(&global.plots, "inpaint", trained.spec.id.as_str(), is_of_rows)],
        files => files.to_vec(),
    };
    if args.reconstruct {
        return reconstruct(&trained, (&numbers, &originals), &out, terminal);
    }
    let model = trained.asked_model(&args.masks)?.map_or_else(|| trained.first_masks(1), Ok)?;
    let given = args.given.pixels(&trained, model.masks()[0].ordering())?;
    let (model, reordered) = able(model, &given, &trained)?;
    let draws = args.draws as usize;
    // All draws of one image are contiguous.
    let of_draws = (0..originals.count() * draws).map(|draw| draw / draws);
    let repeated = originals.selected(of_draws);
    let evidence = Evidence { images: &repeated, given: &given };
    let drawing = Drawing {
        evidence: Some(evidence),
        classes: repeated.labels().map(|labels| &*labels.of),
        ..args.draw.drawing(&trained.run)
    };
    let drawn = model.draw(&trained, originals.count() * draws, drawing)?.images;
    let levels = trained.levels();
    for file in &out {
        if let (Some(units), Some(values)) = (&trained.units, drawn.real_values()) {
            let lead = |i: usize| vec![numbers[i / draws], i % draws];
            let counts = [originals.count(), draws];
            file.write_rows(units, &counts, values, (&["row", "draw"], &lead))?;
        } else if file.is_picture() {
            let mut sheet = Sheet::new(trained.shape, draws + 2);
            for i in 0..originals.count() {
                let original = PixelValues::Levels(originals.row(i), levels);
                sheet.hang(original);
                sheet.hang_given(original, &given);
                for k in 0..draws {
                    sheet.hang(PixelValues::Levels(drawn.row(i * draws + k), levels));
                }
            }
            file.write_sheet(&sheet)?;
        } else {
            file.write_values(
                trained.shape,
                &[originals.count(), draws],
                PixelValues::Levels(drawn.pixels(), levels),
            )?;
        }
        terminal.remark(file.path.display());
    }
    let kind = if reordered {
        " re-ordered to put the given pixels first (not the model that test_nll scores)"
    } else {
        ""
    };
    let there = given.iter().filter(|given| **given).count();
    writeln!(
        terminal.out,
        "{} of {name} by {}, {model}{kind}; {there} of {} {} given",
        count(originals.count(), trained.noun()),
        trained.name,
        given.len(),
        if trained.units.is_some() { "columns" } else { "pixels" }
    )?;
    let rest = rest_nll(&model, &trained, &originals, &given);
    let nll = if reordered {
        "nll of the true rest, re-ordered model, nats"
    } else {
        "nll of the true rest, nats"
    };
    // Each draw counts its pixels that differ, or the mean difference of one drawn pixel.
    let a_drawn_one = (given.len() - there).max(1);
    let (off, of) = match (&trained.units, levels) {
        (Some(_), _) => {
            let head = "absolute difference of a drawn value from it, mean, standard deviations";
            (head, a_drawn_one)
        }
        (None, 2) => ("drawn pixels that differ from it, mean", 1),
        (None, _) => ("absolute difference of a drawn pixel from it, mean, levels", a_drawn_one),
    };
    let distance = |i: usize, draw: usize| match (originals.values(i), drawn.values(draw)) {
        (Row::Real(own), Row::Real(drawn)) => {
            own.iter().zip(drawn).map(|(own, drawn)| f64::from((own - drawn).abs())).sum()
        }
        _ => data::nearest::distance(originals.row(i), drawn.row(draw)) as f64,
    };
    let mut rows = FittedTable::new(&[trained.noun(), nll, off], &[]);
    for (i, (number, rest)) in numbers.iter().zip(&rest).enumerate() {
        let off: f64 = (0..draws).map(|k| distance(i, i * draws + k)).sum();
        let off = off / (draws * of) as f64;
        let decimals = if levels > 2 || trained.units.is_some() { 2 } else { 1 };
        rows.add([number.to_string(), fixed(*rest, 2), fixed(off, decimals)]);
    }
    rows.print(terminal)?;
    Ok(Exit::Success)
}

/// Reconstructs whole images in one pass.
fn reconstruct(
    trained: &TrainedModel,
    (numbers, originals): (&[usize], &Images),
    out: &[ImageFile],
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let first = trained.masks.evaluated(0);
    let means = conditional_means(&trained.made, &trained.team, &first, originals);
    let dim = originals.dim();
    for file in out {
        if let Some(units) = &trained.units {
            let lead = |i: usize| vec![numbers[i]];
            file.write_rows(units, &[originals.count()], &means, (&["row"], &lead))?;
        } else if file.is_picture() {
            let groups = Sheet::square(trained.shape, originals.count(), 2);
            let mut sheet = Sheet::new(trained.shape, 2 * groups);
            for i in 0..originals.count() {
                sheet.hang(PixelValues::Levels(originals.row(i), trained.levels()));
                sheet.hang(PixelValues::Shares(&means[i * dim..][..dim]));
            }
            file.write_sheet(&sheet)?;
        } else {
            file.write_values(trained.shape, &[originals.count()], PixelValues::Shares(&means))?;
        }
        writeln!(terminal.out, "{}", file.path.display())?;
    }
    Ok(Exit::Success)
}

/// The selected images, by number.
fn chosen(
    asked: Option<&Numbers>,
    name: &str,
    all: &Images,
    noun: &str,
) -> anyhow::Result<(Vec<usize>, Images)> {
    let numbers =
        asked.map_or_else(|| (0..all.count().min(10)).collect(), |numbers| numbers.0.clone());
    if let Some(beyond) = numbers.iter().find(|&&number| number >= all.count()) {
        bail!("no {noun} {beyond} in {name}: it has 0 to {}", all.count() - 1);
    }
    let images = all.selected(numbers.iter().copied());
    Ok((numbers, images))
}

impl GivenArgs {
    /// Flag of each pixel [D]: true if it is given.
    fn pixels(&self, trained: &TrainedModel, ordering: &Ordering) -> anyhow::Result<Vec<bool>> {
        let (shape, dim) = (trained.shape, trained.shape.dim());
        let within = |what: &str, asked: usize, most: usize| {
            ensure!(
                asked <= most,
                "{asked} {what} cannot be given: {} of {} has {most}",
                if trained.units.is_some() { "a row" } else { "an image" },
                trained.name
            );
            Ok(())
        };
        let by_place = |inside: &dyn Fn(usize, usize) -> bool| {
            (0..dim).map(|i| inside(i / shape.width, i % shape.width)).collect::<Vec<_>>()
        };
        if let Some(rows) = self.rows {
            within("rows", rows, shape.height)?;
            return Ok(by_place(&|row, _| row < rows));
        }
        if let Some(columns) = self.columns {
            within("columns", columns, shape.width)?;
            return Ok(by_place(&|_, column| column < columns));
        }
        if let Some([top, left, height, width]) = self.hide {
            within("rows", top + height, shape.height)?;
            within("columns", left + width, shape.width)?;
            return Ok(by_place(&|row, column| {
                !(top..top + height).contains(&row) || !(left..left + width).contains(&column)
            }));
        }
        if let Some(path) = &self.given {
            return match &trained.units {
                Some(units) => given_columns(path, units, &trained.name),
                None => given_in(path, trained),
            };
        }
        let first = self
            .prefix
            .unwrap_or_else(|| (self.fraction.unwrap_or(0.5) * dim as f64).round() as usize);
        within(if trained.units.is_some() { "columns" } else { "pixels" }, first, dim)?;
        let mut given = vec![false; dim];
        ordering.pixels()[..first]
            .iter()
            .for_each(|&pixel| given[pixel as usize] = true);
        Ok(given)
    }
}

/// Columns of a table that are named, or numbered from 0, in a list with commas between.
fn given_columns(list: &Path, units: &TableUnits, name: &str) -> anyhow::Result<Vec<bool>> {
    let columns = units.columns();
    let mut given = vec![false; units.dim()];
    for word in list.to_string_lossy().split(',').map(str::trim) {
        let by_name = columns.iter().position(|column| column == word);
        let place = by_name.or_else(|| word.parse().ok().filter(|&place| place < units.dim()));
        let place = place.with_context(|| {
            format!(
                "--given: {name} has no column `{word}`: names, or numbers from 0, with commas between are expected; it has {}",
                some_of(columns.iter().map(String::as_str))
            )
        })?;
        given[place] = true;
    }
    Ok(given)
}

/// Pixels that are on in a file of one image: those in the upper half of its levels, be these 0 and 1,
/// greys, or the levels of the run.
fn given_in(path: &Path, trained: &TrainedModel) -> anyhow::Result<Vec<bool>> {
    let own = &trained.run.config.data;
    let of_levels = |levels| {
        let config = DataConfig { levels, ..own.clone() };
        data::images_in(path, Part::Test, &config)
    };
    let (image, levels) = match of_levels(own.levels) {
        Ok(found) => (found.images, own.levels),
        // Black and white, which is no image of the run's levels.
        Err(DataError::Setting { .. }) => {
            let levels = LevelCount::default();
            (of_levels(levels)?.images, levels)
        }
        Err(error) => return Err(error.into()),
    };
    let (found, dim) = (image.pixels().len(), trained.shape.dim());
    ensure!(
        found == dim,
        "{} has {found} pixels, an image of {} has {dim}",
        path.display(),
        trained.name
    );
    Ok(image
        .pixels()
        .iter()
        .map(|&pixel| 2 * usize::from(pixel) >= levels.get())
        .collect())
}

/// The model in a form that can condition on the given pixels, and true if it differs from the
/// scored one because its orderings are changed. Error: the reason why there is none.
fn able(model: Model, given: &[bool], trained: &TrainedModel) -> anyhow::Result<(Model, bool)> {
    let first = |ordering: &Ordering| {
        let there = given.iter().filter(|given| **given).count();
        ordering.pixels()[..there].iter().all(|&pixel| given[pixel as usize])
    };
    let Some(ordering) = model
        .masks()
        .iter()
        .map(ablade_numerics::made::masks::MaskSet::ordering)
        .find(|ordering| !first(ordering))
    else {
        return Ok((model, false));
    };
    if trained.masks.share_ordering() {
        let missing = ordering
            .pixels()
            .iter()
            .find(|&&pixel| !given[pixel as usize])
            .copied()
            .unwrap_or_default();
        let missing = missing as usize;
        let place = match &trained.units {
            Some(units) => format!("column {}", units.columns()[missing]),
            None => {
                let width = trained.shape.width;
                format!("row {}, column {}", missing / width, missing % width)
            }
        };
        bail!(
            "{} cannot condition on these {} exactly: its one ordering ({}) draws {place}, which is not \
             given, before some that are. --fraction and --prefix give pixels from the beginning of the ordering; a \
             model trained over orderings (model.ordering = \"random\", model.masks = \"fresh\") conditions on any",
            trained.name,
            if trained.units.is_some() { "columns" } else { "pixels" },
            serde_json::to_value(trained.run.config.model.ordering)?
                .as_str()
                .unwrap_or_default(),
        );
    }
    Ok((model.map(|mask| mask.with_first(given)), true))
}

/// -log p(rest | given) of the true images, nats.
fn rest_nll(model: &Model, trained: &TrainedModel, originals: &Images, given: &[bool]) -> Vec<f64> {
    let (made, team) = (&trained.made, &trained.team);
    let evidence = Evidence { images: originals, given };
    let whole = model.score(trained, originals);
    let known = |model: &Model| match model {
        Model::Mixture(masks) => {
            let of = |mask| known_nll(made, team, std::slice::from_ref(mask), evidence);
            crate::made::evaluate::nll_mixture(&masks.iter().map(of).collect::<Vec<_>>())
        }
        _ => known_nll(made, team, model.masks(), evidence),
    };
    whole.iter().zip(known(model)).map(|(whole, known)| whole - known).collect()
}
