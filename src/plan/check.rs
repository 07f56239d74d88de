//! Consistency checks of a plan read from disk, beyond its types: that its parts fit each other. A
//! checksum shows that the file has not been changed by accident, but not that its author was
//! honest; all code that reads a plan afterwards relies on these checks.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Axis, Compare, Correction, DPI, PairedTest, Plan, PlannedStudy, PlannedVariant, RunId, RunSpec,
    folder_name_problem,
};
use crate::text::{brief, count};
use crate::trainer::Trainer;

/// Maximum length of the label of a variant, or of a level of an axis [bytes].
const LONGEST_LABEL: usize = 1000;
/// Maximum length of a text [bytes]: no experiment file is longer.
const LONGEST_TEXT: usize = 2 << 20;

type Checked = Result<(), String>;

/// Reason why a text cannot be a label, if there is one.
pub(crate) fn unfit(label: &str) -> Option<String> {
    if label.len() > LONGEST_LABEL {
        return Some(format!(
            "is {} bytes long, at most {LONGEST_LABEL} are expected",
            label.len()
        ));
    }
    label
        .chars()
        .any(char::is_control)
        .then(|| "holds a control character".to_owned())
}

fn ensure(right: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if right { Ok(()) } else { Err(otherwise()) }
}

fn label(field: &str, text: &str) -> Checked {
    unfit(text).map_or(Ok(()), |why| Err(format!("{field}, {}, {why}", brief(text))))
}

impl Plan {
    /// Checks that this program could have written the plan: all references exist, and every run
    /// has the id of its own specification. The error names the field.
    pub fn check(&self, trainer: &dyn Trainer) -> Result<(), String> {
        for (field, text) in
            [("question", &self.question), ("notes", &self.notes), ("command", &self.command)]
        {
            ensure(text.len() <= LONGEST_TEXT, || {
                format!("{field} is longer than {LONGEST_TEXT} bytes")
            })?;
        }
        let level = self.compare.level;
        ensure(level > 0.0 && level < 1.0, || {
            format!("compare.level is {level}, expected between 0 and 1")
        })?;
        let metric = &self.compare.metric;
        ensure(trainer.metrics().get(metric).is_some(), || {
            format!("compare.metric is {}, which is not a metric", brief(metric))
        })?;
        let Compare { test, correction, negligible, .. } = self.compare;
        ensure(test == PairedTest::SignFlip || correction != Correction::MaxT, || {
            "compare.correction is max-t, which does not go with compare.test = t".to_owned()
        })?;
        ensure(negligible.is_none_or(|margin| margin > 0.0 && margin.is_finite()), || {
            let margin = negligible.unwrap_or_default();
            format!("compare.negligible is {margin}, expected above 0 and finite")
        })?;
        let dpi = self.plots.dpi;
        ensure(dpi.is_none_or(|dpi| DPI.contains(&u64::from(dpi))), || {
            format!("plots.dpi is {}, expected from 50 to 2400", dpi.unwrap_or_default())
        })?;
        for name in self.plots.only.iter().flatten() {
            label("plots.only", name)?;
        }
        label("compare.baseline", self.compare.baseline.as_deref().unwrap_or_default())?;
        for (i, missing) in self.missing.iter().enumerate() {
            for text in [&missing.data.name, &missing.data.why] {
                label(&format!("missing[{i}]"), text)?;
            }
            // It is part of a command that is printed.
            let is_known = missing.data.download.is_some();
            ensure(!is_known || folder_name_problem(&missing.data.name).is_none(), || {
                format!("missing[{i}].data is {}, which is no set", brief(&missing.data.name))
            })?;
        }
        distinct("seeds", &self.seeds)?;
        distinct("studies", &self.studies.iter().map(|study| &study.name).collect::<Vec<_>>())?;
        self.check_external()?;
        self.check_ids(trainer)?;
        let by_id = self.by_id();
        ensure(by_id.len() == self.runs.len(), || "runs holds a run twice".to_owned())?;
        let mut used = BTreeSet::new();
        for (i, study) in self.studies.iter().enumerate() {
            study.check(&format!("studies[{i}]"))?;
            study.check_blocks(&format!("studies[{i}]"), &self.compare.within)?;
            for (k, variant) in study.variants.iter().enumerate() {
                self.check_runs(&format!("studies[{i}].variants[{k}]"), variant, &by_id)?;
                used.extend(variant.all_runs());
            }
        }
        let idle = self.runs.iter().position(|run| !used.contains(&run.id));
        ensure(idle.is_none(), || {
            format!("runs[{}] belongs to no variant", idle.unwrap_or_default())
        })
    }

