//! Training by candle's autograd gives the numbers of the kernels' training, to rounding.

use ablade::run::compare_with_reference;

use super::kinds::{self, KINDS};

#[test]
fn training_by_autograd_gives_the_same_run_of_every_kind() {
    let mut wrong = Vec::new();
    for i in 0..KINDS {
        let spec = kinds::spec(kinds::config(i));
        let data = kinds::data(&spec.config);
        let output = kinds::trained(&spec, &data);
        let (_, model) = output
            .files
            .iter()
            .find(|(name, _)| name == "model.safetensors")
            .expect("it finished");
        let compare = |epochs: &[_]| {
            compare_with_reference(&spec, &data, epochs, output.summary.best_epoch, model).unwrap()
        };
        let found = compare(&output.epochs);
        if !(found.nll.is_explained() && found.weights.is_explained()) {
            wrong.push(format!(
                "kind {i}: {found:?}\n{:?}\n{:?}",
                spec.config.model, spec.config.train
            ));
        }
        assert!(
            found.nll.bound() < 1e-2 && found.weights.bound() < 1e-2,
            "kind {i}: {found:?} sees nothing"
        );
        // Control: a number that is off by a hundredth of a nat.
        let mut epochs = output.epochs.clone();
        epochs[1].valid_nll_nats += 1e-2;
        assert!(!compare(&epochs).nll.is_explained(), "kind {i}: a changed number passes");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
