//! Record of the past of these results: which seeds a study had when its table was first written,
//! which runs were ever scored on a test set, and what was registered before its runs.
//!
//! ```text
//! results/.ablade-history/
//!   seen-<hash>.json         a study whose table was written: its variants, its seeds, the tables before it
//!   scored-<hash>.json       runs that were scored on a test set
//!   registered-<hash>.json   a design that was fixed before its runs
//!   begun.json               tables from before there was a record have been entered
//! ```
//!
//! A file is named by the hash of its content, created once and complete, and never changed or
//! removed: two processes that write at the same time leave both files, and a kill leaves a file or
//! none. So the record can only grow. The order of two tables does not depend on clocks: each names
//! those that were there when it was first written. Dates are for readers and are not part of a
//! name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::disk::{create_dirs, link, remove_if_there, sync_dir, write_synced};
use super::garbage::Garbage;
use super::listing::{entries, is_file};
use super::sealed::{seal, unseal};
use super::{Store, StoreError};
use crate::plan::{
    ContentId, Hashed, Plan, PlannedStudy, PlannedVariant, RunId, RunSpec, StudyContents,
    compared_content, hashed, names,
};
use crate::record::utc;
use crate::regular;
use crate::rng::Seed;
use crate::text::brief;
use crate::trainer::{Identity, Trainer};

/// Folder of the record. An experiment cannot have this name, which begins with no letter.
pub(super) const HISTORY: &str = ".ablade-history";
/// File that says that the tables of earlier versions are in the record.
const BEGUN: &str = "begun.json";
/// End of the name of a file that was entered again because the one of its name is damaged.
const RECOVERED: &str = "-recovered";
/// Version of the format of the files.
const VERSION: u32 = 1;
/// Maximum size of a file of the record [bytes]: a plan of a million runs gives less.
pub(super) const LONGEST: u64 = 256 << 20;

/// A study whose table was written with results in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    version: u32,
    /// Name of the experiment at that time.
    #[serde(deserialize_with = "names::name")]
    pub experiment: String,
    /// Time of the first table: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub first_utc: String,
    /// True if the table was there before the record began: its time is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_older: bool,
    /// Content of its variants.
    pub variants: BTreeSet<ContentId>,
    /// Seeds of its variants.
    pub seeds: BTreeSet<Seed>,
    /// Names of the records of earlier tables that compare two of these variants.
    pub after: BTreeSet<String>,
}

/// Design of an experiment, fixed before its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    version: u32,
    /// Name of the experiment.
    #[serde(deserialize_with = "names::name")]
    pub experiment: String,
    /// Command that asks for it.
    pub command: String,
    /// Time of the registration: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub registered_utc: String,
    /// Seeds of every variant.
    pub seeds: BTreeSet<Seed>,
    /// `[compare]`: metric, level, correction and whatever else decides a verdict.
    pub compare: Value,
    /// Definition of the compared metric: its place, direction and unit. Empty in a registration of
    /// an earlier version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metric: String,
    /// Its studies.
    pub studies: Vec<RegisteredStudy>,
}

/// Study of a registered experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredStudy {
    /// Its name.
    #[serde(deserialize_with = "names::name")]
    pub name: String,
    /// `grid`, `one-at-a-time`, ...
    pub design: String,
    /// Content of the variant that the others are compared with.
    pub baseline: Option<ContentId>,
    /// Label and content of every variant.
    pub variants: Vec<(String, ContentId)>,
    /// Hash of the values of each external that it is compared with, by label.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external: BTreeMap<String, String>,
}

/// Everything that was ever scored on a test set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoredOn {
    /// Names of the experiments whose tables showed it.
    pub experiments: BTreeSet<String>,
    /// Runs of each variant.
    pub runs: BTreeMap<ContentId, BTreeSet<RunId>>,
    /// Seeds of the same runs, by everything that can change a metric, for each metric. Absent in
    /// records of an earlier version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub compared: BTreeMap<ContentId, BTreeSet<Seed>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scored {
    version: u32,
    sets: BTreeMap<String, ScoredOn>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begun {
    version: u32,
}

/// A file of any format.
#[derive(Debug, Deserialize)]
struct Versioned {
    version: u32,
}

/// An entry of the record of other results.
enum Record {
    Seen(Seen),
    Registration(Registration),
    Scored(Scored),
}

impl Record {
    fn name(&self) -> String {
        match self {
            Self::Seen(entry) => entry.name(),
            Self::Registration(entry) => entry.name(),
            Self::Scored(entry) => entry.name(),
        }
    }
}

