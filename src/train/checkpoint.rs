//! Checkpoints: a training as bytes, from which it goes on bit for bit as if it had never stopped.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::train::EpochRow;
use crate::train::trainer::{Best, Trainer};

/// Why a checkpoint cannot be used.
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
    steps: u64,
    images_seen: usize,
    loss: f64,
    rows: Vec<EpochRow>,
    best: Option<(usize, f64)>,
}

impl Trainer<'_> {
    /// The state as a safetensors file: parameters, best parameters, the optimiser's arrays, and a description.
    pub fn checkpoint(&self) -> Result<Vec<u8>, CheckpointError> {
        let description = serde_json::to_vec(&Description {
            steps: self.stepper.steps,
            images_seen: self.images_seen,
            loss: self.loss,
            rows: self.rows.clone(),
            best: self.best.as_ref().map(|best| (best.epoch, best.valid_nll_nats)),
        })?;
        let mut arrays = vec![("params", self.made().read(bytes))];
        arrays.push(("first_moment", bytes(&self.stepper.state[0])));
        arrays.push(("second_moment", bytes(&self.stepper.state[1])));
        arrays.extend(self.best.as_ref().map(|best| ("best", bytes(&best.params))));
        let floats = |data: &[u8]| vec![data.len() / 4];
        let mut views = Vec::with_capacity(arrays.len() + 1);
        for (name, data) in &arrays {
            views.push((*name, TensorView::new(Dtype::F32, floats(data), data)?));
        }
        views.push(("description", TensorView::new(Dtype::U8, vec![description.len()], &description)?));
        Ok(safetensors::serialize(views, None)?)
    }

    /// Goes back to a saved state of the same training. On an error nothing has changed.
    pub fn restore(&mut self, file: &[u8]) -> Result<(), CheckpointError> {
        let file = SafeTensors::deserialize(file)?;
        let description: Description = serde_json::from_slice(file.tensor("description")?.data())?;
        let len = self.made().network().layout.len;
        let array = |name: &str, len: usize| -> Result<Vec<f32>, CheckpointError> {
            let view = file.tensor(name)?;
            if view.dtype() != Dtype::F32 || view.data().len() != 4 * len {
                return Err(CheckpointError::Mismatch(format!("`{name}` does not hold {len} numbers")));
            }
            Ok(view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
        };
        let params = array("params", len)?;
        let state =
            [array("first_moment", self.stepper.state[0].len())?, array("second_moment", self.stepper.state[1].len())?];
        let best = match description.best {
            Some((epoch, valid_nll_nats)) => Some(Best { epoch, valid_nll_nats, params: array("best", len)? }),
            None => None,
        };
        if !self.fits(&description) {
            return Err(CheckpointError::Mismatch("its epochs and steps are not of this configuration".into()));
        }
        self.made().update(|live| live.copy_from_slice(&params))?;
        self.stepper.state = state;
        self.stepper.steps = description.steps;
        self.images_seen = description.images_seen;
        self.loss = description.loss;
        self.rows = description.rows;
        self.best = best;
        Ok(())
    }

    /// Whether the counts of a description agree with each other and with this training.
    fn fits(&self, description: &Description) -> bool {
        let (images, batch) = (self.images(), self.batch());
        let in_epoch = description.images_seen;
        let whole = description.rows.len() as u64 * images.div_ceil(batch) as u64;
        in_epoch < images
            && in_epoch.is_multiple_of(batch)
            && description.steps == whole + (in_epoch / batch) as u64
            && description.best.is_none_or(|(epoch, _)| (1..=description.rows.len()).contains(&epoch))
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
