//! Past of a study, as far as the store knows it: whether its design was registered before its
//! runs, which tables of the same comparisons were seen before, and what else was scored on its
//! test set.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::cell::{Table, Value as Cell};
use super::{ExperimentResults, baseline_of};
use crate::columns::HISTORY;
use crate::plan::{ContentId, Plan, PlannedStudy, PlannedVariant, RunId, StudyContents};
use crate::record::RunStatus;
use crate::rng::Seed;
use crate::store::{History, RegisteredStudy, Registration, ScoredOn, Seen, Store, StoreError};
use crate::text::{brief, count, some_of};

/// Past of the studies of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// One for each study, in the order of the plan.
    pub studies: Vec<StudyPast>,
    /// A sentence on each file of the record that cannot be read, or is missing.
    pub unreadable: Vec<String>,
}

/// Past of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyPast {
    /// Time of its first table; empty if none was written yet, or the time is not known.
    pub first_utc: String,
    /// True if its first table is in the record.
    pub is_recorded: bool,
    /// True if the record is whole and has its first table with its time: nothing was seen before
    /// that is not in it.
    pub is_known: bool,
    /// Tables of the same comparisons with other seeds that were seen before.
    pub earlier: Vec<EarlierTable>,
    /// Its registration, if there is one.
    pub registered: Option<Registered>,
    /// Everything that was ever scored on its test sets, by their names.
    pub scored: BTreeMap<String, ScoredOn>,
}

/// A table that was seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierTable {
    /// Name of its experiment.
    pub experiment: String,
    /// Time at which it was first written; empty if that is not known.
    pub first_utc: String,
    /// Its seeds.
    pub seeds: BTreeSet<Seed>,
    /// Relation of its seeds to those of the study.
    pub change: SeedChange,
}

/// Change of the seeds after a table was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeedChange {
    /// Seeds were added to those of the table.
    Added,
    /// Some of the seeds of the table were left out.
    LeftOut,
    /// No seed is in both: the comparison was repeated.
    Other,
}

/// Registration of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Time of the registration.
    pub registered_utc: String,
    /// Registered seeds.
    pub seeds: BTreeSet<Seed>,
    /// Differences between what was registered and what is there, one sentence each.
    pub deviations: Vec<String>,
    /// Number of other registrations of the same comparisons.
    pub n_others: usize,
}

impl SeedChange {
    fn of(before: &BTreeSet<Seed>, now: &BTreeSet<Seed>) -> Option<Self> {
        if before == now {
            None
        } else if before.is_disjoint(now) {
            Some(Self::Other)
        } else if now.is_subset(before) {
            Some(Self::LeftOut)
        } else {
            Some(Self::Added)
        }
    }

    /// Clause on the change, in the past or about what is going to be done.
    fn words(self) -> &'static str {
        match self {
            Self::Added => "seeds were added after results were seen: error rate not controlled",
            Self::LeftOut => {
                "seeds were left out after results were seen: error rate not controlled"
            }
            Self::Other => "the same variants were compared before, with other seeds",
        }
    }
}

/// Seeds as a text: `0 1 2`.
fn listed(seeds: &BTreeSet<Seed>) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = seeds.iter().take(SHOWN).map(|seed| seed.0.to_string()).collect();
    match seeds.len().saturating_sub(SHOWN) {
        0 => shown.join(" "),
        more => format!("{} and {more} more", shown.join(" ")),
    }
}

impl EarlierTable {
    /// A sentence on the table.
    fn told(&self) -> String {
        let when = match self.first_utc.as_str() {
            "" => "from before there was a record of it".to_owned(),
            time => format!("of {time} UTC"),
        };
        format!(
            "{} (table of {} {when}: {} {})",
            self.change.words(),
            self.experiment,
            if self.seeds.len() == 1 { "seed" } else { "seeds" },
            listed(&self.seeds)
        )
    }
}

impl Registered {
    /// Words for the state of the study.
    fn word(&self) -> &'static str {
        if self.deviations.is_empty() {
            "confirmatory"
        } else {
            "registered, with deviations"
        }
    }

    /// A sentence on the registration, with every deviation.
    pub fn told(&self) -> String {
        let others = match self.n_others {
            0 => String::new(),
            n => format!("; {} of the same comparisons", count(n, "other registration")),
        };
        let when = &self.registered_utc;
        if self.deviations.is_empty() {
            return format!("confirmatory: registered {when} UTC, before its runs{others}");
        }
        format!(
            "registered {when} UTC, with {}: {}{others}",
            count(self.deviations.len(), "deviation"),
            self.deviations.join("; ")
        )
    }
}

