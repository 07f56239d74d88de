//! The model: a network, its parameters in one candle tensor, and the masks that say what they
//! mean.

use std::cell::Cell;

use candle_core::{CpuStorage, Device, InplaceOp1, Storage, Tensor, Var};

use crate::data::Shape;
use crate::made::kernels::lanes::Lane;
use crate::made::layout::Layout;
use crate::made::masks::{MaskSet, Masks};
use crate::made::network::Network;
use crate::made::ordering::Ordering;
use crate::made::sorted;
use crate::made::staircase::Staircase;
use crate::made::{ModelConfig, init};
use crate::rng::Seed;

/// A masked autoencoder with its parameters, in model space (see `layout`).
#[derive(Debug)]
pub struct Made {
    network: Network,
    first: Ordering,
    one_mask: bool,
    params: Var,
}

impl Made {
    /// A new model with the initial weights of `seed`.
    pub fn new(
        model: &ModelConfig,
        shape: Shape,
        masks: &Masks,
        seed: Seed,
    ) -> candle_core::Result<Self> {
        let layout = Layout::new(model, shape.dim());
        let params = init::parameters(&layout, model.init, seed);
        Self::with_parameters(model, shape, masks, params)
    }

    /// A model with given parameters, in model space.
    pub fn with_parameters(
        model: &ModelConfig,
        shape: Shape,
        masks: &Masks,
        mut params: Vec<f32>,
    ) -> candle_core::Result<Self> {
        let layout = Layout::new(model, shape.dim());
        let first = masks.trained(0);
        let one_mask = masks.only_one();
        if one_mask {
            // The kernels rely on it: what the only mask closes is zero, and no update ever touches
            // it.
            sorted::clear_masked(&layout, &Staircase::new(&first, first.ordering()), &mut params);
        }
        let count = params.len();
        Ok(Self {
            network: Network::new(layout, model.activation, !one_mask),
            first: first.ordering().clone(),
            one_mask,
            params: Var::from_vec(params, count, &Device::Cpu)?,
        })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// All parameters, one flat tensor: for the reference engine.
    pub fn parameters(&self) -> &Tensor {
        &self.params
    }

    /// The ordering that numbers inputs and outputs in model space.
    pub fn first_ordering(&self) -> &Ordering {
        &self.first
    }

    /// A mask set as the kernels see it.
    pub fn staircase(&self, masks: &MaskSet) -> Staircase {
        Staircase::new(masks, &self.first)
    }

    /// Whether the run has a single mask, so that parameters serve where they stand.
    pub fn one_mask(&self) -> bool {
        self.one_mask
    }

    /// Reads the parameters.
    pub fn read<R>(&self, work: impl FnOnce(&[f32]) -> R) -> R {
        let (storage, _) = self.params.storage_and_layout();
        match &*storage {
            Storage::Cpu(CpuStorage::F32(params)) => work(params),
            _ => unreachable!("parameters are 32-bit floats in main memory"),
        }
    }

    /// Changes the parameters where they stand in candle's storage.
    pub fn update<R>(&self, work: impl FnOnce(&mut [f32]) -> R) -> candle_core::Result<R> {
        let op = OnSlice { work: Cell::new(Some(work)), result: Cell::new(None) };
        self.params.inplace_op1(&op)?;
        Ok(op.result.into_inner().expect("candle runs an operation that succeeded"))
    }

    /// Sorted weights under a mask set in the kernels' form.
    pub fn lanes(&self, masks: &Staircase) -> Vec<Lane> {
        let mut lanes = vec![Lane::default(); self.network.grid.len];
        self.load(masks, &mut lanes);
        lanes
    }

    /// The same into lanes that are there.
    pub fn load(&self, masks: &Staircase, lanes: &mut [Lane]) {
        let Network { layout, grid, .. } = &self.network;
        self.with_weights(masks, |weights| grid.load(layout, weights, lanes));
    }

    /// Sorted weights under a mask set: the parameters themselves in a run with one mask, else a
    /// gathered copy.
    pub fn with_weights<R>(&self, masks: &Staircase, work: impl FnOnce(&[f32]) -> R) -> R {
        self.read(|params| {
            if self.one_mask {
                return work(params);
            }
            let mut weights = vec![0.0; params.len()];
            sorted::gather(&self.network.layout, masks, params, &mut weights);
            work(&weights)
        })
    }
}

/// Runs a closure on the whole of a tensor's storage.
struct OnSlice<F, R> {
    work: Cell<Option<F>>,
    result: Cell<Option<R>>,
}

impl<F: FnOnce(&mut [f32]) -> R, R> InplaceOp1 for OnSlice<F, R> {
    fn name(&self) -> &'static str {
        "on-slice"
    }

    fn cpu_fwd(
        &self,
        storage: &mut CpuStorage,
        _: &candle_core::Layout,
    ) -> candle_core::Result<()> {
        let CpuStorage::F32(params) = storage else {
            candle_core::bail!("parameters are 32-bit floats")
        };
        if let Some(work) = self.work.take() {
            self.result.set(Some(work(params)));
        }
        Ok(())
    }
}
