//! `ablade plan FILE`: the runs of a sweep, their cost, and the effects that its seeds can detect.
//! Executes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use clap::Args;

use crate::cli::experiment_args::ExperimentArgs;
use crate::cli::show::fitted::FittedTable;
use crate::cli::show::terminal::{fit, stdout_width};
use crate::cli::show::warn_of_past;
use crate::cli::{Exit, Global, Terminal, jobs};
use crate::experiment::ExpandedStudy;
use crate::plan::{
    Correction, PairedTest, PlannedStudy, PlannedVariant, RunId, RunSpec, Shard, missing_clauses,
};
use crate::results::outlook::{Powers, Spread, significant};
use crate::runner::CostEstimate;
use crate::session::{LoadedExperiment, quoted};
use crate::stats::{
    EQUIVALENCE_PAIRS, EQUIVALENCE_SEEDS, equivalence_margin, equivalence_power, equivalence_seeds,
};
use crate::text::{bytes, count, duration, factor, fixed, p_value, short, thousands};
use crate::trainer::Otherwise;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade plan first.toml
  ablade plan first.toml --seeds 8   the differences that eight seeds can detect
  ablade plan first.toml --set train.epochs=3 --only skip-on";

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,
    /// Number of threads, and so of runs at a time [default: one per processor]
    #[arg(long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
}

pub(crate) fn plan(
    args: &PlanArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let loaded = args.experiment.load(global)?;
    let workers = loaded.workers(args.jobs).get();
    let finished = loaded.store.finished(&loaded.plan)?;
    let outstanding = loaded.outstanding(&finished, Shard::ALL);
    let estimate = loaded.estimate(&outstanding, workers)?;
    let mut page = Page {
        loaded: &loaded,
        finished: &finished,
        estimate: &estimate,
        lines: Vec::new(),
    };
    page.title();
    for (study, expanded) in loaded.plan.studies.iter().zip(&loaded.experiment.studies) {
        page.study(study, expanded);
    }
    page.remarks();
    page.data();
    page.totals(&outstanding)?;
    if let Some(text) = loaded.replaced_tables()? {
        page.say(format!("tables    {}", text.replace('\n', "\n          ")));
        page.say("          `sweep` will need --name OTHER, or --replace");
    }
    page.cost(&outstanding, workers);
    let comparability = page.comparability()?;
    page.evidence(workers, &comparability.compared);
    page.lines.extend(comparability.lines);
    for line in page.lines {
        writeln!(terminal.out, "{}", fit(&line, stdout_width()))?;
    }
    warn_of_past(&loaded.plan, &loaded.past()?, terminal);
    Ok(Exit::Success)
}

/// The page, line by line.
struct Page<'a> {
    loaded: &'a LoadedExperiment,
    finished: &'a BTreeSet<RunId>,
    estimate: &'a CostEstimate,
    lines: Vec<String>,
}

