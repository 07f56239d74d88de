//! Plan of an experiment as a page of lines.

use crate::cli::json::plan::{
    CostFacts, EquivalencePlanFacts, EquivalencePowerFacts, EvidenceFacts, JointFacts, PlanFacts,
    PlannedStudyFacts,
};
use crate::cli::show::fitted::FittedTable;
use crate::plan::Correction;
use crate::results::outlook::significant;
use crate::runner::time_words;
use crate::session::{LoadedExperiment, quoted};
use crate::stats::EQUIVALENCE_SEEDS;
use crate::text::{bytes, count, duration, factor, fixed, p_value, short, thousands};
use crate::trainer::Unit;

/// The lines of the page.
pub(crate) fn lines(facts: &PlanFacts, loaded: &LoadedExperiment) -> Vec<String> {
    let metrics = loaded.store.trainer().metrics();
    let metric = metrics.get(&loaded.plan.compare.metric).unwrap_or(&metrics.all[0]);
    let mut page = Page { facts, loaded, unit: &metric.unit, lines: Vec::new() };
    page.title();
    for study in &facts.studies {
        page.study(study);
    }
    page.remarks();
    page.data();
    page.totals();
    if let Some(text) = &facts.replaces {
        page.say(format!("tables    {}", text.replace('\n', "\n          ")));
        page.say("          `sweep` will need --name OTHER, or --replace");
    }
    page.cost();
    page.evidence();
    for study in &facts.studies {
        for found in &study.comparability {
            let labels = found.variants.join("; ");
            page.say(format!("data      {}: {labels}: {}", study.study, found.note));
        }
    }
    page.lines
}