/// The record, as it is on disk.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Studies whose tables were written, by the names of their records.
    pub seen: BTreeMap<String, Seen>,
    /// Registrations, by the names of their records.
    pub registered: BTreeMap<String, Registration>,
    /// Scored runs, by test set.
    pub scored: BTreeMap<String, ScoredOn>,
    /// A sentence on each file that cannot be read, or is missing.
    pub unreadable: Vec<String>,
    /// Number of files.
    pub files: usize,
}

/// A file of the record.
trait Entry: Serialize + DeserializeOwned {
    /// First word of its name.
    const KIND: &'static str;

    fn version(&self) -> u32;

    /// The part that its name is the hash of.
    fn content(&self) -> serde_json::Result<String>;

    fn name(&self) -> String {
        let text = self.content().expect("plain data: no map with other keys than text");
        format!("{}-{}", Self::KIND, &blake3::hash(text.as_bytes()).to_hex()[..16])
    }
}

impl Entry for Seen {
    const KIND: &'static str = "seen";

    fn version(&self) -> u32 {
        self.version
    }

    fn content(&self) -> serde_json::Result<String> {
        serde_json::to_string(&(&self.variants, &self.seeds))
    }
}

impl Entry for Registration {
    const KIND: &'static str = "registered";

    fn version(&self) -> u32 {
        self.version
    }

    fn content(&self) -> serde_json::Result<String> {
        let studies = self.studies.iter().map(|study| {
            let variants: BTreeSet<_> = study.variants.iter().map(|(_, id)| id).collect();
            (&study.design, &study.baseline, variants)
        });
        let design = (&self.seeds, &self.compare, studies.collect::<Vec<_>>());
        let external: Vec<_> = self.studies.iter().map(|study| &study.external).collect();
        match self.metric.as_str() {
            // Of an earlier version, whose name must stay.
            "" => serde_json::to_string(&design),
            metric => serde_json::to_string(&(design, metric, external)),
        }
    }
}

impl Entry for Scored {
    const KIND: &'static str = "scored";

    fn version(&self) -> u32 {
        self.version
    }

    fn content(&self) -> serde_json::Result<String> {
        serde_json::to_string(&self.sets)
    }
}

impl Seen {
    /// Name of the record of a study with these variants and seeds.
    pub fn name_of(variants: &[ContentId], seeds: &BTreeSet<Seed>) -> String {
        Self::new("", variants, seeds).name()
    }

    fn new(experiment: &str, variants: &[ContentId], seeds: &BTreeSet<Seed>) -> Self {
        Self {
            version: VERSION,
            experiment: experiment.to_owned(),
            first_utc: utc(jiff::Timestamp::now()),
            is_older: false,
            variants: variants.iter().cloned().collect(),
            seeds: seeds.clone(),
            after: BTreeSet::new(),
        }
    }

    /// True if the table compared two of these variants, or was about the only one of them.
    pub fn compares(&self, variants: &[ContentId]) -> bool {
        let shared = variants.iter().filter(|variant| self.variants.contains(*variant)).take(2);
        match shared.count() {
            0 => false,
            1 => variants.len() == 1 && self.variants.len() == 1,
            _ => true,
        }
    }
}

impl RegisteredStudy {
    /// Hash of the values of each external that a study is compared with, by label.
    pub fn external_of(plan: &Plan, study: &PlannedStudy) -> BTreeMap<String, String> {
        let own = plan.external.iter().filter(|external| external.is_in(&study.name));
        own.map(|external| (external.label.clone(), external.hash())).collect()
    }
}

impl Registration {
    /// Registration of a plan as of now. `baselines` has the index of the variant that the others
    /// of each study are compared with.
    pub fn of(
        plan: &Plan,
        contents: &StudyContents,
        baselines: &[Option<usize>],
    ) -> Result<Self, serde_json::Error> {
        let studies = plan.studies.iter().zip(&contents.studies).zip(baselines);
        let studies = studies.map(|((study, ids), baseline)| RegisteredStudy {
            name: study.name.clone(),
            design: study.design.clone(),
            baseline: baseline.map(|at| ids[at].clone()),
            variants: study
                .variants
                .iter()
                .zip(ids)
                .map(|(variant, id)| (variant.label.clone(), id.clone()))
                .collect(),
            external: RegisteredStudy::external_of(plan, study),
        });
        Ok(Self {
            version: VERSION,
            experiment: plan.name.clone(),
            command: plan.command.clone(),
            registered_utc: utc(jiff::Timestamp::now()),
            seeds: contents.seeds.clone(),
            compare: serde_json::to_value(&plan.compare)?,
            metric: contents.metric.clone(),
            studies: studies.collect(),
        })
    }
}

