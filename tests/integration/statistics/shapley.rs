//! Shapley values of studies: they add up in every seed, and exist where they say something.

use ablade::experiment::{Overrides, load};
use ablade::plan::Compare;
use ablade::results::ExperimentResults;
use proptest::prelude::*;

use super::fixture::study;
use crate::support::made;

/// Values by variant and seed of a grid of `axes` axes with two levels; `None`: the run diverged.
fn grid() -> impl Strategy<Value = (Vec<usize>, Vec<Vec<Option<f64>>>)> {
    (3usize..6, 1usize..5).prop_flat_map(|(axes, seeds)| {
        let value = prop_oneof![30 => (50.0..120.0f64).prop_map(Some), 1 => Just(None)];
        let values = prop::collection::vec(prop::collection::vec(value, seeds), 1 << axes);
        values.prop_map(move |values| (vec![2; axes], values))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The baseline may be any variant: then its levels are those from which the changes start.
    #[test]
    fn they_add_up_to_the_whole_difference_in_every_seed(
        (shape, values) in grid(),
        baseline in any::<prop::sample::Index>(),
    ) {
        let mut study = study(&shape, &values, Compare::default());
        let baseline = baseline.index(values.len());
        study.plan.studies[0].baseline = Some(baseline);
        // Every level is the other one: the variant whose index is the complement.
        let opposite = values.len() - 1 - baseline;
        let shapley = study.shapley(0).unwrap();
        prop_assert_eq!(shapley.shares.len(), shape.len());
        for seed in 0..values[0].len() {
            let complete = values.iter().all(|own| own[seed].is_some());
            let whole = complete
                .then(|| values[opposite][seed].unwrap() - values[baseline][seed].unwrap());
            prop_assert_eq!(shapley.whole_by_seed[seed], whole);
            let sum: Option<f64> = shapley.shares.iter().map(|share| share.by_seed[seed]).sum();
            prop_assert_eq!(sum.is_some(), complete);
            if let (Some(sum), Some(whole)) = (sum, whole) {
                prop_assert!((sum - whole).abs() < 1e-10, "{sum}, expected {whole}");
            }
        }
        let means: f64 = shapley.shares.iter().filter_map(|share| Some(share.estimate?.mean)).sum();
        let whole = shapley.whole.map_or(0.0, |whole| whole.mean);
        prop_assert!((means - whole).abs() < 1e-9, "{means}, expected {whole}");
    }
}

fn of_shape(shape: &[usize]) -> ExperimentResults {
    let variants = shape.iter().product::<usize>();
    let values: Vec<_> = (0..variants).map(|v| vec![Some(90.0 + v as f64); 3]).collect();
    study(shape, &values, Compare::default())
}

#[test]
fn only_grids_of_three_axes_with_two_levels_have_them() {
    for (shape, there) in [
        (&[2, 2][..], false),
        (&[2, 2, 3], false),
        (&[8], false),
        (&[2, 2, 2], true),
        (&[2, 1, 2, 2], true),
    ] {
        let study = of_shape(shape);
        assert_eq!(study.shapley(0).is_some(), there, "{shape:?}");
    }
    let mut incomplete = of_shape(&[2, 2, 2]);
    incomplete.plan.studies[0].variants.pop();
    assert_eq!(incomplete.shapley(0), None, "a variant is missing");
}

#[test]
fn the_experiment_on_interactions_has_them() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/experiments/interaction.toml");
    let experiment = load(file.as_ref(), &Overrides::default(), &*made()).unwrap();
    let study = &experiment.studies[0];
    let sizes: Vec<usize> = study.axes.iter().map(|axis| axis.levels.len()).collect();
    assert_eq!((sizes, study.variants.len()), (vec![2; 4], 16));
    assert_eq!(of_shape(&[2; 4]).shapley(0).unwrap().shares.len(), 4);
}