impl StudyPast {
    /// State of the study: `confirmatory`, `registered, with deviations` or `exploratory`.
    pub fn word(&self) -> &'static str {
        self.registered.as_ref().map_or("exploratory", Registered::word)
    }

    /// Sentences that a reader of the table must know.
    pub fn notes(&self) -> Vec<String> {
        let registered = self.registered.iter().map(Registered::told);
        registered.chain(self.seed_notes()).collect()
    }

    /// Sentences on seeds that changed after a table was seen: for each change the first table.
    pub fn seed_notes(&self) -> Vec<String> {
        let mut by_change: BTreeMap<SeedChange, Vec<&EarlierTable>> = BTreeMap::new();
        for table in &self.earlier {
            by_change.entry(table.change).or_default().push(table);
        }
        let told = |tables: Vec<&EarlierTable>| {
            let first = tables.iter().min_by_key(|table| (&table.first_utc, &table.seeds))?;
            let more = match tables.len() - 1 {
                0 => String::new(),
                n => format!(", and {}", count(n, "other table")),
            };
            Some(first.told() + &more)
        };
        by_change.into_values().filter_map(told).collect()
    }

    /// A sentence on everything that was scored on the test sets. `is_program`: what a program
    /// scores on is known by its inputs alone.
    pub fn ledger(&self, is_program: bool) -> String {
        let of_set = |(set, on): (&String, &ScoredOn)| {
            format!(
                "{} of {} in {} on {set}",
                count(on.n_runs(), "run"),
                count(on.runs.len(), "variant"),
                count(on.experiments.len(), "experiment")
            )
        };
        let sets: Vec<String> = self.scored.iter().map(of_set).collect();
        if sets.is_empty() {
            return String::new();
        }
        let (what, unknown) = if is_program {
            (
                "with this program and these inputs",
                "which test set a program uses, and what was scored elsewhere, is not known here",
            )
        } else {
            ("on this test set", "what was scored elsewhere is not known here")
        };
        format!("Ever scored {what} in these results: {}; {unknown}.", sets.join(", "))
    }
}

impl Past {
    /// Past of a plan without looking at its runs, as it would be if its table were written now.
    pub fn of_plan(store: &Store, plan: &Plan) -> Result<Self, StoreError> {
        let store = store.of(plan)?;
        let contents = plan.contents(&**store.trainer());
        Ok(Self::new(plan, &contents, &store.history()?))
    }

    /// Past of a plan before it replaces the one on disk, whose table was seen even if the record
    /// of it is damaged.
    pub fn before_runs(store: &Store, plan: &Plan) -> Result<Self, StoreError> {
        let history = store.history_with_tables_of(&plan.name)?;
        let store = store.of(plan)?;
        Ok(Self::new(plan, &plan.contents(&**store.trainer()), &history))
    }

    fn new(plan: &Plan, contents: &StudyContents, history: &History) -> Self {
        let compare = serde_json::to_value(&plan.compare).unwrap_or_default();
        let studies = plan.studies.iter().zip(&contents.studies).map(|(study, ids)| {
            let baseline = baseline_of(plan, study);
            Design { plan, study, ids, contents, baseline, compare: &compare }.past(history)
        });
        Self {
            studies: studies.collect(),
            unreadable: history.unreadable.clone(),
        }
    }
}

/// Design of a study as it is now.
struct Design<'a> {
    plan: &'a Plan,
    study: &'a PlannedStudy,
    ids: &'a [ContentId],
    contents: &'a StudyContents<'a>,
    baseline: Option<usize>,
    compare: &'a Value,
}