impl ScoredOn {
    /// Adds what another record says of the same test set.
    pub fn extend(&mut self, other: Self) {
        self.experiments.extend(other.experiments);
        for (content, runs) in other.runs {
            self.runs.entry(content).or_default().extend(runs);
        }
        for (content, seeds) in other.compared {
            self.compared.entry(content).or_default().extend(seeds);
        }
    }

    /// Adds the seed of a scored run to what each metric compares.
    fn add_compared(&mut self, trainer: &dyn Trainer, spec: &RunSpec, seeds: &BTreeSet<Seed>) {
        for metric in &trainer.metrics().all {
            let content = compared_content(trainer, &spec.config, &spec.data, metric);
            self.compared.entry(content).or_default().extend(seeds);
        }
    }

    /// Number of runs.
    pub fn n_runs(&self) -> usize {
        self.runs.values().map(BTreeSet::len).sum()
    }
}

impl History {
    /// Every run that was ever scored.
    pub fn scored_runs(&self) -> BTreeSet<&RunId> {
        self.scored.values().flat_map(|on| on.runs.values().flatten()).collect()
    }

    /// True if a run with this content, as far as it can change a metric, and seed was scored.
    pub fn has_compared(&self, content: &ContentId, seed: Seed) -> bool {
        let mut sets = self.scored.values();
        sets.any(|on| on.compared.get(content).is_some_and(|seeds| seeds.contains(&seed)))
    }

    /// The registration of the same design, if there is one.
    pub fn same_registration(&self, registration: &Registration) -> Option<&Registration> {
        self.registered.get(&registration.name())
    }

    /// Names of the records of tables, but of this one, that compare two of these variants.
    fn overlapping(&self, variants: &[ContentId], own: &str) -> BTreeSet<String> {
        let others = self.seen.iter().filter(|(name, _)| *name != own);
        others
            .filter(|(_, seen)| seen.compares(variants))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Names of the records of tables that were there before the first one of a study. Of a study
    /// without a table: of those that are there now.
    pub fn before(&self, variants: &[ContentId], seeds: &BTreeSet<Seed>) -> BTreeSet<String> {
        let own = Seen::name_of(variants, seeds);
        match self.seen.get(&own) {
            Some(seen) => seen.after.clone(),
            None => self.overlapping(variants, &own),
        }
    }

    fn take<T: Entry>(&mut self, path: &Path, stem: &str, keep: impl FnOnce(&mut Self, T)) {
        match read::<T>(path, stem) {
            Ok(entry) => keep(self, entry),
            Err(reason) => self.unreadable.push(format!("{}: {reason}", path.display())),
        }
    }
}

/// Reads a file of the record, and checks that it is what its name says.
fn read<T: Entry>(path: &Path, stem: &str) -> Result<T, String> {
    let bytes = regular::read(path, LONGEST).map_err(|error| error.to_string())?;
    let json = unseal(&bytes).ok_or("its checksum does not match")?;
    let of_version = |version| {
        format!("it has format {version}, and this version of ablade reads format {VERSION}")
    };
    let entry: T = serde_json::from_str(json).map_err(|error| {
        let version = serde_json::from_str::<Versioned>(json).map(|found| found.version);
        match version {
            Ok(version) if version != VERSION => of_version(version),
            _ => error.to_string(),
        }
    })?;
    if entry.version() != VERSION {
        return Err(of_version(entry.version()));
    }
    if entry.name() != stem.strip_suffix(RECOVERED).unwrap_or(stem) {
        return Err("its name is not that of its content".to_owned());
    }
    Ok(entry)
}

impl Store {
    fn history_dir(&self) -> PathBuf {
        self.root().join(HISTORY)
    }

