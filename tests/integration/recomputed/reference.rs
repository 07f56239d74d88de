//! Training by candle's autograd agrees with that by the kernels, up to rounding.

use ablade::trainers::made::run::{MadeRun, compare_with_reference, epoch_of};
use ablade::trainers::made::run_config;

use super::kinds::{self, KINDS};

#[test]
fn training_by_autograd_gives_the_same_run_of_every_kind() {
    let mut wrong = Vec::new();
    for i in 0..KINDS {
        let spec = kinds::spec(&kinds::config(i));
        let data = kinds::data(run_config(&spec.config));
        let run = MadeRun::of(&spec.key());
        let output = kinds::trained(&spec, &data);
        let (_, model) = output
            .files
            .iter()
            .find(|(name, _)| name == "model.safetensors")
            .expect("it finished");
        let compare = |epochs: &[_]| {
            compare_with_reference(&run, &data, epochs, output.summary.best_epoch, model).unwrap()
        };
        let mut epochs: Vec<_> = output.epochs.iter().filter_map(epoch_of).collect();
        let found = compare(&epochs);
        if !(found.nll.is_explained() && found.weights.is_explained()) {
            wrong.push(format!(
                "kind {i}: {found:?}\n{:?}\n{:?}",
                run.config.model, run.config.train
            ));
        }
        assert!(
            found.nll.bound() < 1e-2 && found.weights.bound() < 1e-2,
            "kind {i}: {found:?} sees nothing"
        );
        // Control: a number that is off by a hundredth of a nat.
        epochs[1].valid_nll_nats += 1e-2;
        assert!(!compare(&epochs).nll.is_explained(), "kind {i}: a changed number passes");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