    /// Checks that values of other tools are finite, one for each seed, and have a label.
    fn check_external(&self) -> Checked {
        let names = || self.external.iter().map(|external| &external.name);
        if names().next().is_some() {
            distinct("external", &names().collect::<Vec<_>>())?;
        }
        for (i, external) in self.external.iter().enumerate() {
            for text in [&external.label, &external.file] {
                label(&format!("external[{i}]"), text)?;
            }
            let seeds: Vec<_> = external.values.iter().map(|own| own.seed).collect();
            distinct(&format!("external[{i}].values"), &seeds)?;
            ensure(external.values.iter().all(|own| own.value.is_finite()), || {
                format!("external[{i}].values holds a value that is not finite")
            })?;
        }
        Ok(())
    }

    /// Checks that ids are the hashes of the runs that they identify.
    fn check_ids(&self, trainer: &dyn Trainer) -> Checked {
        let other = self.runs.iter().position(|run| !run.explains_its_id(trainer));
        other.map_or(Ok(()), |i| {
            Err(format!(
                "runs[{i}].id is {}, and its specification has another",
                self.runs[i].id
            ))
        })
    }

    /// Checks that a variant names one run per seed, each in the plan and with that seed, all of
    /// one configuration.
    fn check_runs(
        &self,
        at: &str,
        variant: &PlannedVariant,
        by_id: &BTreeMap<&RunId, &RunSpec>,
    ) -> Checked {
        let one = |at: &str, runs: &[RunId]| {
            ensure(runs.len() == self.seeds.len(), || {
                format!(
                    "{at}.runs holds {}, one for each of {} seeds is expected",
                    runs.len(),
                    self.seeds.len()
                )
            })?;
            let mut first: Option<&RunSpec> = None;
            for (k, (run, seed)) in runs.iter().zip(&self.seeds).enumerate() {
                let spec = by_id
                    .get(run)
                    .ok_or_else(|| format!("{at}.runs[{k}] is {run}, which is not among runs"))?;
                let first = *first.get_or_insert(spec);
                ensure(spec.seed == *seed && spec.config == first.config, || {
                    format!("{at}.runs[{k}] is {run}, which has another seed or configuration")
                })?;
            }
            Ok(())
        };
        for (k, candidate) in variant.candidates.iter().enumerate() {
            one(&format!("{at}.candidates[{k}]"), &candidate.runs)?;
        }
        let chosen = variant.candidates.iter().any(|candidate| candidate.runs == variant.runs);
        ensure(chosen || variant.candidates.is_empty(), || {
            format!("{at}.runs are those of no candidate")
        })?;
        one(at, &variant.runs)
    }
}

impl PlannedStudy {
    fn check(&self, at: &str) -> Checked {
        label(&format!("{at}.design"), &self.design)?;
        for text in [&self.question, &self.notes] {
            ensure(text.len() <= LONGEST_TEXT, || {
                format!("{at} has a text of more than {LONGEST_TEXT} bytes")
            })?;
        }
        distinct(
            &format!("{at}.variants"),
            &self.variants.iter().map(|variant| &variant.name).collect::<Vec<_>>(),
        )?;
        distinct(
            &format!("{at}.variants"),
            &self.variants.iter().map(|variant| &variant.label).collect::<Vec<_>>(),
        )?;
        let baseline = self.baseline.unwrap_or(0);
        ensure(baseline < self.variants.len(), || {
            format!("{at}.baseline is {baseline}, of {}", count(self.variants.len(), "variant"))
        })?;
        let mut levels: Vec<BTreeSet<&str>> = Vec::new();
        for (i, axis) in self.axes.iter().enumerate() {
            axis.check(&format!("{at}.axes[{i}]"))?;
            levels.push(axis.levels.iter().map(String::as_str).collect());
        }
        for (k, variant) in self.variants.iter().enumerate() {
            let at = format!("{at}.variants[{k}]");
            let candidates =
                variant.candidates.iter().map(|candidate| (&candidate.label, &candidate.levels));
            for (text, chosen) in [(&variant.label, &variant.levels)].into_iter().chain(candidates)
            {
                label(&format!("{at}.label"), text)?;
                let fit = chosen.len() == levels.len()
                    && chosen
                        .iter()
                        .zip(&levels)
                        .all(|(level, known)| known.contains(level.as_str()));
                ensure(fit, || {
                    format!("{at}.levels holds something else than a level of each axis")
                })?;
            }
        }
        Ok(())
    }