    /// Refuses if the record cannot be kept, because a file or a link has the name of its folder.
    pub fn check_history(&self) -> Result<(), StoreError> {
        let dir = self.history_dir();
        self.own(&dir)?;
        match fs::symlink_metadata(&dir) {
            Ok(found) if !found.is_dir() => Err(StoreError::Malformed {
                path: dir,
                reason: "expected the folder of the record of what was seen: move it away"
                    .to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// The record of the past. A file that cannot be read is named in it.
    pub fn history(&self) -> Result<History, StoreError> {
        let mut history = History::default();
        let dir = self.history_dir();
        let found = match entries(&dir) {
            Err(error) => {
                history.unreadable.push(error.to_string());
                return Ok(history);
            }
            Ok(found) => found,
        };
        for (path, name) in found {
            let Some(stem) = name.strip_suffix(".json") else { continue };
            let kind = stem.split('-').next().unwrap_or_default();
            match kind {
                Seen::KIND => history.take(&path, stem, |history, seen: Seen| {
                    let name = seen.name();
                    // The file of its own name knows more.
                    if name == stem || !history.seen.contains_key(&name) {
                        history.seen.insert(name, seen);
                    }
                }),
                Registration::KIND => history.take(&path, stem, |history, entry| {
                    history.registered.insert(stem.to_owned(), entry);
                }),
                Scored::KIND => history.take(&path, stem, |history, scored: Scored| {
                    for (set, on) in scored.sets {
                        history.scored.entry(set).or_default().extend(on);
                    }
                }),
                _ => continue,
            }
            history.files += 1;
        }
        let named: BTreeSet<&String> = history.seen.values().flat_map(|seen| &seen.after).collect();
        let is_missing = |name: &&String| {
            !history.seen.contains_key(*name) && !dir.join(format!("{name}.json")).exists()
        };
        let missing: Vec<String> = named
            .into_iter()
            .filter(is_missing)
            .map(|name| {
                let path =
                    dir.join(crate::text::brief(name).trim_matches('"').to_owned() + ".json");
                format!("{} is missing: a later table names it", path.display())
            })
            .collect();
        history.unreadable.extend(missing);
        Ok(history)
    }

    /// Enters the studies of a plan that have results, and their runs, before their tables are
    /// written. What is in the record already stays as it is; returns false if all of it is.
    pub fn record_tables(
        &self,
        plan: &Plan,
        contents: &StudyContents,
        history: &History,
        is_finished: &dyn Fn(&RunId) -> bool,
    ) -> Result<bool, StoreError> {
        self.enter_tables(plan, contents, history, is_finished, false)
    }

    fn enter_tables(
        &self,
        plan: &Plan,
        contents: &StudyContents,
        history: &History,
        is_finished: &dyn Fn(&RunId) -> bool,
        is_older: bool,
    ) -> Result<bool, StoreError> {
        let mut is_new_study = false;
        for (study, variants) in plan.studies.iter().zip(&contents.studies) {
            let mut runs = study.variants.iter().flat_map(PlannedVariant::all_runs);
            let name = Seen::name_of(variants, &contents.seeds);
            if history.seen.contains_key(&name) || !runs.any(is_finished) {
                continue;
            }
            let mut seen = Seen::new(&plan.name, variants, &contents.seeds);
            seen.is_older = is_older;
            if !is_older {
                seen.after = history.overlapping(variants, &name);
            }
            is_new_study |= self.enter(&seen)?;
        }
        let mut sets: BTreeMap<String, ScoredOn> = BTreeMap::new();
        let (trainer, by_id) = (self.trainer(), plan.by_id());
        let none = (ScoredOn::default(), BTreeSet::new());
        for own in &contents.configured {
            let set = trainer.test_set(&own.spec.config, &own.spec.data);
            let known = history.scored.get(&set).unwrap_or(&none.0);
            let known_runs = known.runs.get(&own.content).unwrap_or(&none.1);
            let finished = || own.runs.iter().filter(|run| is_finished(run));
            let runs: BTreeSet<RunId> =
                finished().filter(|run| !known_runs.contains(*run)).cloned().collect();
            let is_new = finished().next().is_some() && !known.experiments.contains(&plan.name);
            if runs.is_empty() && !is_new {
                continue;
            }
            let on = sets.entry(set).or_default();
            if is_new {
                on.experiments.insert(plan.name.clone());
            }
            if !runs.is_empty() {
                let seeds = runs.iter().filter_map(|run| Some(by_id.get(run)?.seed)).collect();
                on.add_compared(&**trainer, own.spec, &seeds);
                on.runs.entry(own.content.clone()).or_default().extend(runs);
            }
        }
        Ok(self.enter_scored(sets)? || is_new_study)
    }

    fn enter_scored(&self, sets: BTreeMap<String, ScoredOn>) -> Result<bool, StoreError> {
        Ok(!sets.is_empty() && self.enter(&Scored { version: VERSION, sets })?)
    }

    /// Tables on disk of an experiment that the record lacks: it was damaged, or removed. Their time,
    /// and the tables before them, are not known.
    fn lost(&self, name: &str, history: &History) -> Result<Vec<Seen>, StoreError> {
        // A plan that cannot be read is reported by the commands about it.
        let Ok(plan) = self.load_plan(name) else { return Ok(Vec::new()) };
        let Ok(store) = self.of(&plan) else { return Ok(Vec::new()) };
        let path = self.experiment_dir(name)?.join("runs.csv");
        let table = regular::read(&path, LONGEST).unwrap_or_default();
        let table = String::from_utf8_lossy(&table);
        // A plan that has replaced another may wait for its table.
        let shown: BTreeSet<RunId> =
            table.split([',', '\n', '\r']).filter_map(RunId::parse).collect();
        let planned = plan.by_id();
        if planned.len() != shown.len() || !shown.iter().all(|run| planned.contains_key(run)) {
            return Ok(Vec::new());
        }
        let finished = self.finished(&plan)?;
        let contents = plan.contents(&**store.trainer());
        let studies = plan.studies.iter().zip(&contents.studies).filter(|(study, variants)| {
            let mut runs = study.variants.iter().flat_map(PlannedVariant::all_runs);
            let name = Seen::name_of(variants, &contents.seeds);
            !history.seen.contains_key(&name) && runs.any(|run| finished.contains(run))
        });
        let seen = |variants: &[ContentId]| Seen {
            is_older: true,
            ..Seen::new(&plan.name, variants, &contents.seeds)
        };
        Ok(studies.map(|(_, variants)| seen(variants)).collect())
    }

    /// The record of the past, completed by the tables on disk of an experiment.
    pub fn history_with_tables_of(&self, name: &str) -> Result<History, StoreError> {
        let mut history = self.history()?;
        for seen in self.lost(name, &history)? {
            history.seen.insert(seen.name(), seen);
        }
        Ok(history)
    }

    /// Enters the tables on disk of an experiment that the record lacks, before its plan is
    /// replaced: next to a damaged file, which stays.
    pub fn recover_history(&self, name: &str) -> Result<(), StoreError> {
        for seen in self.lost(name, &self.history()?)? {
            if !self.enter(&seen)? {
                self.put_once(&format!("{}{RECOVERED}.json", seen.name()), &seen)?;
            }
        }
        Ok(())
    }

    /// Enters a registration; returns false if the same one is there already.
    pub fn register(&self, registration: &Registration) -> Result<bool, StoreError> {
        self.enter(registration)
    }

    /// Enters files of the record of other results, by their names and paths, as far as they are not
    /// here. Returns the number of new ones, and the reason for each that is not entered: a table is
    /// not entered without those that it names as earlier. Without `writes` it only looks.
    pub(super) fn add_records(
        &self,
        files: impl Iterator<Item = (String, PathBuf)>,
        writes: bool,
    ) -> Result<(usize, Vec<(String, String)>), StoreError> {
        let here = self.history()?;
        let is_here = |name: &str| self.history_dir().join(format!("{name}.json")).exists();
        let (mut seen, mut others, mut refused) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (file, path) in files {
            let Some(stem) = file.strip_suffix(".json") else { continue };
            let kind = stem.split('-').next().unwrap_or_default();
            let taken = match kind {
                Seen::KIND => read::<Seen>(&path, stem).map(|entry| {
                    seen.entry(entry.name()).or_insert((file.clone(), entry));
                }),
                Registration::KIND => {
                    read(&path, stem).map(|entry| others.push(Record::Registration(entry)))
                }
                Scored::KIND => read(&path, stem).map(|entry| others.push(Record::Scored(entry))),
                // That tables of earlier versions were entered is known of the source alone.
                _ => continue,
            };
            refused.extend(taken.err().map(|reason| (file.clone(), reason)));
        }
        loop {
            let lacks = |(_, entry): &(String, Seen)| {
                let mut after = entry.after.iter();
                after.find(|name| !seen.contains_key(*name) && !is_here(name)).cloned()
            };
            let lacking: Vec<_> = seen
                .iter()
                .filter(|(name, _)| !here.seen.contains_key(*name))
                .filter_map(|(name, entry)| Some((name.clone(), lacks(entry)?)))
                .collect();
            if lacking.is_empty() {
                break;
            }
            for (name, lacks) in lacking {
                if let Some((file, _)) = seen.remove(&name) {
                    let reason = format!("{} is missing, which it names as earlier", brief(&lacks));
                    refused.push((file, reason));
                }
            }
        }
        others.extend(seen.into_values().map(|(_, entry)| Record::Seen(entry)));
        let mut n_new = 0;
        for entry in others {
            n_new += usize::from(match &entry {
                _ if !writes => !is_here(&entry.name()),
                Record::Seen(entry) => self.enter(entry)?,
                Record::Registration(entry) => self.enter(entry)?,
                Record::Scored(entry) => self.enter(entry)?,
            });
        }
        Ok((n_new, refused))
    }

    /// Enters the runs among what is about to be removed: they were scored all the same. Returns
    /// the number of runs that cannot be read, so that they are in no count.
    pub fn record_removed(&self, garbage: &[Garbage]) -> Result<usize, StoreError> {
        let history = self.history()?;
        let mut sets: BTreeMap<String, ScoredOn> = BTreeMap::new();
        let (mut n_unread, scored) = (0, history.scored_runs());
        let published = garbage.iter().filter_map(|item| {
            let name = item.path.file_name()?.to_str()?;
            (item.path.parent()? == self.runs()).then(|| RunId::parse(name)).flatten()
        });
        for run in published.filter(|run| self.is_published(run) && !scored.contains(run)) {
            let read = match self.program(&run) {
                // Its settings identify it without its declaration, which is not there any more.
                Ok(Some(_)) => self.settings_of(&run).map(|(config, data)| {
                    let bytes = format!("{config}\n{data}").into_bytes();
                    let identity = Identity { bytes, since: Vec::new() };
                    (data, Hashed::new(&identity).content(), None)
                }),
                Ok(None) => self.spec(&run).map(|spec| {
                    let trainer = &**self.trainer();
                    let content = hashed(trainer, &spec.config, &spec.data).content();
                    (trainer.test_set(&spec.config, &spec.data), content, Some(spec))
                }),
                Err(error) => Err(error),
            };
            match read {
                Ok((set, content, spec)) => {
                    let on = sets.entry(set).or_default();
                    if let Some(spec) = spec {
                        on.add_compared(&**self.trainer(), &spec, &BTreeSet::from([spec.seed]));
                    }
                    on.runs.entry(content).or_default().insert(run);
                }
                Err(_) => n_unread += 1,
            }
        }
        self.enter_scored(sets)?;
        Ok(n_unread)
    }

    /// Enters the tables of all experiments of an earlier version, which kept no record, once: an
    /// experiment whose plan is then replaced had been seen before. Which of them came first is not
    /// known.
    pub fn begin_history(&self) -> Result<(), StoreError> {
        let dir = self.history_dir();
        if is_file(&dir.join(BEGUN)) {
            return Ok(());
        }
        let history = self.history()?;
        for name in self.experiments()? {
            // A plan that cannot be read is reported by the commands about it.
            let Ok(plan) = self.load_plan(&name) else { continue };
            let Ok(store) = self.of(&plan) else { continue };
            if !is_file(&self.experiment_dir(&name)?.join("ablation.csv")) {
                continue;
            }
            let finished = self.finished(&plan)?;
            let contents = plan.contents(&**store.trainer());
            let is_finished = |run: &RunId| finished.contains(run);
            store.enter_tables(&plan, &contents, &history, &is_finished, true)?;
        }
        self.put_once(BEGUN, &Begun { version: VERSION }).map(drop)
    }

    fn enter<T: Entry>(&self, entry: &T) -> Result<bool, StoreError> {
        self.put_once(&format!("{}.json", entry.name()), entry)
    }

    /// Creates a file of the record, complete or not at all; returns false if it is there already.
    fn put_once<T: Serialize>(&self, name: &str, value: &T) -> Result<bool, StoreError> {
        let dir = self.history_dir();
        self.check_history()?;
        create_dirs(&dir)?;
        let path = dir.join(name);
        if fs::symlink_metadata(&path).is_ok() {
            return Ok(false);
        }
        let json = serde_json::to_string(value).map_err(|error| StoreError::Malformed {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        let scratch = self.scratch_path()?;
        let made = write_synced(&scratch, &[seal(&json).as_bytes()]).and_then(|()| {
            let linked: io::Result<bool> = link(&scratch, &path);
            linked.map_err(StoreError::io("write", &path))
        });
        let removed = remove_if_there(&scratch);
        let made = made?;
        removed?;
        sync_dir(&dir)?;
        Ok(made)
    }
}
