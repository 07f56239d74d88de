//! A trained model on disk, with the options that all commands on trained models share: the run,
//! its masks, and sampling.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use clap::Args;

use crate::cli::find::find;
use crate::cli::{Global, at_least_one, jobs};
use crate::data::{Cache, DataConfig, Dataset, Images, Labels, Part, Shape};
use crate::made::evaluate::{nll_averaged_conditionals, nll_mixture, nll_single_mask};
use crate::made::masks::{MaskSet, Masks};
use crate::made::model::Made;
use crate::made::sample::{Drawing, Drawn, SampleError, draw, draw_mixture};
use crate::npy;
use crate::parallel::ThreadPool;
use crate::plan::RunSpec;
use crate::runner::machine;
use crate::store::RunStatus;
use crate::text::count;
use crate::train::trainer::trained_bits;
use crate::trainers::made::run::{MadeRun, classes_in_turn, load_model};
use crate::trainers::made::table::{TableUnits, UNITS};
use crate::trainers::made::unchanged::{places, unchanged_at};

/// Selection of a run, and number of threads.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Id of a run or the beginning of it, or study/variant/seed as in runs.csv
    run: String,
    /// Number of threads [default: one per processor]
    #[arg(long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
}

/// Masks of a run, and the model that several of them form.
#[derive(Debug, Args)]
pub(crate) struct MaskArgs {
    /// Average the conditionals of the first K masks at every pixel; they must share one ordering
    #[arg(long, value_name = "K", group = "which", value_parser = at_least_one)]
    masks: Option<NonZeroUsize>,
    /// Use the mixture of all masks: each image has one, picked at random
    #[arg(long, group = "which")]
    mixture: bool,
    /// Use one mask alone, counted from 1 [default: the first]
    #[arg(long, value_name = "I", group = "which", value_parser = at_least_one)]
    mask: Option<NonZeroUsize>,
}

/// Options of sampling.
#[derive(Debug, Args)]
pub(crate) struct DrawArgs {
    /// Seed of the drawing [default: the run's own]
    #[arg(long)]
    seed: Option<u64>,
    /// Divide every logit by T: below 1 samples get sharper and less diverse, above 1 more random
    #[arg(long, value_name = "T", value_parser = temperature)]
    temperature: Option<f64>,
    /// Take the more likely value of every pixel: temperature 0
    #[arg(long, conflicts_with = "temperature")]
    greedy: bool,
}

fn temperature(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|t| t.is_finite() && *t >= 0.0);
    number.ok_or_else(|| "a number from 0 is expected".into())
}

impl DrawArgs {
    /// Settings of sampling: the options given, else those of the run.
    pub(crate) fn drawing(&self, run: &MadeRun) -> Drawing<'static> {
        let own = run.config.sample.temperature;
        let temperature = if self.greedy { 0.0 } else { self.temperature.unwrap_or(own) };
        Drawing {
            temperature,
            ..Drawing::new(self.seed.map_or(run.seed, crate::rng::Seed))
        }
    }
}

/// A model formed by some of a run's masks.
#[derive(Debug, Clone)]
pub(crate) enum Model {
    /// A single mask, with its index from 0.
    Single(usize, MaskSet),
    /// The conditionals of several masks averaged at every pixel.
    Averaged(Vec<MaskSet>),
    /// One mask per image.
    Mixture(Vec<MaskSet>),
}

impl Model {
    pub(crate) fn masks(&self) -> &[MaskSet] {
        match self {
            Self::Single(_, mask) => std::slice::from_ref(mask),
            Self::Averaged(masks) | Self::Mixture(masks) => masks,
        }
    }

    /// The same model with each mask replaced.
    pub(crate) fn map(&self, change: impl Fn(&MaskSet) -> MaskSet) -> Self {
        match self {
            Self::Single(number, mask) => Self::Single(*number, change(mask)),
            Self::Averaged(masks) => Self::Averaged(masks.iter().map(change).collect()),
            Self::Mixture(masks) => Self::Mixture(masks.iter().map(change).collect()),
        }
    }

    /// Draws images from it.
    pub(crate) fn draw(
        &self,
        trained: &TrainedModel,
        count: usize,
        drawing: Drawing,
    ) -> anyhow::Result<Drawn> {
        let (made, team) = (&trained.made, &trained.team);
        Ok(match self {
            Self::Mixture(masks) => draw_mixture(made, team, masks, count, drawing),
            _ => draw(made, team, self.masks(), count, drawing),
        }?)
    }

    /// Negative log-likelihood of each image, nats.
    pub(crate) fn score(&self, trained: &TrainedModel, images: &Images) -> Vec<f64> {
        let (made, team) = (&trained.made, &trained.team);
        match self {
            Self::Single(_, mask) => nll_single_mask(made, team, mask, images),
            Self::Averaged(masks) => {
                nll_averaged_conditionals(made, team, masks, images).unwrap_or_default()
            }
            Self::Mixture(masks) => nll_mixture(
                &masks
                    .iter()
                    .map(|mask| nll_single_mask(made, team, mask, images))
                    .collect::<Vec<_>>(),
            ),
        }
    }
}

