//! Identity of a run of MADE: version of the numerics, settings and images, as bytes to be hashed.

use serde::Serialize;

use crate::config::{EvaluateConfig, RunConfig, SampleConfig};
use crate::data::{Binarize, is_of_images};
use crate::made::{MaskCount, ModelConfig};
use crate::train::TrainConfig;
use crate::trainer::Identity;

/// Version of the numerics: incremented whenever the same configuration may give other values.
pub const ENGINE: u32 = 3;

/// A correction within an engine version that changes the results of some configurations only. Its
/// tag enters the identity of those, so that their runs are trained again and all others keep their
/// id.
struct Revision {
    tag: &'static str,
    reason: &'static str,
    concerns: fn(&RunConfig) -> bool,
}

/// Every revision of this engine version, oldest first.
const REVISIONS: [Revision; 2] = [
    Revision {
        tag: "training likelihood of the bits that were trained on",
        reason: "train_nll_nats with binarize = \"dynamic\" was of thresholded images; it is of the bits that training saw",
        concerns: |config| matches!(config.data.binarize, Binarize::Dynamic),
    },
    Revision {
        tag: "model file with the scored mask",
        reason: "model.safetensors with masks = \"fresh\" held another mask than the one that the scores are of",
        concerns: |config| matches!(config.model.masks, MaskCount::Fresh),
    },
];

/// Number of revisions from before data were identified by their images: runs of such data are
/// never older.
const BEFORE_IMAGES: usize = 2;

/// Revisions that are part of the identity of a run.
fn revisions<'a>(
    config: &'a RunConfig,
    data: &str,
) -> impl Iterator<Item = &'static Revision> + 'a + use<'a> {
    let later = if is_of_images(data) { BEFORE_IMAGES } else { 0 };
    REVISIONS.iter().skip(later).filter(|revision| (revision.concerns)(config))
}

/// Bytes whose hash, with a seed, is the id of a run. A fingerprint of the images covers everything
/// that `[data]` decides, so that the path of the set and its sizes are not part of the identity.
///
/// These bytes are part of every existing id (`tests/integration/identity.rs` holds some). A
/// setting that is added later must be omitted from them at its default: `skip_serializing_if`.
fn bytes(engine: u32, config: &RunConfig, data: &str, revisions: &[&Revision]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Shared<'a, C> {
        engine: u32,
        config: C,
        data: &'a str,
    }
    #[derive(Serialize)]
    struct BesidesData<'a> {
        model: &'a ModelConfig,
        train: &'a TrainConfig,
        evaluate: &'a EvaluateConfig,
        sample: &'a SampleConfig,
    }
    let text = if is_of_images(data) {
        let RunConfig { data: _, model, train, evaluate, sample } = config;
        let config = BesidesData { model, train, evaluate, sample };
        serde_json::to_vec(&Shared { engine, config, data })
    } else {
        serde_json::to_vec(&Shared { engine, config, data })
    };
    let mut bytes = text.expect("a configuration is plain JSON: no map with other keys than text");
    for revision in revisions {
        bytes.extend(revision.tag.as_bytes());
    }
    bytes
}

/// Identities of a run, the current one first: earlier revisions of this version, then earlier
/// versions.
pub(super) fn identities<'a>(
    config: &'a RunConfig,
    data: &'a str,
) -> impl Iterator<Item = Identity> + 'a {
    let concerning: Vec<&Revision> = revisions(config, data).collect();
    let count = concerning.len();
    let all = (1..=ENGINE)
        .rev()
        .flat_map(move |engine| (0..=count).rev().map(move |n| (engine, n)));
    all.map(move |(engine, n)| Identity {
        bytes: bytes(engine, config, data, &concerning[..n]),
        since: if engine == ENGINE {
            concerning[n..].iter().map(|revision| revision.reason).collect()
        } else {
            Vec::new()
        },
    })
}