impl Page<'_> {
    fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn remarks(&mut self) {
        for (i, remark) in self.loaded.experiment.remarks.iter().enumerate() {
            self.say(format!("{}{remark}", if i == 0 { "\nnotes     " } else { "          " }));
        }
    }

    /// Prints the data sets, and warnings about them.
    fn data(&mut self) {
        let said = &self.loaded.description;
        for (i, line) in said.lines.iter().enumerate() {
            // A program's lines say themselves what they are about.
            let head = match (i, self.loaded.plan.program.is_some()) {
                (0, true) => "\n",
                (_, true) => "",
                (0, false) => "\ndata      ",
                (_, false) => "          ",
            };
            self.say(format!("{head}{line}"));
        }
        for warning in &said.warnings {
            self.say(format!("          warning: {warning}"));
        }
        for clause in missing_clauses(&self.loaded.plan.missing) {
            self.say(format!("left out  {clause}"));
        }
    }

    fn title(&mut self) {
        let plan = &self.loaded.plan;
        let variants: BTreeSet<&[RunId]> = plan
            .studies
            .iter()
            .flat_map(|s| &s.variants)
            .map(|v| v.runs.as_slice())
            .collect();
        let seeds = count(plan.seeds.len(), "paired seed");
        let size = [
            count(plan.studies.len(), "study"),
            count(variants.len(), "variant"),
            seeds,
            count(plan.runs.len(), "run"),
        ];
        self.say(format!("{}: {}", plan.name, size.join(", ")));
        if !plan.question.is_empty() {
            self.say(format!("  {}", plan.question));
        }
    }

    fn study(&mut self, study: &PlannedStudy, expanded: &ExpandedStudy) {
        self.say("");
        self.say(format!("{}  {}  {}", study.name, study.design, expanded.count_line()));
        for text in [&study.question, &study.notes].into_iter().filter(|text| !text.is_empty()) {
            self.say(format!("  {text}"));
        }
        for axis in &study.axes {
            self.say(format!("  {} = {}", axis.path, listed(&axis.levels)));
        }
        let size = self.loaded.store.trainer().metrics().size.clone();
        let mut heads = vec!["variant", "runs", "cached"];
        heads.extend(size.as_deref());
        heads.push("time per run");
        let mut rows =
            FittedTable::new(&heads, &[0]).dispensable(&[size.as_deref().unwrap_or(""), "cached"]);
        let references = self.references(study);
        for (i, variant) in study.variants.iter().enumerate() {
            let cached = variant.all_runs().filter(|run| self.finished.contains(*run)).count();
            let cost = variant.runs.first().and_then(|run| self.estimate.costs.get(run));
            let baseline = references[i] == Some(i) && variant.label != "baseline";
            let mut cells = vec![
                format!("{}{}", variant.label, if baseline { " (baseline)" } else { "" }),
                variant.all_runs().count().to_string(),
                cached.to_string(),
            ];
            let parameters = cost.and_then(|cost| cost.size).map_or_else(String::new, thousands);
            cells.extend(size.is_some().then_some(parameters));
            let seconds = cost
                .filter(|_| self.estimate.is_known)
                .map(|cost| self.estimate.speed.seconds(cost.nominal_seconds));
            cells.push(seconds.map_or_else(String::new, duration));
            rows.add(cells);
        }
        self.say(rows.text());
        self.commands(study);
    }

    /// Command lines of the baseline, and the words of them that each variant changes.
    fn commands(&mut self, study: &PlannedStudy) {
        let (trainer, specs) = (self.loaded.store.trainer(), self.loaded.plan.by_id());
        let lines = |variant: &PlannedVariant| {
            let spec = variant.runs.first().and_then(|run| specs.get(run));
            spec.map_or_else(Vec::new, |spec| trainer.command_lines(&spec.config))
        };
        let base = study.baseline.unwrap_or(0);
        let Some(reference) = study.variants.get(base).map(lines).filter(|l| !l.is_empty()) else {
            return;
        };
        let mut said: Vec<String> = (reference.iter().enumerate())
            .map(|(i, words)| {
                let head = if i == 0 { "command" } else { "then" };
                format!(
                    "{head:<9} {}",
                    words.iter().map(|w| quoted(&brief(w))).collect::<Vec<_>>().join(" ")
                )
            })
            .collect();
        for (_, variant) in study.variants.iter().enumerate().filter(|(i, _)| *i != base) {
            let own = lines(variant);
            let changes = reference.iter().zip(&own).filter_map(|(a, b)| changed_words(a, b));
            let changes = changes.collect::<Vec<_>>().join("; ");
            let changes = if changes.is_empty() { "the same words".to_owned() } else { changes };
            said.push(format!("          {}: {changes}", variant.label));
        }
        for line in said {
            self.say(line);
        }
    }

    fn totals(&mut self, outstanding: &[&RunSpec]) -> anyhow::Result<()> {
        let failures = self.loaded.store.failures()?;
        let failed = outstanding.iter().filter(|run| failures.contains_key(&run.id)).count();
        let cached = self.finished.len();
        let left_out = match self.loaded.plan.runs.len() - cached - outstanding.len() {
            0 => String::new(),
            runs => format!(", left out by --only {runs}"),
        };
        self.say("");
        self.say(format!(
            "runs      cached {cached}, to run {}, failed before {failed}{left_out}",
            outstanding.len()
        ));
        Ok(())
    }

    fn cost(&mut self, outstanding: &[&RunSpec], workers: usize) {
        let estimate = self.estimate;
        if outstanding.is_empty() {
            return self.say("cost      none: every requested run is finished");
        }
        self.say(format!(
            "cost      {} on {}{}{}",
            if estimate.is_known { estimate.words() } else { "not known yet,".to_owned() },
            count(workers, "thread"),
            if estimate.is_known {
                format!(" (longest run {}, started first)", duration(estimate.longest))
            } else {
                String::new()
            },
            // Of a program no more is known than its file says.
            [(estimate.memory, "of memory"), (estimate.disk, "on disk")]
                .into_iter()
                .filter(|(size, _)| *size > 0)
                .map(|(size, what)| format!("; {} {what}", bytes(size)))
                .collect::<String>(),
        ));
        self.say(match (estimate.speed.runs, estimate.speed.error) {
            (0, _) if !estimate.is_known => {
                "          no run of this program has been timed here yet: times come from past runs alone"
                    .to_owned()
            }
            (0, _) => "          from a nominal speed: no run has been timed here yet".to_owned(),
            (n, None) => format!("          from {}", count(n, "past run")),
            (n, Some(error)) => {
                format!(
                    "          from {}; each predicted from the others is off by a factor of {} (median)",
                    count(n, "past run"),
                    factor(error),
                )
            }
        });
        if let Some(excess) = self.loaded.too_large(estimate, outstanding, self.loaded.memory()) {
            self.say(format!("          cannot fit: {excess}; `sweep` will need --yes"));
        } else if estimate.memory > self.loaded.memory() {
            let fits = bytes(self.loaded.memory());
            self.say(format!(
                "          more than the {fits} available: fewer runs execute at a time"
            ));
        }
        for excess in self.loaded.over_budget(estimate, outstanding.len()) {
            self.say(format!("          exceeds [budget]: {excess}; `sweep` will need --yes"));
        }
    }

    /// Variants whose values are not comparable with the baseline's, or only with a remark.
    fn comparability(&self) -> anyhow::Result<Comparability> {
        let plan = &self.loaded.plan;
        let others = |study: &PlannedStudy| {
            let references = self.references(study);
            (0..study.variants.len())
                .filter(|&i| references[i].is_some_and(|baseline| i != baseline))
                .collect()
        };
        let mut compared: Vec<BTreeSet<usize>> = plan.studies.iter().map(others).collect();
        let mut lines = Vec::new();
        let (trainer, specs) = (self.loaded.store.trainer(), plan.by_id());
        let mut last: Option<&RunSpec> = None;
        let several = plan.runs.iter().any(|run| {
            let before = last.replace(run);
            before.is_some_and(|before| !trainer.same_data(&before.config, &run.config))
        });
        if !several {
            return Ok(Comparability { compared, lines });
        }
        trainer.prepare(&plan.runs.iter().map(RunSpec::key).collect::<Vec<_>>())?;
        let scored = |variant: &PlannedVariant| Some(specs[variant.runs.first()?].scored(None));
        for (study, compared) in plan.studies.iter().zip(&mut compared) {
            let references = self.references(study);
            let mut notes: Vec<(String, Vec<&str>)> = Vec::new();
            for (i, variant) in study.variants.iter().enumerate() {
                let baseline = references[i].and_then(|index| scored(&study.variants[index]));
                let otherwise = scored(variant)
                    .zip(baseline)
                    .and_then(|(own, baseline)| trainer.otherwise(&own, &baseline, "the baseline"));
                if matches!(otherwise, Some(Otherwise::Incomparable(_))) {
                    compared.remove(&i);
                }
                let Some(Otherwise::Incomparable(note) | Otherwise::Noted(note)) = otherwise else {
                    continue;
                };
                match notes.iter_mut().find(|(known, _)| *known == note) {
                    Some((_, labels)) => labels.push(&variant.label),
                    None => notes.push((note, vec![&variant.label])),
                }
            }
            for (note, labels) in notes {
                lines.push(format!("data      {}: {}: {note}", study.name, labels.join("; ")));
            }
        }
        Ok(Comparability { compared, lines })
    }

    /// Prints the effect that the test detects in 4 studies of 5 (power 0.8); also in nats if
    /// finished runs show how much differences vary.
    fn power(&mut self, powers: &Powers, pilot: Option<Spread>) {
        let metrics = self.loaded.store.trainer().metrics();
        let unit = &metrics.get(&self.loaded.plan.compare.metric).unwrap_or(&metrics.all[0]).unit;
        let effect = |dz: f64| {
            let nats = pilot
                .as_ref()
                .map(|pilot| format!(" = {}", unit.of(&significant(dz * pilot.sd))));
            format!("{} sd{}", fixed(dz, 2), nats.unwrap_or_default())
        };
        if let Some(one) = powers.one {
            self.say(format!(
                "          an effect of {} of the paired difference is detected with power 0.8 (a single comparison)",
                effect(one)
            ));
        }
        if let Some(corrected) = powers.corrected {
            self.say(format!(
                "          after the correction: {}, if no other comparison has an effect{}",
                effect(corrected),
                if powers.joint { " and all are normal with correlation 1/2" } else { "" }
            ));
        }
        if let Some(pilot) = pilot.filter(|_| powers.one.is_some()) {
            self.say(format!(
                "          sd {}: from {} of finished runs",
                unit.of(&significant(pilot.sd)),
                count(pilot.pairs, "paired difference")
            ));
        }
    }

    /// Prints the chance that equivalence is found where there is no difference at all, and the
    /// number of seeds it takes; without finished runs, the spread that the differences may have.
    fn equivalence(&mut self, comparisons: usize, pilot: Option<&Spread>) {
        let plan = &self.loaded.plan;
        let (compare, seeds) = (&plan.compare, plan.seeds.len());
        let Some(margin) = compare.negligible else { return };
        let metrics = self.loaded.store.trainer().metrics();
        let unit = &metrics.get(&compare.metric).unwrap_or(&metrics.all[0]).unit;
        let within = format!("equivalence within {}", unit.of(&short(margin)));
        if seeds < EQUIVALENCE_PAIRS {
            return self.say(format!(
                "          {within} cannot be shown: that takes {EQUIVALENCE_PAIRS} seeds"
            ));
        }
        let corrected = compare.correction != Correction::None && comparisons > 1;
        let levels = [(1, "a single comparison"), (comparisons, "after Holm's correction")];
        for (among, which) in levels.into_iter().take(1 + usize::from(corrected)) {
            let alpha = compare.alpha() / among as f64;
            let line = match pilot {
                Some(pilot) => {
                    let power = equivalence_power(seeds, margin / pilot.sd, alpha);
                    let needed = equivalence_seeds(margin / pilot.sd, alpha).map_or_else(
                        || format!("more than {} seeds", thousands(EQUIVALENCE_SEEDS as u64)),
                        |seeds| count(seeds, "seed"),
                    );
                    format!(
                        "{within} is found in {} % of studies without a difference; 80 % take {needed} ({which})",
                        fixed(100.0 * power, 0)
                    )
                }
                None => {
                    let least = equivalence_margin(seeds, alpha).unwrap_or(f64::INFINITY);
                    format!(
                        "{within} is found 4 times in 5 where there is no difference and its sd is at most {} ({which})",
                        unit.of(&significant(margin / least))
                    )
                }
            };
            self.say(format!("          {line}"));
        }
    }

    /// Index of the variant with which each variant of a study is compared.
    fn references(&self, study: &PlannedStudy) -> Vec<Option<usize>> {
        study.references(&study.blocks(&self.loaded.plan.compare.within, study.baseline))
    }

    /// Standard deviation of paired differences over the runs finished so far, pooled over these
    /// variants of a study, which have one baseline.
    fn pilot(&self, study: &PlannedStudy, variants: impl Iterator<Item = usize>) -> Option<Spread> {
        let metrics = self.loaded.store.trainer().metrics();
        let metric = metrics.get(&self.loaded.plan.compare.metric);
        let value = |run: &RunId| {
            let record = self.finished.contains(run).then(|| self.loaded.store.record(run))?;
            metric?.of(&record.ok()?)
        };
        let variants: Vec<usize> = variants.collect();
        let baseline = self.references(study)[*variants.first()?]?;
        Spread::of(study, baseline, variants, value)
    }

    /// Prints what the effects are in each block, since the spread of one says nothing of another.
    fn power_in_blocks(
        &mut self,
        study: &PlannedStudy,
        compared: &BTreeSet<usize>,
        powers: &Powers,
    ) {
        let metrics = self.loaded.store.trainer().metrics();
        let unit = &metrics.get(&self.loaded.plan.compare.metric).unwrap_or(&metrics.all[0]).unit;
        let blocks = study.blocks(&self.loaded.plan.compare.within, study.baseline);
        let Some(one) = powers.one else { return };
        for block in blocks {
            let own = block.variants.iter().copied().filter(|v| compared.contains(v));
            let Some(pilot) = self.pilot(study, own) else { continue };
            let effect = |dz: f64| unit.of(&significant(dz * pilot.sd));
            let corrected = powers.corrected.map_or_else(String::new, |corrected| {
                format!(", {} after the correction", effect(corrected))
            });
            self.say(format!(
                "          {}: {}{corrected}; sd {} from {} of finished runs",
                block.title,
                effect(one),
                unit.of(&significant(pilot.sd)),
                count(pilot.pairs, "paired difference")
            ));
        }
    }

    /// Says if the joint test over blocks cannot succeed with this number of seeds.
    fn joint(&mut self, study: &PlannedStudy, compared: &BTreeSet<usize>) {
        let compare = &self.loaded.plan.compare;
        let methods: BTreeSet<_> =
            compared.iter().filter_map(|&i| study.variants[i].method.as_ref()).collect();
        let can = compare.joint_feasibility(self.loaded.plan.seeds.len(), methods.len());
        if methods.is_empty() || can.reachable() {
            return;
        }
        let needed = match can.seeds_needed {
            Some(seeds) => format!("that needs {}", count(seeds, "seed")),
            None => "with any number of seeds".to_owned(),
        };
        self.say(format!(
            "          joint sign-flip test over blocks: smallest p {} for {}, never below {}: {needed}",
            p_value(can.smallest_p_corrected),
            count(methods.len(), "variant"),
            short(can.alpha)
        ));
    }

    fn evidence(&mut self, workers: usize, compared: &[BTreeSet<usize>]) {
        let plan = &self.loaded.plan;
        let correction = plan.compare.correction;
        let mut powers = BTreeMap::new();
        for (study, compared) in
            plan.studies.iter().zip(compared).filter(|(_, compared)| !compared.is_empty())
        {
            let comparisons = compared.len();
            let alpha = plan.compare.alpha();
            let can = plan.compare.feasibility(plan.seeds.len(), comparisons);
            let method = match correction {
                Correction::MaxT => format!("max-T over {}", count(comparisons, "comparison")),
                Correction::Holm => format!("Holm over {}", count(comparisons, "comparison")),
                Correction::None => "uncorrected".to_owned(),
            };
            let level = (alpha * 1e12).round() / 1e12;
            let verdict = match can.seeds_needed {
                _ if can.reachable() => format!("within reach of {level}"),
                Some(seeds) => format!("never below {level}: that needs {}", count(seeds, "seed")),
                None => format!("never below {level}, with any number of seeds"),
            };
            let seeds = count(can.seeds, "seed");
            self.say(match plan.compare.test {
                PairedTest::SignFlip => format!(
                    "evidence  {}: {seeds}, smallest p {}; {method} {}, {verdict}",
                    study.name,
                    p_value(can.smallest_p),
                    p_value(can.smallest_p_corrected),
                ),
                PairedTest::T => {
                    format!("evidence  {}: {seeds}, paired t test; {method}, {verdict}", study.name)
                }
            });
            // The spread of blocks differs, as their units may.
            let is_blocked = !plan.compare.within.is_empty();
            let pilot = match is_blocked {
                true => None,
                false => self.pilot(study, compared.iter().copied()),
            };
            if can.reachable() {
                let powers = powers
                    .entry(comparisons)
                    .or_insert_with(|| Powers::of(can.seeds, comparisons, &plan.compare));
                self.power(powers, pilot);
                if is_blocked {
                    self.power_in_blocks(study, compared, powers);
                }
            }
            self.joint(study, compared);
            self.equivalence(comparisons, pilot.as_ref());
        }
        let one_more: Vec<f64> = plan
            .studies
            .iter()
            .flat_map(|study| &study.variants)
            .flat_map(|variant| variant.all_runs().step_by(plan.seeds.len().max(1)))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter_map(|run| self.estimate.costs.get(run))
            .map(|cost| self.estimate.speed.seconds(cost.nominal_seconds))
            .collect();
        let time = duration(crate::cost::makespan(&one_more, workers));
        let time = if self.estimate.is_known { format!(", about {time}") } else { String::new() };
        self.say(format!("          one more seed: {} more{time}", count(one_more.len(), "run")));
    }
}