impl std::fmt::Display for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Single(number, _) => write!(f, "mask {}", number + 1),
            Self::Averaged(masks) => {
                write!(f, "mean of {} at every pixel", count(masks.len(), "mask"))
            }
            Self::Mixture(masks) => write!(f, "mixture of {}", count(masks.len(), "mask")),
        }
    }
}

/// A run with its model.
pub(crate) struct TrainedModel {
    /// `study/variant/seed`, or the id of a run that no study uses.
    pub(crate) name: String,
    pub(crate) spec: RunSpec,
    /// The run in its trainer's form.
    pub(crate) run: MadeRun,
    pub(crate) shape: Shape,
    /// Units of its data, a table of real numbers; `None` of images.
    pub(crate) units: Option<TableUnits>,
    pub(crate) masks: Masks,
    pub(crate) made: Made,
    pub(crate) team: ThreadPool,
    best_epoch: usize,
    cache: Cache,
    /// Settings of `[data]` under which its data may be found.
    places: Vec<DataConfig>,
}

impl TrainedModel {
    /// Finds the run and loads its model.
    pub(crate) fn load(args: &RunArgs, global: &Global) -> anyhow::Result<Self> {
        let store = global.store()?;
        let (run, name) = find(&args.run, &store)?;
        if !store.published()?.contains(&run) {
            let record = store.record(&run)?;
            match record.error {
                Some(error) if record.status == RunStatus::Failed => {
                    bail!("{name} ({run}) failed: {error}")
                }
                Some(damage) => bail!(
                    "{name}: {damage}; `ablade sweep` with its experiment file trains a damaged run again"
                ),
                None => bail!(
                    "{name} ({run}) is not trained yet: `ablade sweep` with its experiment file does that"
                ),
            }
        }
        let spec = store.spec(&run)?;
        let Some(model) = store.file(&run, "model.safetensors")? else {
            let why = store.record(&run)?.error.unwrap_or_default();
            bail!("{name} ({run}) has no model: {why}");
        };
        let best_epoch = store.record(&run)?.summary.map_or(1, |summary| summary.best_epoch.max(1));
        let cache = Cache::new(global.library());
        // The test images stored for figures have the shape of the images, so that the data set
        // need not be loaded.
        let kept = store.reference(&spec.data)?.and_then(|bytes| npy::decode::<u8>(&bytes).ok());
        let (mut places, made_run) = (places(&spec, &store), MadeRun::of(&spec.key()));
        // Tables of bits are one set under any names of their columns: those of the plan that is asked
        // for are meant.
        let study = name.split('/').next().unwrap_or_default();
        let plans = store.experiments()?.into_iter();
        let mut plans = plans.filter_map(|experiment| store.load_plan(&experiment).ok());
        let plan = plans.find(|plan| plan.studies.iter().any(|own| own.name == study));
        let planned = plan.and_then(|plan| plan.runs.into_iter().find(|own| own.id == run));
        if let Some(planned) = planned {
            let own = &MadeRun::of(&planned.key()).config.data;
            places.sort_by_key(|place| place != own);
        }
        let units = match made_run.config.data.values.is_real() {
            true => Some(
                store
                    .file(&run, UNITS)?
                    .and_then(|bytes| TableUnits::parse(&bytes))
                    .with_context(|| format!("{name} ({run}) has no {UNITS} that can be read"))?,
            ),
            false => None,
        };
        let shape = match (&units, kept.as_ref().map(|kept| &kept.shape[..])) {
            (Some(units), _) => Shape { width: units.dim(), height: 1 },
            (None, Some(&[count, height, width])) if count > 0 && height > 0 && width > 0 => {
                Shape { width, height }
            }
            _ => unchanged_at(&places, &spec.key(), &cache)?.shape,
        };
        let (masks, made) = load_model(&made_run, shape, &model)
            .with_context(|| format!("cannot load {name} ({run})"))?;
        let team = ThreadPool::new(args.jobs.unwrap_or_else(machine::threads).get());
        Ok(Self {
            name,
            spec,
            run: made_run,
            shape,
            units,
            masks,
            made,
            team,
            best_epoch,
            cache,
            places,
        })
    }

    /// Data set on which it was trained.
    pub(crate) fn dataset(&self) -> anyhow::Result<Arc<Dataset>> {
        Ok(unchanged_at(&self.places, &self.spec.key(), &self.cache)?)
    }

    /// True if `name` is a name of its own data set, current or past.
    pub(crate) fn is_own(&self, name: &str) -> bool {
        self.places.iter().any(|place| place.name == name)
    }

    /// One of the three sets of a data set with the levels that the model is scored on. Training
    /// images that are binarised again every epoch are those of the run's best one.
    pub(crate) fn scored(&self, data: &Dataset, part: Part) -> Images {
        match part {
            Part::Train => trained_bits(data, self.spec.seed, self.best_epoch, data.train.count()),
            _ => data.scored(part),
        }
    }

    /// Number of levels of a pixel.
    pub(crate) fn levels(&self) -> usize {
        self.run.config.data.levels.get()
    }

    /// Path of the data set on which it was trained, if it is named by one.
    pub(crate) fn data_path(&self) -> &Path {
        Path::new(&self.run.config.data.name)
    }

