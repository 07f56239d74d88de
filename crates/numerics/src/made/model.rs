//! The model: a network with its parameters in one candle tensor.

use std::cell::Cell;

use candle_core::{CpuStorage, Device, InplaceOp1, Storage, Tensor, Var};

use crate::made::kernels::simd::F32x16;
use crate::made::layout::ParamLayout;
use crate::made::masks::{MaskSet, Masks};
use crate::made::network::Network;
use crate::made::ordering::Ordering;
use crate::made::output::Variables;
use crate::made::reorder;
use crate::made::sorted_masks::SortedMasks;
use crate::made::{ModelConfig, init};
use crate::rng::Seed;

/// A masked autoencoder with its parameters, in model order (see `layout`).
#[derive(Debug)]
pub struct Made {
    network: Network,
    first: Ordering,
    has_single_mask: bool,
    params: Var,
}

impl Made {
    /// A model with the initial weights of `seed`.
    pub fn new(
        model: &ModelConfig,
        variables: impl Into<Variables>,
        masks: &Masks,
        seed: Seed,
    ) -> candle_core::Result<Self> {
        let variables = variables.into();
        let layout = ParamLayout::new(model, variables);
        let params = init::parameters(&layout, model.init, seed);
        Self::with_parameters(model, variables, masks, params)
    }

    /// A model with given parameters, in model order.
    pub fn with_parameters(
        model: &ModelConfig,
        variables: impl Into<Variables>,
        masks: &Masks,
        mut params: Vec<f32>,
    ) -> candle_core::Result<Self> {
        let layout = ParamLayout::new(model, variables);
        let first = masks.trained(0);
        let has_single_mask = masks.only_one();
        if has_single_mask {
            // The kernels rely on it: weights that the only mask closes are zero, and no update
            // ever changes them.
            let masks = SortedMasks::new(&first, first.ordering(), &layout);
            reorder::clear_closed(&layout, &masks, &mut params);
        }
        let count = params.len();
        Ok(Self {
            network: Network::new(layout, model.activation, !has_single_mask),
            first: first.ordering().clone(),
            has_single_mask,
            params: Var::from_vec(params, count, &Device::Cpu)?,
        })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// All parameters as one flat tensor, for the reference engine.
    pub fn parameters(&self) -> &Tensor {
        &self.params
    }

    /// The ordering that numbers inputs and outputs in model order.
    pub fn first_ordering(&self) -> &Ordering {
        &self.first
    }

    /// A mask set with its units sorted, as the kernels read it.
    pub(crate) fn sort_masks(&self, masks: &MaskSet) -> SortedMasks {
        SortedMasks::new(masks, &self.first, &self.network.layout)
    }

    /// Flag of each parameter [n_params], in model order: true if a mask set leaves it open.
    pub fn open_parameters(&self, masks: &MaskSet) -> Vec<bool> {
        reorder::open_parameters(&self.network.layout, &self.sort_masks(masks))
    }

    /// True if the run has a single mask, so that parameters are always in its order.
    pub fn has_single_mask(&self) -> bool {
        self.has_single_mask
    }

    /// Calls `work` with the parameters.
    pub fn read<R>(&self, work: impl FnOnce(&[f32]) -> R) -> R {
        let (storage, _) = self.params.storage_and_layout();
        match &*storage {
            Storage::Cpu(CpuStorage::F32(params)) => work(params),
            _ => unreachable!("parameters are 32-bit floats in main memory"),
        }
    }

    /// Calls `work` with the parameters to change them in place, in candle's storage.
    pub fn update<R>(&self, work: impl FnOnce(&mut [f32]) -> R) -> candle_core::Result<R> {
        let op = OnSlice { work: Cell::new(Some(work)), result: Cell::new(None) };
        self.params.inplace_op1(&op)?;
        Ok(op.result.into_inner().expect("candle runs an operation that succeeded"))
    }

    /// Weights in the order of a mask set, packed for the kernels.
    pub(crate) fn packed_weights(&self, masks: &SortedMasks) -> Vec<F32x16> {
        let mut packed = vec![F32x16::default(); self.network.sorted.len];
        self.pack_weights(masks, &mut packed);
        packed
    }

    /// The same, into an existing array.
    pub(crate) fn pack_weights(&self, masks: &SortedMasks, packed: &mut [F32x16]) {
        let Network { layout, sorted, .. } = &self.network;
        self.with_sorted_parameters(masks, |params| sorted.pack(layout, params, packed));
    }

    /// Calls `work` with the parameters in the order of a mask set: the parameters themselves in a
    /// run with one mask, otherwise a gathered copy.
    pub(crate) fn with_sorted_parameters<R>(
        &self,
        masks: &SortedMasks,
        work: impl FnOnce(&[f32]) -> R,
    ) -> R {
        self.read(|params| {
            if self.has_single_mask {
                return work(params);
            }
            let mut sorted = vec![0.0; params.len()];
            reorder::gather(&self.network.layout, masks, params, &mut sorted);
            work(&sorted)
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