impl Design<'_> {
    fn past(&self, history: &History) -> StudyPast {
        let own = history.seen.get(&Seen::name_of(self.ids, &self.contents.seeds));
        let time = |seen: &Seen| match seen.is_older {
            true => String::new(),
            false => seen.first_utc.clone(),
        };
        let before = history.before(self.ids, &self.contents.seeds);
        let earlier = before.iter().filter_map(|name| {
            let seen = history.seen.get(name)?;
            Some(EarlierTable {
                experiment: seen.experiment.clone(),
                first_utc: time(seen),
                seeds: seen.seeds.clone(),
                change: SeedChange::of(&seen.seeds, &self.contents.seeds)?,
            })
        });
        StudyPast {
            first_utc: own.map(time).unwrap_or_default(),
            is_recorded: own.is_some(),
            is_known: own.is_some_and(|seen| !seen.is_older) && history.unreadable.is_empty(),
            earlier: earlier.collect(),
            registered: self.registered(history),
            scored: BTreeMap::new(),
        }
    }

    /// The registration that the study follows most closely.
    fn registered(&self, history: &History) -> Option<Registered> {
        let of_study = |registration: &Registration, study: &RegisteredStudy| {
            let shared =
                study.variants.iter().filter(|(_, id)| self.ids.contains(id)).take(2).count();
            // A baseline alone is shared by studies that have nothing to do with each other.
            let is_same = match shared {
                0 => false,
                1 => self.ids.len() == 1 && study.variants.len() == 1,
                _ => true,
            };
            is_same || (registration.experiment == self.plan.name && study.name == self.study.name)
        };
        let mut found: Vec<Registered> = Vec::new();
        for registration in history.registered.values() {
            let studies = registration.studies.iter().filter(|study| of_study(registration, study));
            let deviations = studies.map(|study| self.deviations(registration, study));
            if let Some(deviations) = deviations.min_by_key(Vec::len) {
                found.push(Registered {
                    registered_utc: registration.registered_utc.clone(),
                    seeds: registration.seeds.clone(),
                    deviations,
                    n_others: 0,
                });
            }
        }
        let n_others = found.len().saturating_sub(1);
        let closest = found.into_iter().min_by(|a, b| {
            let key = |one: &Registered| (one.deviations.len(), one.registered_utc.clone());
            key(a).cmp(&key(b))
        });
        closest.map(|closest| Registered { n_others, ..closest })
    }

    fn deviations(&self, registration: &Registration, study: &RegisteredStudy) -> Vec<String> {
        let mut found = compare_changes(&registration.compare, self.compare);
        let (then, now) = (&registration.metric, &self.contents.metric);
        // Another metric is told already; an earlier version registered no definition.
        let is_same = registration.compare.get("metric") == self.compare.get("metric");
        if is_same && !then.is_empty() && then != now {
            found.push(format!("the metric is read otherwise: registered {then}, now {now}"));
        }
        let seeds = |found: &mut Vec<String>, seeds: BTreeSet<Seed>, what: &str| {
            if !seeds.is_empty() {
                let noun = if seeds.len() == 1 { "seed" } else { "seeds" };
                found.push(format!("{noun} {} {what}", listed(&seeds)));
            }
        };
        let (then, now) = (&registration.seeds, &self.contents.seeds);
        seeds(&mut found, now.difference(then).copied().collect(), "not registered");
        seeds(&mut found, then.difference(now).copied().collect(), "registered and left out");
        if study.design != self.study.design {
            found.push(format!("design {}, registered {}", self.study.design, study.design));
        }
        let registered: BTreeMap<&ContentId, &str> =
            study.variants.iter().map(|(label, id)| (id, label.as_str())).collect();
        let labels: BTreeSet<&str> =
            study.variants.iter().map(|(label, _)| label.as_str()).collect();
        let (mut changed, mut added) = (BTreeSet::new(), Vec::new());
        // Several variants have one content if settings without effect tell them apart: each is
        // paired with one of its own.
        let mut unpaired: Vec<&(String, ContentId)> = study.variants.iter().collect();
        for (variant, id) in self.study.variants.iter().zip(self.ids) {
            let own = |other: &&(String, ContentId)| other.1 == *id;
            let named = |other: &&(String, ContentId)| own(other) && other.0 == variant.label;
            let paired = unpaired.iter().position(named).or(unpaired.iter().position(own));
            if let Some(at) = paired {
                unpaired.remove(at);
                continue;
            }
            if labels.contains(variant.label.as_str()) {
                changed.insert(variant.label.as_str());
            } else {
                added.push(variant.label.as_str());
            }
        }
        let left_out: Vec<&str> = unpaired
            .iter()
            .map(|(label, _)| label.as_str())
            .filter(|label| !changed.contains(label))
            .collect();
        let mut listed = |nouns: [&str; 2], labels: Vec<&str>, what: &str| {
            if !labels.is_empty() {
                let noun = nouns[usize::from(labels.len() > 1)];
                found.push(format!("{noun} {} {what}", some_of(labels)));
            }
        };
        let external = RegisteredStudy::external_of(self.plan, self.study);
        let only_in = |a: &'_ BTreeMap<String, String>, b: &BTreeMap<String, String>| {
            let labels = a.keys().filter(|label| !b.contains_key(*label));
            labels.cloned().collect::<Vec<String>>()
        };
        let other_values = external.iter().filter(|(label, hash)| {
            study.external.get(*label).is_some_and(|registered| registered != *hash)
        });
        for (labels, what) in [
            (only_in(&external, &study.external), "not registered"),
            (only_in(&study.external, &external), "registered and left out"),
            (
                other_values.map(|(label, _)| label.clone()).collect(),
                "with other values than registered",
            ),
        ] {
            let labels = labels.iter().map(String::as_str).collect();
            listed(["[[external]]", "[[external]]"], labels, what);
        }
        let mut variants =
            |labels: Vec<&str>, what: &str| listed(["variant", "variants"], labels, what);
        variants(
            changed.into_iter().collect(),
            "with other settings, data or version of the numerics than registered",
        );
        variants(added, "not registered");
        variants(left_out, "registered and left out");
        let baseline = self.baseline.map(|at| &self.ids[at]);
        if baseline != study.baseline.as_ref() && is_known(baseline, &registered) {
            let label = |id: Option<&ContentId>| {
                let label = id.and_then(|id| registered.get(id));
                label.map_or_else(|| "none".to_owned(), |label| format!("`{label}`"))
            };
            found.push(format!(
                "baseline {}, registered {}",
                label(baseline),
                label(study.baseline.as_ref())
            ));
        }
        found
    }
}

