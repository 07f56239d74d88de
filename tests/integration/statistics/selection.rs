//! Selection of the epoch uses validation alone: the test set has no influence.

use ablade::config::RunConfig;
use ablade::data::{self, Dataset, Images, Labels, Library};
use ablade::record::RunOutput;
use ablade::rng::Seed;
use ablade::trainer::{Control, Execution};
use ablade::trainers::made::metrics::MadeFacts;
use ablade::trainers::made::run::{MadeRun, execute};

use crate::support::run_spec;

fn run(config: &RunConfig, seed: u64, data: &Dataset) -> RunOutput {
    let run = MadeRun::of(&run_spec(config, "digits", Seed(seed)).key());
    match execute(&run, data, 1, Control::new(&mut |_| {}, &mut drop)).unwrap() {
        Execution::Done(output) => *output,
        Execution::Interrupted => unreachable!("nothing interrupts"),
    }
}

/// A learning rate at which a small network overfits, so that the best epoch is neither the first
/// nor the last.
fn config() -> RunConfig {
    let mut config = RunConfig::default();
    (config.data.size, config.model.hidden, config.sample.count) = (10, vec![150], 0);
    (config.data.train, config.data.valid, config.data.test) = (Some(120), Some(60), Some(60));
    (config.train.epochs, config.train.batch, config.train.patience) = (60, 20, 5);
    config.train.optimizer =
        ablade::train::Optimizer::Adam { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    config
}

#[test]
fn other_test_images_and_labels_leave_the_chosen_epoch() {
    let config = config();
    let data = data::load(&config.data, &Library::from_environment(None)).unwrap();
    let count = data.test.count();
    let inverted: Vec<u8> = data.test.pixels().iter().map(|pixel| 1 - pixel).collect();
    let labels = Labels {
        of: vec![3; count].into(),
        names: (0..10).map(|class| class.to_string()).collect(),
    };
    let other = Dataset {
        test: Images::new(inverted, data.test.dim()).with_labels(labels),
        ..data.clone()
    };
    let mut inside = 0;
    for seed in 1..=3 {
        let (a, b) = (run(&config, seed, &data), run(&config, seed, &other));
        let chosen = |output: &RunOutput| (output.summary.best_epoch, output.summary.epochs);
        assert_eq!(chosen(&a), chosen(&b));
        inside += usize::from(a.summary.best_epoch > 1 && a.summary.best_epoch < a.summary.epochs);
        assert_eq!(facts(&a).valid_nll_nats, facts(&b).valid_nll_nats);
        let model = |output: &RunOutput| {
            output.files.iter().find(|(name, _)| name == "model.safetensors").cloned()
        };
        assert!(model(&a) == model(&b), "the parameters that are kept");
        // What is reported does depend on the test set.
        assert!(facts(&a).test_nll_nats.unwrap() + 10.0 < facts(&b).test_nll_nats.unwrap());
        let best = a.epochs.iter().min_by(|a, b| a.values[1].total_cmp(&b.values[1])).unwrap();
        assert_eq!(a.summary.best_epoch, best.epoch);
    }
    assert!(inside > 0, "the choice was between epochs");
}

fn facts(output: &RunOutput) -> MadeFacts {
    MadeFacts::of(&output.summary.facts).expect("those of MADE")
}