/// Comparability of variants, as far as `plan` can tell.
struct Comparability {
    /// Variants of each study that are compared with its baseline, as the correction counts them.
    compared: Vec<BTreeSet<usize>>,
    /// Notes on the other variants, and on those that are compared with a remark.
    lines: Vec<String>,
}

/// Words of a command line that differ from those of the baseline, with the words in their place;
/// `None` if all are the same.
fn changed_words(baseline: &[String], own: &[String]) -> Option<String> {
    let (rows, columns) = (baseline.len(), own.len());
    // Length of the longest common subsequence of what follows each pair of positions.
    let mut common = vec![vec![0usize; columns + 1]; rows + 1];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            common[i][j] = if baseline[i] == own[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut changes) = (0, 0, Vec::new());
    while i < rows || j < columns {
        if i < rows && j < columns && baseline[i] == own[j] {
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let (from, to) = (i, j);
        while i < rows && (j == columns || common[i + 1][j] == common[i][j]) {
            i += 1;
        }
        while j < columns && (i == rows || common[i][j + 1] == common[i][j]) {
            j += 1;
        }
        // A value is said with the option that it follows.
        let option = from > 0 && to > 0 && baseline[from - 1].starts_with('-');
        let back = usize::from(option && i > from && j > to);
        let text = |words: &[String]| {
            let words: Vec<String> = words.iter().map(|word| quoted(&brief(word))).collect();
            words.join(" ")
        };
        changes.push(match (text(&baseline[from - back..i]), text(&own[to - back..j])) {
            (old, new) if new.is_empty() => format!("without {old}"),
            (old, new) if old.is_empty() => format!("with {new}"),
            (old, new) => format!("{new} in place of {old}"),
        });
    }
    (!changes.is_empty()).then(|| changes.join(", "))
}

/// A word in one line, shortened.
fn brief(word: &str) -> String {
    let line = word.replace('\n', "\\n");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Levels of an axis as text; of a long axis the first few and the last.
fn listed(levels: &[String]) -> String {
    const ALL: usize = 24;
    match levels {
        [first @ .., last] if levels.len() > ALL => {
            format!("{}, ..., {last} ({} levels)", first[..ALL / 4].join(", "), levels.len())
        }
        _ => levels.join(", "),
    }
}