/// True unless the baseline has other settings than any registered variant, which is said already.
fn is_known(baseline: Option<&ContentId>, registered: &BTreeMap<&ContentId, &str>) -> bool {
    baseline.is_none_or(|id| registered.contains_key(id))
}

/// Sentences on the options of `[compare]` that differ.
fn compare_changes(then: &Value, now: &Value) -> Vec<String> {
    let empty = serde_json::Map::new();
    let [then, now] = [then, now].map(|value| value.as_object().unwrap_or(&empty));
    let keys: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let told = |value: &Value| match value {
        Value::Null => "unset".to_owned(),
        Value::String(text) if text.is_empty() => "unset".to_owned(),
        Value::String(text) => brief(text).replace('"', "`"),
        value => value.to_string(),
    };
    keys.into_iter()
        .filter_map(|key| {
            let [then, now] = [then, now].map(|map| map.get(key).unwrap_or(&Value::Null));
            (then != now).then(|| format!("compare.{key} {}, registered {}", told(now), told(then)))
        })
        .collect()
}

/// Runs of a study that are not of the variant that the others are compared with.
pub fn own_runs<'a>(plan: &Plan, study: &'a PlannedStudy) -> BTreeSet<&'a RunId> {
    let baseline = baseline_of(plan, study);
    let shared: BTreeSet<&RunId> =
        baseline.iter().flat_map(|&at| study.variants[at].all_runs()).collect();
    let all = study.variants.iter().flat_map(PlannedVariant::all_runs);
    all.filter(|run| !shared.contains(run)).collect()
}

impl ExperimentResults {
    /// Past of these results, with their own runs counted.
    pub(super) fn past_in(&self, contents: &StudyContents, history: &History) -> Past {
        let mut past = Past::new(&self.plan, contents, history);
        for (study, known) in self.plan.studies.iter().zip(&mut past.studies) {
            if let Some(registered) = &mut known.registered {
                let early = self.started_before(&registered.registered_utc, study);
                if early > 0 {
                    let verb = if early == 1 { "was" } else { "were" };
                    registered
                        .deviations
                        .push(format!("{} {verb} started before", count(early, "run")));
                }
            }
            known.scored = self.scored_on(study, contents, history);
        }
        past
    }

    /// Number of runs of a study, but of its baseline, that were started before a moment.
    fn started_before(&self, moment: &str, study: &PlannedStudy) -> usize {
        let is_early = |run: &&RunId| {
            let timing = self.records.get(run).and_then(|record| record.timing.as_ref());
            timing.is_some_and(|timing| timing.started_utc.as_str() < moment)
        };
        own_runs(&self.plan, study).into_iter().filter(is_early).count()
    }

    fn scored_on(
        &self,
        study: &PlannedStudy,
        contents: &StudyContents,
        history: &History,
    ) -> BTreeMap<String, ScoredOn> {
        let own: BTreeSet<&RunId> =
            study.variants.iter().flat_map(PlannedVariant::all_runs).collect();
        let mut sets: BTreeMap<String, ScoredOn> = BTreeMap::new();
        for configured in &contents.configured {
            if !configured.runs.first().is_some_and(|run| own.contains(run)) {
                continue;
            }
            let set = self.trainer.test_set(&configured.spec.config, &configured.spec.data);
            let on = sets
                .entry(set)
                .or_insert_with_key(|set| history.scored.get(set).cloned().unwrap_or_default());
            let finished: BTreeSet<RunId> =
                configured.runs.iter().filter(|run| self.is_finished(run)).cloned().collect();
            if !finished.is_empty() {
                on.experiments.insert(self.plan.name.clone());
                on.runs.entry(configured.content.clone()).or_default().extend(finished);
            }
        }
        sets.retain(|_, on| on.n_runs() > 0);
        sets
    }