/// The page, line by line.
struct Page<'a> {
    facts: &'a PlanFacts,
    loaded: &'a LoadedExperiment,
    /// Unit of the compared metric.
    unit: &'a Unit,
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
        for (i, line) in self.facts.data.iter().enumerate() {
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
        for clause in &self.facts.left_out {
            self.say(format!("left out  {clause}"));
        }
    }

    fn title(&mut self) {
        let facts = self.facts;
        let size = [
            count(facts.studies.len(), "study"),
            count(facts.n_variants, "variant"),
            count(facts.seeds.len(), "paired seed"),
            count(facts.runs.total, "run"),
        ];
        self.say(format!("{}: {}", facts.experiment, size.join(", ")));
        if !facts.question.is_empty() {
            self.say(format!("  {}", facts.question));
        }
    }

    fn study(&mut self, study: &PlannedStudyFacts) {
        self.say("");
        self.say(format!("{}  {}  {}", study.study, study.design, study.count));
        for text in [&study.question, &study.notes].into_iter().filter(|text| !text.is_empty()) {
            self.say(format!("  {text}"));
        }
        for axis in &study.axes {
            self.say(format!("  {} = {}", axis.axis, listed(&axis.levels)));
        }
        let size = self.facts.size_name.as_deref();
        let mut heads = vec!["variant", "runs", "cached"];
        heads.extend(size);
        heads.push("time per run");
        let mut rows = FittedTable::new(&heads, &[0]).dispensable(&[size.unwrap_or(""), "cached"]);
        for variant in &study.variants {
            let baseline = variant.is_baseline && variant.label != "baseline";
            let mut cells = vec![
                format!("{}{}", variant.label, if baseline { " (baseline)" } else { "" }),
                variant.n_runs.to_string(),
                variant.n_cached.to_string(),
            ];
            cells.extend(size.map(|_| variant.size.map_or_else(String::new, thousands)));
            cells.push(variant.run_seconds.map_or_else(String::new, duration));
            rows.add(cells);
        }
        self.say(rows.text());
        self.commands(study);
    }

    /// Command lines of the baseline, and the words of them that each variant changes.
    fn commands(&mut self, study: &PlannedStudyFacts) {
        let planned = self.loaded.plan.studies.iter().find(|own| own.name == study.study);
        let base = planned.and_then(|planned| planned.baseline).unwrap_or(0);
        let Some(reference) =
            study.variants.get(base).map(|v| &v.commands).filter(|lines| !lines.is_empty())
        else {
            return;
        };
        for (i, words) in reference.iter().enumerate() {
            let head = if i == 0 { "command" } else { "then" };
            let words: Vec<String> = words.iter().map(|word| quoted(&brief(word))).collect();
            self.say(format!("{head:<9} {}", words.join(" ")));
        }
        for (_, variant) in study.variants.iter().enumerate().filter(|(i, _)| *i != base) {
            let both = reference.iter().zip(&variant.commands);
            let changes = both.filter_map(|(a, b)| changed_words(a, b));
            let changes = changes.collect::<Vec<_>>().join("; ");
            let changes = if changes.is_empty() { "the same words".to_owned() } else { changes };
            self.say(format!("          {}: {changes}", variant.label));
        }
    }

    fn totals(&mut self) {
        let runs = &self.facts.runs;
        let left_out = match runs.left_out {
            0 => String::new(),
            runs => format!(", left out by --only {runs}"),
        };
        self.say("");
        self.say(format!(
            "runs      cached {}, to run {}, failed before {}{left_out}",
            runs.cached, runs.to_run, runs.failed_before
        ));
    }

    fn cost(&mut self) {
        let Some(cost) = &self.facts.cost else {
            return self.say("cost      none: every requested run is finished");
        };
        let CostFacts {
            threads,
            is_upper_bound,
            seconds,
            longest_run_seconds,
            past_runs,
            ..
        } = *cost;
        let time =
            seconds.map_or("not known yet,".to_owned(), |time| time_words(time, is_upper_bound));
        let longest = longest_run_seconds.map_or_else(String::new, |longest| {
            format!(" (longest run {}, started first)", duration(longest))
        });
        // Of a program no more is known than its file says.
        let sizes = [(cost.memory_bytes, "of memory"), (cost.disk_bytes, "on disk")];
        let sizes: String = sizes
            .into_iter()
            .filter_map(|(size, what)| Some(format!("; {} {what}", bytes(size?))))
            .collect();
        self.say(format!("cost      {time} on {}{longest}{sizes}", count(threads, "thread")));
        self.say(match (past_runs, cost.error_factor) {
            (0, _) if seconds.is_none() => {
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
        if is_upper_bound && seconds.is_some() {
            self.say("          runs may stop early: this is the time to the last epoch of each");
        }
        let available = cost.available_memory_bytes;
        if let Some(excess) = &cost.too_large {
            self.say(format!("          cannot fit: {excess}; `sweep` will need --yes"));
        } else if cost.memory_bytes.is_some_and(|memory| memory > available) {
            self.say(format!(
                "          more than the {} available: fewer runs execute at a time",
                bytes(available)
            ));
        }
        for excess in &cost.over_budget {
            self.say(format!("          exceeds [budget]: {excess}; `sweep` will need --yes"));
        }
    }

    fn evidence(&mut self) {
        for study in &self.facts.studies {
            let Some(found) = &study.evidence else { continue };
            self.say(self.feasibility(&study.study, found));
            if found.is_reachable {
                self.power(found);
                self.power_in_blocks(found);
            }
            found.joint.iter().for_each(|joint| self.joint(joint));
            found.equivalence.iter().for_each(|own| self.equivalence(own, found));
        }
        let more = &self.facts.one_more_seed;
        let time = more.seconds.map_or_else(String::new, |time| {
            format!(", {}", time_words(time, more.is_upper_bound))
        });
        self.say(format!("          one more seed: {} more{time}", count(more.n_runs, "run")));
    }

    fn feasibility(&self, study: &str, found: &EvidenceFacts) -> String {
        let comparisons = found.n_comparisons;
        let method = match self.loaded.plan.compare.correction {
            Correction::MaxT => format!("max-T over {}", count(comparisons, "comparison")),
            Correction::Holm => format!("Holm over {}", count(comparisons, "comparison")),
            Correction::None => "uncorrected".to_owned(),
        };
        let level = found.alpha;
        let verdict = match found.seeds_needed {
            _ if found.is_reachable => format!("within reach of {level}"),
            Some(seeds) => format!("never below {level}: that needs {}", count(seeds, "seed")),
            None => format!("never below {level}, with any number of seeds"),
        };
        let seeds = count(found.n_seeds, "seed");
        match found.test {
            "t" => format!("evidence  {study}: {seeds}, paired t test; {method}, {verdict}"),
            _ => format!(
                "evidence  {study}: {seeds}, smallest p {}; {method} {}, {verdict}",
                p_value(found.smallest_p),
                p_value(found.smallest_p_corrected),
            ),
        }
    }

    /// Prints the effect that the test detects in 4 studies of 5 (power 0.8); also in nats if
    /// finished runs show how much differences vary.
    fn power(&mut self, found: &EvidenceFacts) {
        let spread = found.spread.as_ref();
        let effect = |dz: f64| {
            let nats =
                spread.map(|spread| format!(" = {}", self.unit.of(&significant(dz * spread.sd))));
            format!("{} sd{}", fixed(dz, 2), nats.unwrap_or_default())
        };
        let mut lines = Vec::new();
        if let Some(one) = found.effect_sd {
            lines.push(format!(
                "          an effect of {} of the paired difference is detected with power 0.8 (a single comparison)",
                effect(one)
            ));
        }
        if let Some(corrected) = found.effect_sd_corrected {
            let is_joint = self.loaded.plan.compare.correction == Correction::MaxT;
            lines.push(format!(
                "          after the correction: {}, if no other comparison has an effect{}",
                effect(corrected),
                if is_joint { " and all are normal with correlation 1/2" } else { "" }
            ));
        }
        if let Some(spread) = spread.filter(|_| found.effect_sd.is_some()) {
            lines.push(format!(
                "          sd {}: from {} of finished runs",
                self.unit.of(&significant(spread.sd)),
                count(spread.n_pairs, "paired difference")
            ));
        }
        self.lines.extend(lines);
    }

    /// Prints what the effects are in each block, since the spread of one says nothing of another.
    fn power_in_blocks(&mut self, found: &EvidenceFacts) {
        let Some(one) = found.effect_sd else { return };
        for block in &found.blocks {
            let effect = |dz: f64| self.unit.of(&significant(dz * block.sd));
            let corrected = found.effect_sd_corrected.map_or_else(String::new, |corrected| {
                format!(", {} after the correction", effect(corrected))
            });
            let line = format!(
                "          {}: {}{corrected}; sd {} from {} of finished runs",
                block.block,
                effect(one),
                self.unit.of(&significant(block.sd)),
                count(block.n_pairs, "paired difference")
            );
            self.say(line);
        }
    }

    /// Says if the joint test over blocks cannot succeed with this number of seeds.
    fn joint(&mut self, joint: &JointFacts) {
        if joint.is_reachable {
            return;
        }
        let needed = match joint.seeds_needed {
            Some(seeds) => format!("that needs {}", count(seeds, "seed")),
            None => "with any number of seeds".to_owned(),
        };
        self.say(format!(
            "          joint sign-flip test over blocks: smallest p {} for {}, never below {}: {needed}",
            p_value(joint.smallest_p_corrected),
            count(joint.n_variants, "variant"),
            short(joint.alpha)
        ));
    }

    /// Prints the chance that equivalence is found where there is no difference at all, and the
    /// number of seeds it takes; without finished runs, the spread that the differences may have.
    fn equivalence(&mut self, own: &EquivalencePlanFacts, found: &EvidenceFacts) {
        let within = format!("equivalence within {}", self.unit.of(&short(own.margin)));
        if found.n_seeds < own.fewest_seeds {
            return self.say(format!(
                "          {within} cannot be shown: that takes {} seeds",
                own.fewest_seeds
            ));
        }
        let which = ["a single comparison", "after Holm's correction"];
        for (power, which) in own.power.iter().zip(which) {
            let EquivalencePowerFacts { power, seeds_needed, largest_sd, .. } = power;
            let line = match power {
                Some(power) => {
                    let needed = seeds_needed.map_or_else(
                        || format!("more than {} seeds", thousands(EQUIVALENCE_SEEDS as u64)),
                        |seeds| count(seeds, "seed"),
                    );
                    format!(
                        "{within} is found in {} % of studies without a difference; 80 % take {needed} ({which})",
                        fixed(100.0 * power, 0)
                    )
                }
                None => format!(
                    "{within} is found 4 times in 5 where there is no difference and its sd is at most {} ({which})",
                    self.unit.of(&significant(largest_sd.unwrap_or(0.0)))
                ),
            };
            self.say(format!("          {line}"));
        }
    }
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
