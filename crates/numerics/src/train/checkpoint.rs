//! Checkpoints: the state of a training as bytes, from which it resumes bit for bit as if never
//! interrupted.

use std::borrow::Cow;

use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::made::kernels::instruction_set;
use crate::made::kernels::simd::{F32x16, LANES, as_scalars, as_scalars_mut};
use crate::train::EpochLosses;
use crate::train::trainer::{BestEpoch, TrainingLoop};

/// Reason why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The bytes are no safetensors file.
    #[error("not a checkpoint: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// Its description cannot be read.
    #[error("the checkpoint's description cannot be read: {0}")]
    Description(#[from] serde_json::Error),
    /// It belongs to another training.
    #[error("the checkpoint does not fit this run: {0}")]
    Mismatch(String),
    /// The model refused its parameters.
    #[error("the model refused the checkpoint's parameters: {0}")]
    Model(#[from] candle_core::Error),
}

/// Everything of a training that is not an array of parameters.
#[derive(Serialize, Deserialize)]
struct Description {
    /// Instruction set of the kernels. A run does not continue on another one, because some round
    /// differently.
    kernel: String,
    steps: u64,
    images_seen: usize,
    loss: f64,
    rows: Vec<EpochLosses>,
    best: Option<(usize, f64)>,
}

impl TrainingLoop<'_> {
    /// The state as a safetensors file: best parameters, a description and, unless the training is
    /// over, parameters and the optimiser's arrays.
    pub fn checkpoint(&self) -> Result<Vec<u8>, CheckpointError> {
        let description = serde_json::to_vec(&Description {
            kernel: instruction_set().into(),
            steps: self.stepper.steps,
            images_seen: self.images_seen,
            loss: self.loss,
            rows: self.rows.clone(),
            best: self.best.as_ref().map(|best| (best.epoch, best.valid_nll_nats)),
        })?;
        let [first, second] = &self.stepper.state;
        let mut arrays = vec![("description", Array::new(Content::Bytes(&description)))];
        if !self.is_over() {
            arrays.extend([
                ("weights", Array::new(Content::Floats(as_scalars(&self.stepper.weights)))),
                ("first_moment", Array::new(Content::Floats(as_scalars(first)))),
                ("second_moment", Array::new(Content::Floats(as_scalars(second)))),
            ]);
        }
        arrays.extend(
            self.best
                .as_ref()
                .map(|best| ("best", Array::new(Content::Floats(&best.params)))),
        );
        Ok(safetensors::serialize(arrays, None)?)
    }

    /// Restores a saved state of the same training. On an error nothing has changed.
    pub fn restore(&mut self, file: &[u8]) -> Result<(), CheckpointError> {
        let file = SafeTensors::deserialize(file)?;
        let description: Description = serde_json::from_slice(file.tensor("description")?.data())?;
        let len = self.made().network().layout.len;
        let array = |name: &str, len: usize| -> Result<Vec<f32>, CheckpointError> {
            let view = file.tensor(name)?;
            if view.dtype() != Dtype::F32 || view.data().len() != 4 * len {
                return Err(CheckpointError::Mismatch(format!(
                    "`{name}` does not hold {len} numbers"
                )));
            }
            Ok(view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect())
        };
        let lanes = |name: &str, lanes: &[F32x16]| -> Result<Vec<F32x16>, CheckpointError> {
            let (numbers, mut lanes) = (array(name, lanes.len() * LANES)?, lanes.to_vec());
            as_scalars_mut(&mut lanes).copy_from_slice(&numbers);
            Ok(lanes)
        };
        let best_epoch = description.best.map(|(epoch, _)| epoch);
        let is_over =
            self.is_over_after(description.rows.len(), best_epoch, description.images_seen);
        let [first, second] = &self.stepper.state;
        let arrays = match is_over {
            true => None,
            false => Some((
                lanes("weights", &self.stepper.weights)?,
                [lanes("first_moment", first)?, lanes("second_moment", second)?],
            )),
        };
        let best = match description.best {
            Some((epoch, valid_nll_nats)) => {
                Some(BestEpoch { epoch, valid_nll_nats, params: array("best", len)? })
            }
            None => None,
        };
        if !self.fits(&description) {
            return Err(CheckpointError::Mismatch(
                "its kernel, epochs or steps are not those of this run".into(),
            ));
        }
        if let Some((weights, state)) = arrays {
            (self.stepper.weights, self.stepper.state) = (weights, state);
            self.stepper.store(self.made())?;
        }
        self.stepper.steps = description.steps;
        self.images_seen = description.images_seen;
        self.loss = description.loss;
        self.rows = description.rows;
        self.best = best;
        Ok(())
    }

    /// True if the counts of a description agree with each other and with this training.
    fn fits(&self, description: &Description) -> bool {
        let (images, batch) = (self.images(), self.batch());
        let in_epoch = description.images_seen;
        let whole = description.rows.len() as u64 * images.div_ceil(batch) as u64;
        let between_batches = in_epoch < images && in_epoch.is_multiple_of(batch);
        let unscored = in_epoch == images;
        (between_batches || unscored)
            && description.kernel == instruction_set()
            && description.steps == whole + in_epoch.div_ceil(batch) as u64
            && description
                .best
                .is_none_or(|(epoch, _)| (1..=description.rows.len()).contains(&epoch))
    }
}

enum Content<'a> {
    Bytes(&'a [u8]),
    Floats(&'a [f32]),
}

/// Array in the form that safetensors takes: converted to bytes only while it is written, so that
/// at most one copy exists besides the file.
struct Array<'a> {
    content: Content<'a>,
    shape: [usize; 1],
}

impl<'a> Array<'a> {
    fn new(content: Content<'a>) -> Self {
        let len = match content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Floats(values) => values.len(),
        };
        Self { content, shape: [len] }
    }
}

impl View for Array<'_> {
    fn dtype(&self) -> Dtype {
        match self.content {
            Content::Bytes(_) => Dtype::U8,
            Content::Floats(_) => Dtype::F32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self.content {
            Content::Bytes(bytes) => bytes.into(),
            Content::Floats(values) => {
                let mut bytes = Vec::with_capacity(4 * values.len());
                for value in values {
                    bytes.extend_from_slice(&value.to_le_bytes());
                }
                bytes.into()
            }
        }
    }

    fn data_len(&self) -> usize {
        match self.content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Floats(values) => 4 * values.len(),
        }
    }
}