    /// Checks that the axes `within` exist, and that each block has every method at most once.
    fn check_blocks(&self, at: &str, within: &[String]) -> Checked {
        for path in within {
            ensure(self.axes.iter().any(|axis| axis.path == *path && !axis.tune), || {
                format!("compare.within holds {}, which is no axis of {at}", brief(path))
            })?;
        }
        if within.is_empty() {
            return Ok(());
        }
        for (k, variant) in self.variants.iter().enumerate() {
            let method = variant.method.as_ref();
            ensure(method.is_some(), || format!("{at}.variants[{k}].method is missing"))?;
            let text = method.map_or("", |method| &method.label);
            label(&format!("{at}.variants[{k}].method"), text)?;
        }
        for block in self.blocks(within, self.baseline) {
            let methods = block.variants.iter().map(|&v| &self.variants[v].method);
            distinct(
                &format!("the methods of the block {}", block.name),
                &methods.collect::<Vec<_>>(),
            )?;
        }
        Ok(())
    }
}

impl Axis {
    fn check(&self, at: &str) -> Checked {
        label(&format!("{at}.path"), &self.path)?;
        label(&format!("{at}.column"), &self.column)?;
        self.levels.iter().try_for_each(|level| label(&format!("{at}.levels"), level))
    }
}

/// Checks that a list is not empty and has no duplicates.
fn distinct<T: Ord>(field: &str, all: &[T]) -> Checked {
    ensure(!all.is_empty(), || format!("{field} is empty"))?;
    let different = all.iter().collect::<BTreeSet<_>>().len();
    ensure(different == all.len(), || {
        format!("{field} holds {} of which {different} differ", all.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use crate::plan::{Method, MissingData, PlannedCandidate, PlotOptions, hashed};
    use crate::rng::Seed;
    use crate::trainer::AbsentData;
    use crate::trainers::made::{MadeTrainer, config_of};

    /// Two variants with two seeds each, the second one tuned.
    fn plan() -> Plan {
        let mut plan = Plan {
            name: "study".into(),
            question: String::new(),
            notes: String::new(),
            command: String::new(),
            external: Vec::new(),
            studies: Vec::new(),
            seeds: vec![Seed(1), Seed(2)],
            compare: Compare::default(),
            plots: PlotOptions::default(),
            runs: Vec::new(),
            program: None,
            data: Vec::new(),
            missing: Vec::new(),
        };
        let mut add = |epochs: usize| {
            let mut config = RunConfig::default();
            config.train.epochs = epochs;
            let config = config_of(&config);
            let spec = |seed: &Seed| RunSpec {
                id: hashed(&*MadeTrainer::shared(), &config, "d").run(*seed),
                seed: *seed,
                data: "d".into(),
                config: config.clone(),
                earlier: None,
            };
            plan.runs.extend(plan.seeds.iter().map(spec));
            plan.runs[plan.runs.len() - 2..]
                .iter()
                .map(|run| run.id.clone())
                .collect::<Vec<_>>()
        };
        let runs = [add(1), add(2), add(3)];
        let candidate = |label: &str, runs: &[RunId]| PlannedCandidate {
            label: label.into(),
            levels: vec![label.into()],
            runs: runs.to_vec(),
        };
        let variant = |name: &str, runs: &[RunId], candidates| PlannedVariant {
            label: name.into(),
            name: name.into(),
            levels: vec!["x".into()],
            runs: runs.to_vec(),
            candidates,
            method: None,
        };
        plan.studies.push(PlannedStudy {
            name: "study".into(),
            question: String::new(),
            notes: String::new(),
            design: "grid".into(),
            axes: vec![Axis {
                path: "train.epochs".into(),
                column: "epochs".into(),
                levels: vec!["x".into(), "y".into()],
                tune: true,
            }],
            variants: vec![
                variant("baseline", &runs[0], vec![]),
                variant(
                    "tuned",
                    &runs[1],
                    vec![candidate("x", &runs[1]), candidate("y", &runs[2])],
                ),
            ],
            baseline: Some(0),
        });
        plan
    }

    /// A known set that was not there.
    fn missing(data: &str) -> MissingData {
        MissingData {
            data: AbsentData {
                name: data.into(),
                why: "not there".into(),
                download: Some(u64::MAX),
            },
            variants: usize::MAX,
        }
    }

    #[test]
    fn a_plan_whose_parts_do_not_fit_is_refused_by_the_name_of_the_field() {
        plan().check(&*MadeTrainer::shared()).unwrap();
        let mut sound = plan();
        sound.missing = vec![missing("nips"), missing("web")];
        sound.check(&*MadeTrainer::shared()).unwrap();
        assert_eq!(sound.left_out().len(), 1);
        let changes: [(&str, fn(&mut Plan)); 31] = [
            ("missing[0].data is \"nips; rm x\"", |plan| {
                plan.missing = vec![missing("nips; rm x")];
            }),
            ("missing[0], \"a\\nb\"", |plan| plan.missing = vec![missing("a\nb")]),
            ("compare.level is 2", |plan| plan.compare.level = 2.0),
            ("plots.dpi is 7,", |plan| plan.plots.dpi = Some(7)),
            ("compare.level is NaN", |plan| plan.compare.level = f64::NAN),
            ("compare.correction is max-t", |plan| plan.compare.test = PairedTest::T),
            ("compare.negligible is 0,", |plan| plan.compare.negligible = Some(0.0)),
            ("compare.negligible is NaN", |plan| plan.compare.negligible = Some(f64::NAN)),
            ("compare.negligible is inf", |plan| {
                plan.compare.negligible = Some(f64::INFINITY);
            }),
            ("compare.within holds \"model.masks\"", |plan| {
                plan.compare.within = vec!["model.masks".into()];
            }),
            ("variants[0].method is missing", |plan| {
                plan.studies[0].axes[0].tune = false;
                plan.compare.within = vec!["train.epochs".into()];
            }),
            ("the methods of the block x holds 2", |plan| {
                plan.studies[0].axes[0].tune = false;
                plan.compare.within = vec!["train.epochs".into()];
                let method = Some(Method { label: "m".into(), name: "m".into() });
                plan.studies[0].variants.iter_mut().for_each(|v| v.method = method.clone());
            }),
            ("seeds is empty", |plan| plan.seeds.clear()),
            ("seeds holds 2", |plan| plan.seeds[1] = plan.seeds[0]),
            ("studies is empty", |plan| plan.studies.clear()),
            ("studies holds 2", |plan| plan.studies.push(plan.studies[0].clone())),
            ("runs[1].id", |plan| plan.runs[1].seed = Seed(7)),
            ("runs[0].id", |plan| plan.runs[0].data = "e".into()),
            ("runs holds a run twice", |plan| plan.runs.push(plan.runs[0].clone())),
            ("which is not among runs", |plan| drop(plan.runs.remove(2))),
            ("runs[2] belongs to no variant", |plan| {
                let variant = plan.studies[0].variants.pop().unwrap();
                plan.studies[0].baseline = None;
                drop(variant);
            }),
            ("variants is empty", |plan| plan.studies[0].variants.clear()),
            ("variants holds 2", |plan| plan.studies[0].variants[1].label = "baseline".into()),
            ("baseline is 2, of 2", |plan| plan.studies[0].baseline = Some(2)),
            ("variants[1].levels", |plan| plan.studies[0].variants[1].levels.clear()),
            ("variants[1].levels", |plan| {
                plan.studies[0].variants[1].candidates[1].levels[0] = "z".into();
            }),
            ("variants[0].runs holds 1", |plan| plan.studies[0].variants[0].runs.truncate(1)),
            ("variants[0].runs[0]", |plan| plan.studies[0].variants[0].runs.reverse()),
            ("variants[1].runs are those of no candidate", |plan| {
                plan.studies[0].variants[1].runs = plan.studies[0].variants[0].runs.clone();
            }),
            ("axes[0].levels", |plan| plan.studies[0].axes[0].levels[1] = "a\u{1b}[2J".into()),
            ("variants[0].label", |plan| plan.studies[0].variants[0].label = "a".repeat(1001)),
        ];
        for (expected, change) in changes {
            let mut changed = plan();
            change(&mut changed);
            let refused = changed.check(&*MadeTrainer::shared()).expect_err(expected);
            assert!(refused.contains(expected), "{refused}, expected {expected}");
        }
    }

    #[test]
    fn ids_and_names_are_checked_as_they_are_read() {
        let sound = serde_json::to_string(&plan()).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&sound).unwrap(), plan());
        let id = plan().runs[0].id.to_string();
        for bad in [
            "/home/me",
            "..",
            "r0123456789abcdeF",
            "r0123456789abcde",
            "",
            "r0123456789abcdef/..",
            "r\\u0000",
        ] {
            assert!(serde_json::from_str::<Plan>(&sound.replace(&id, bad)).is_err(), "{bad}");
        }
        for bad in ["../x", "a/b", "", "-x", "a\\n"] {
            let other = sound.replace("\"name\":\"study\"", &format!("\"name\":\"{bad}\""));
            assert!(serde_json::from_str::<Plan>(&other).is_err(), "{bad}");
            let other = sound.replace("\"data\":\"d\"", &format!("\"data\":\"{bad}\""));
            assert!(serde_json::from_str::<Plan>(&other).is_err(), "{bad}");
        }
    }
}