    fn is_finished(&self, run: &RunId) -> bool {
        self.records.get(run).is_some_and(|record| record.status == RunStatus::Finished)
    }

    /// Enters the results in the record, and reads their past again: to be called before their
    /// tables are written.
    pub(super) fn enter_in_history(&self, store: &Store) -> Result<Past, StoreError> {
        let store = store.of(&self.plan)?;
        let contents = self.plan.contents(&**store.trainer());
        let history = store.history()?;
        let is_finished = |run: &RunId| self.is_finished(run);
        if store.record_tables(&self.plan, &contents, &history, &is_finished)? {
            return Ok(self.past_in(&contents, &store.history()?));
        }
        Ok(self.past_in(&contents, &history))
    }

    /// Past of these results, which are not entered in the record.
    pub(super) fn past_on_disk(&self, store: &Store) -> Result<Past, StoreError> {
        let contents = self.plan.contents(&*self.trainer);
        Ok(self.past_in(&contents, &store.history()?))
    }
}

/// `history.csv`: what is known of the past of each study.
pub(super) fn history<'a>(plan: &'a Plan, past: &'a Past) -> Table<'a> {
    let columns = HISTORY.split_whitespace().map(str::to_owned).collect();
    let studies = plan.studies.iter().zip(&past.studies);
    let rows = studies.flat_map(|(study, past)| rows(&plan.name, study, past));
    let unreadable = past.unreadable.iter().map(|reason| {
        Row {
            event: "unreadable record",
            note: reason.clone(),
            ..Row::default()
        }
        .cells("")
    });
    Table { columns, rows: Box::new(rows.chain(unreadable)) }
}

/// A row of `history.csv`.
#[derive(Default)]
struct Row<'a> {
    event: &'static str,
    seeds: Option<&'a BTreeSet<Seed>>,
    note: String,
    experiment: &'a str,
    utc: &'a str,
    scored: Option<&'a ScoredOn>,
}

impl<'a> Row<'a> {
    fn cells(self, study: &'a str) -> Vec<Cell<'a>> {
        let seeds = self
            .seeds
            .map(|seeds| seeds.iter().map(|seed| seed.0.to_string()).collect::<Vec<_>>().join(" "));
        let number = |n: fn(&ScoredOn) -> usize| Cell::int(self.scored.map(|on| n(on) as u64));
        let numbers = [
            number(|on| on.runs.len()),
            number(ScoredOn::n_runs),
            number(|on| on.experiments.len()),
        ];
        let mut cells = vec![
            Cell::text(study),
            Cell::text(self.event),
            seeds.map_or(Cell::Empty, Cell::text),
            Cell::text(self.note),
            Cell::text(self.experiment),
            Cell::moment(self.utc),
        ];
        cells.extend(numbers);
        cells
    }
}

fn rows<'a>(
    experiment: &'a str,
    study: &'a PlannedStudy,
    past: &'a StudyPast,
) -> Vec<Vec<Cell<'a>>> {
    let mut rows: Vec<Row> = past
        .earlier
        .iter()
        .map(|table| Row {
            event: "earlier table",
            seeds: Some(&table.seeds),
            note: table.change.words().to_owned(),
            experiment: &table.experiment,
            utc: &table.first_utc,
            ..Row::default()
        })
        .collect();
    match &past.registered {
        None => rows.push(Row {
            event: "not registered",
            note: past.word().to_owned(),
            ..Row::default()
        }),
        Some(registered) => {
            rows.push(Row {
                event: "registered",
                seeds: Some(&registered.seeds),
                note: past.word().to_owned(),
                utc: &registered.registered_utc,
                ..Row::default()
            });
            rows.extend(registered.deviations.iter().map(|deviation| Row {
                event: "deviation",
                note: deviation.clone(),
                ..Row::default()
            }));
        }
    }
    if past.is_recorded {
        rows.push(Row {
            event: "first table",
            utc: &past.first_utc,
            experiment,
            ..Row::default()
        });
    }
    rows.extend(past.scored.iter().map(|(set, on)| Row {
        event: "scored",
        note: set.clone(),
        scored: Some(on),
        ..Row::default()
    }));
    rows.into_iter().map(|row| row.cells(&study.name)).collect()
}