    /// Class of each of `count` images to be drawn, for a model that is told the class: the one asked
    /// for, by name or number, or every class in turn.
    pub(crate) fn classes_to_draw(
        &self,
        asked: Option<&str>,
        count: usize,
    ) -> anyhow::Result<Option<Vec<u16>>> {
        let Some(asked) = asked else { return Ok(classes_in_turn(&self.made, count)) };
        let n_classes = self.made.network().layout.classes;
        ensure!(
            n_classes > 0,
            "{} is not told the class of an image: --class needs a model trained with model.classes = true",
            self.name
        );
        let data = self.dataset()?;
        let names = data.train.labels().map_or(&[][..], |labels| &labels.names);
        let by_name = names.iter().position(|name| name == asked);
        let class = by_name.or_else(|| asked.parse().ok().filter(|&class| class < n_classes));
        let class = class.with_context(|| {
            format!("no class `{asked}` in {}: it has {}", data.name, names.join(", "))
        })?;
        Ok(Some(vec![class as u16; count]))
    }

    /// Images with their classes as a model that is told the class knows them, matched by name, or as
    /// numbers from 0 where its own have names, which label files do not hold; of other models the images
    /// as they are. Error: there are no labels, or a class is unknown.
    pub(crate) fn with_known_classes(&self, images: Images, name: &str) -> anyhow::Result<Images> {
        if self.made.network().layout.classes == 0 {
            return Ok(images);
        }
        let noun = self.noun();
        let labels = images.labels().with_context(|| {
            format!(
                "{} is told the class of {}, and {name} has no labels: whole numbers, one for each {noun}, in a file next to it, \
                 NAME-labels.csv or .npy, or in an array `labels` of its .npz",
                self.name,
                if noun == "row" { "a row" } else { "an image" }
            )
        })?;
        let own = self.dataset()?;
        let known = own.train.labels().context("the training data have no labels any more")?;
        let are_names = known.names.iter().all(|name| name.parse::<u16>().is_err());
        let place = |class: &u16| {
            let class = &labels.names[usize::from(*class)];
            let by_name = known.names.iter().position(|known| known == class);
            let is_known = |&number: &usize| are_names && number < known.names.len();
            let found = by_name.or_else(|| class.parse().ok().filter(is_known));
            found.map(|found| found as u16).with_context(|| {
                format!(
                    "{name} has {noun}s of the class {class}, which {} does not know: it was trained on {}",
                    self.name,
                    known.names.join(", ")
                )
            })
        };
        let of: Vec<u16> = labels.of.iter().map(place).collect::<anyhow::Result<_>>()?;
        let labels = Labels { of: of.into(), names: Arc::clone(&known.names) };
        Ok(images.clone().with_labels(labels))
    }

    /// Word for an example.
    pub(crate) fn noun(&self) -> &'static str {
        if self.units.is_some() { "row" } else { "image" }
    }

    /// Cache of data sets.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// All evaluated masks.
    pub(crate) fn all_masks(&self) -> anyhow::Result<Vec<MaskSet>> {
        self.several_masks(self.masks.evaluated_count())
    }

    /// The first `k` masks; error: this machine has too little memory.
    fn several_masks(&self, k: usize) -> anyhow::Result<Vec<MaskSet>> {
        let each = 4 * (2 * self.shape.dim() + self.run.config.model.hidden.iter().sum::<usize>());
        ensure!(
            each.saturating_mul(k) as u64 <= machine::memory() / 4,
            "{} of {} would take more than a quarter of this machine's memory",
            count(k, "mask"),
            self.name
        );
        Ok((0..k).map(|i| self.masks.evaluated(i)).collect())
    }

    /// The model of the first `k` masks, averaged if there are several.
    pub(crate) fn first_masks(&self, k: usize) -> anyhow::Result<Model> {
        if k == 1 {
            return Ok(Model::Single(0, self.masks.evaluated(0)));
        }
        self.has(k)?;
        ensure!(
            self.masks.share_ordering(),
            "{}: {} was trained over orderings. --mixture uses all its masks; trained with model.resample = \
             \"connectivity\", masks share one ordering",
            SampleError::Orderings,
            self.name
        );
        Ok(Model::Averaged(self.several_masks(k)?))
    }

    /// The model selected by options, if any.
    pub(crate) fn asked_model(&self, args: &MaskArgs) -> anyhow::Result<Option<Model>> {
        Ok(match (args.masks, args.mask) {
            _ if args.mixture => Some(Model::Mixture(self.all_masks()?)),
            (Some(k), _) => Some(self.first_masks(k.get())?),
            (None, Some(mask)) => {
                self.has(mask.get())?;
                Some(Model::Single(mask.get() - 1, self.masks.evaluated(mask.get() - 1)))
            }
            (None, None) => None,
        })
    }

    fn has(&self, masks: usize) -> anyhow::Result<()> {
        let there = self.masks.evaluated_count();
        ensure!(
            masks <= there,
            "{} has {}, and {masks} was requested",
            self.name,
            count(there, "mask")
        );
        Ok(())
    }
}
