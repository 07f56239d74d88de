//! Settings that have no effect given others, or on data of this shape: variants that differ in
//! nothing else cannot differ in the compared metric.

use super::metrics::{AVERAGED, MIXTURE};
use crate::config::{RunConfig, SampleConfig};
use crate::data::{DataConfig, DataSize, Shape};
use crate::made::degrees::DegreeRule;
use crate::made::ordering::{Ordering, OrderingRule};
use crate::made::{Activation, MaskCount, Resample};
use crate::rng::{Purpose, Seed};
use crate::train::Schedule;

/// Configuration in which every setting that cannot change `metric` on data of this size has its
/// default. Effects of `[data]` are left to code that has the images.
pub(super) fn effective(config: &RunConfig, size: DataSize, metric: &str) -> RunConfig {
    let mut config = config.clone();
    let ordering = &mut config.model.ordering;
    *ordering = first_alike(*ordering, size.shape);
    config.train.batch = config.train.batch.min(size.train);
    RunConfig { data: DataConfig::default(), ..on_any_data(&config, metric) }
}

/// Configuration in which every setting that cannot change `metric` on any data has its default.
pub(super) fn on_any_data(config: &RunConfig, metric: &str) -> RunConfig {
    let default = RunConfig::default();
    let mut config = config.clone();
    let sampled = if metric == AVERAGED { config.sample.masks } else { default.sample.masks };
    config.sample = SampleConfig { masks: sampled, ..default.sample };
    if metric != MIXTURE || config.model.masks != MaskCount::Fresh {
        config.evaluate = default.evaluate;
    }
    let model = &mut config.model;
    if !model.output.is_mixture() {
        model.components = default.model.components;
    }
    if !config.data.levels.is_grey() {
        model.input = default.model.input;
    }
    if model.hidden.is_empty() {
        (model.activation, model.degrees) = (Activation::Relu, DegreeRule::Random);
        if !model.skip {
            // No pixel depends on any other.
            (model.init, model.ordering) = (default.model.init, OrderingRule::Raster);
            model.input = default.model.input;
        }
    }
    let only_one = model.masks == MaskCount::Cycle(1);
    let orderings_fixed =
        model.ordering != OrderingRule::Random && model.resample == Resample::Connectivity;
    let degrees_fixed = model.hidden.is_empty() && model.resample == Resample::Ordering;
    if only_one || orderings_fixed || degrees_fixed {
        model.resample = default.model.resample;
    }
    let train = &mut config.train;
    if only_one {
        train.remask_every = default.train.remask_every;
    }
    if train.patience >= train.epochs {
        train.patience = 0;
    }
    let factors = |schedule: &Schedule| -> Vec<f64> {
        (0..train.epochs).map(|epoch| schedule.factor(epoch, train.epochs)).collect()
    };
    if train.schedule != Schedule::Constant
        && factors(&train.schedule).iter().all(|&factor| factor == 1.0)
    {
        train.schedule = Schedule::Constant;
    }
    config
}

/// First rule that gives the same path over pixels of this shape as `rule`.
fn first_alike(rule: OrderingRule, shape: Shape) -> OrderingRule {
    if shape.height > 2 && shape.width > 2 || rule == OrderingRule::Random && shape.dim() > 1 {
        return rule;
    }
    let order = |rule| Ordering::new(rule, shape, &mut Seed(0).stream(Purpose::Ordering, 0));
    let own = order(rule);
    OrderingRule::ALL.into_iter().find(|&other| order(other) == own).unwrap_or(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: usize, height: usize, train: usize) -> DataSize {
        DataSize {
            shape: Shape { width, height },
            train,
            valid: 5,
            test: 5,
            classes: 0,
        }
    }

    #[test]
    fn orderings_of_a_grid_are_alike_on_vectors_alone() {
        let kinds = |width, height| {
            let mut kinds: Vec<OrderingRule> = Vec::new();
            for rule in OrderingRule::ALL {
                let first = first_alike(rule, Shape { width, height });
                if !kinds.contains(&first) {
                    kinds.push(first);
                }
            }
            kinds.len()
        };
        // Forwards, backwards, checkerboard, random.
        assert_eq!((kinds(144, 1), kinds(12, 12), kinds(3, 3), kinds(1, 1)), (4, 9, 9, 1));
        for (width, height) in (3..6).flat_map(|w| (3..6).map(move |h| (w, h))) {
            let shape = Shape { width, height };
            let order =
                |rule| Ordering::new(rule, shape, &mut Seed(0).stream(Purpose::Ordering, 0));
            for (i, a) in OrderingRule::ALL.into_iter().enumerate() {
                assert!(
                    OrderingRule::ALL[..i].iter().all(|&b| order(a) != order(b)),
                    "{a:?} on {width} x {height}"
                );
            }
        }
    }

    type Change = fn(&mut RunConfig);

    /// True if a change affects the effective configuration.
    fn has_effect(base: Change, change: Change, metric: &str) -> bool {
        let mut before = RunConfig::default();
        base(&mut before);
        let mut after = before.clone();
        change(&mut after);
        let of = |config: &RunConfig| effective(config, size(4, 4, 60), metric);
        of(&before) != of(&after)
    }

    #[test]
    fn what_has_no_effect_depends_on_the_other_settings() {
        let test = super::super::metrics::TEST;
        let cases: [(Change, Change, bool); 15] = [
            (|_| {}, |c| c.sample.count = 3, false),
            (|_| {}, |c| c.train.remask_every = 3, false),
            (|c| c.model.masks = MaskCount::Cycle(2), |c| c.train.remask_every = 3, true),
            (|_| {}, |c| c.model.resample = Resample::Connectivity, false),
            (
                |c| c.model.masks = MaskCount::Cycle(2),
                |c| c.model.resample = Resample::Connectivity,
                false,
            ),
            (
                |c| (c.model.masks, c.model.ordering) = (MaskCount::Cycle(2), OrderingRule::Random),
                |c| c.model.resample = Resample::Connectivity,
                true,
            ),
            (|c| c.model.hidden = vec![], |c| c.model.degrees = DegreeRule::Even, false),
            (|_| {}, |c| c.model.degrees = DegreeRule::Even, true),
            (|c| c.model.hidden = vec![], |c| c.model.ordering = OrderingRule::Spiral, false),
            (
                |c| (c.model.hidden, c.model.skip) = (vec![], true),
                |c| c.model.ordering = OrderingRule::Spiral,
                true,
            ),
            (|c| c.train.batch = 60, |c| c.train.batch = 200, false),
            (|c| c.train.batch = 59, |c| c.train.batch = 60, true),
            (|c| c.train.epochs = 5, |c| c.train.patience = 5, false),
            (|c| c.train.epochs = 5, |c| c.train.patience = 4, true),
            (
                |c| c.train.epochs = 3,
                |c| c.train.schedule = Schedule::Steps { at: vec![0.9], factor: 0.1 },
                false,
            ),
        ];
        for (i, (base, change, effect)) in cases.into_iter().enumerate() {
            assert_eq!(has_effect(base, change, test), effect, "case {i}");
        }
        let fresh: Change = |c| c.model.masks = MaskCount::Fresh;
        let scored: Change = |c| c.evaluate.fresh_masks = 4;
        assert!(!has_effect(fresh, scored, test));
        assert!(has_effect(fresh, scored, MIXTURE));
    }
}
