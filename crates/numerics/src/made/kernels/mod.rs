//! SIMD kernels of the network: masked matrix products, forward and backward, and the optimiser's
//! update. This page is their map; the words are those of BLAS, BLIS and pulp.
//!
//! | module | holds |
//! |---|---|
//! | `simd`, `level` | vectors of 16 `f32`, a proof token per instruction set, dispatch |
//! | `matrix` | masks, padded shapes, storage, the view of weights that products read |
//! | `pack`, `gather` | parameters <-> packed weights; shared weights -> order of a mask |
//! | `gemm` | dense `z += x w` and `dx = dz w^T` |
//! | `weight_gradient` | dense `dw = x^T dz` |
//! | `sparse` | `z += x w` and `dw = x^T dz` for a sparse 0/1 input |
//! | `update`, `update_queue` | update rules; buffers of gradient rows that are not applied yet |
//! | `elementwise` | activations, slopes, the loss of 0/1 pixels |
//! | `conditional`, `density`, `distribution` | losses, draws and means of the output distributions |
//!
//! # Sorted masks
//!
//! MADE gives every unit a number, its degree. An output unit is connected to the input units whose
//! degree is at most its own (smaller than its own in the last layer). With the units of both
//! layers sorted by degree, each output is therefore connected to a prefix of the inputs, and each
//! input to a suffix of the outputs. `x` is an open weight, `.` one that the mask closes:
//!
//! ```text
//!                 output unit n  ->                     row_len[n]    leading inputs of output n
//!   input unit k  x x x x x x x x    col_start[0] = 0                 1 1 2 4 4 4 5 6
//!        |        . . x x x x x x    col_start[1] = 2
//!        v        . . . x x x x x    col_start[2] = 3   col_start[k]  first output of input k
//!                 . . . x x x x x    col_start[3] = 3
//!                 . . . . . . x x    col_start[4] = 6
//!                 . . . . . . . x    col_start[5] = 7
//! ```
//!
//! A mask is these two lists ([`matrix::PrefixMask`]). They are named after the matrix of the
//! parameters [n_out x n_in], the transpose of the drawing: `row_len[n]` is the height of column n
//! here, `col_start[k]` the start of row k. Products skip the closed rows below the staircase, about
//! half of the work.
//!
//! # Packed weights
//!
//! A matrix [n_in x n_out] has a row per input unit, in whole vectors (`|`), padded with zeros.
//! Rows are an odd number of vectors apart, so that a column spreads over all cache sets. Tiles
//! hold the same matrix column by column, 16 rows at a time ([`matrix::Storage`]):
//!
//! ```text
//!   Sorted, Shared       row k:  | 16 outputs | 16 outputs | 3 outputs, 0 .. |      n_out = 35
//!
//!   SharedTiles          rows 0 to 15:  | column 0 | column 1 | .. | column 34 |    16 inputs each
//!                        rows 16 to 31: | column 0 | ..
//! ```
//!
//! A run with one mask stores its weights in the order of that mask (`Sorted`). Many masks share
//! weights in the order of the parameters (`Shared`), and each minibatch reads them under its mask:
//!
//! - If the mask permutes only rows, products look up row numbers and read the weights in place.
//! - If it permutes columns, the matrix is first copied into the order of the mask. Biases, direct
//!   and conditioning weights always are.
//! - The first matrix is the largest, and every mask permutes its columns. So it is stored in
//!   tiles, where a column of 16 rows is one vector: one load moves it, and 16 columns are
//!   transposed in registers. For a sparse input 128 columns are copied at a time, inside the
//!   product.
//!
//! # Dense products
//!
//! `z += x w` [n_images x n_out] is a gemm with a packed right-hand side. There is no loop over
//! blocks of images, because a minibatch fits the second-level cache. `jc`, `jr`, `pc` and `ir` are
//! the loops of BLIS:
//!
//! ```text
//! for each block of NR = 64 columns: vectors 0 to 3      jc, jr   column_blocks
//!     for each KC = 128 rows of its longest prefix       pc       closed rows skipped
//!         pack KC x NR weights                           32 KiB, stays in L1
//!         for each step v of the staircase               rows beyond the prefix of vector v - 1,
//!             for each MR = 6 images            ir       up to that of vector v
//!                 micro-kernel: 6 x (4 - v) vectors of accumulators, in registers
//!                     for each row k of the step         from the first image's leading zeros on
//!                         load packed row k, broadcast x[image][k], multiply and add
//!                     every 16 rows: prefetch a row of the weights that are packed next
//! ```
//!
//! Vectors to the right have longer prefixes, so that a step holds all vectors from v on:
//!
//! ```text
//!                vector  0 1 2 3
//!   packed rows  step 0  x x x x      micro-kernel 6 x 4
//!        |       step 1  . x x x                   6 x 3
//!        v       step 2  . . x x                   6 x 2
//!                step 3  . . . x                   6 x 1
//! ```
//!
//! `dx = dz w^T` is the same nest with the transposed block packed. `dw = x^T dz` packs `dz` once
//! for all rows of `dw`, sums over images, and reads columns of `x` as its left-hand side. The 24
//! accumulators, 4 vectors of the packed row and one broadcast need 29 of the 32 registers of
//! AVX-512. AVX2 has 16 registers of half the width: a vector takes two, and a micro-kernel
//! computes 6 x 1 vectors. There NR is 16 columns and KC 256, so that the kernel reads what is packed
//! from one end to the other: every fourth line of wider rows would come from a few sets of L1 alone.
//!
//! # Sparse input
//!
//! Images are 0/1 and mostly 0. So, where the pixels are the input (the first layer, and the direct
//! connections to the outputs), `x w` is the sum of the rows of `w` whose pixels are on in the
//! image (CSR), and a row of `x^T dz` the sum of the rows of `dz` of the images in which its pixel
//! is on (CSC). 128 outputs at a time are summed in registers, 64 on AVX2. Minibatches with a
//! density above 1/4 take the dense products, which are then faster.
//!
//! # Delta encoding
//!
//! Most images start with a run of zero pixels, and a hidden unit that sees only such pixels has
//! the activation it has for the all-zero image. Row 0 of every matrix of a minibatch, the base
//! row, holds that activation f_0; row i holds the delta d_i = f_i - f_0 of image i, which starts
//! with zeros. The equations of a hidden layer, with column vectors and sums over the images i:
//!
//! ```text
//! W = w^T                weights from this layer to the next
//! t_i                    gradient at the pre-activations of the next layer
//! g_i = W^T t_i          gradient at the activations of this layer
//! s_i                    slopes of this layer: derivatives of its activations, element by element
//!
//! W f_i          = W f_0 + W d_i                        forward
//! sum t_i f_i^T  = (sum t_i) f_0^T + sum t_i d_i^T      weight gradient
//! sum s_i g_i    = s_0 (sum g_i) + sum (s_i - s_0) g_i  bias gradient, sum g_i = W^T (sum t_i)
//! ```
//!
//! So in the backward pass row 0 holds the sum over all images, and a unit whose delta is zero for
//! an image needs no gradient of that image: d_i and s_i - s_0 are zero there. Images are sorted by
//! their leading zeros, so that these form a staircase as well:
//!
//! ```text
//!              hidden unit (by degree) ->
//!   base row   f f f f f f f f f f
//!   image 1    d d d d d d d d d d      leading_zeros  0
//!   image 2    . . . d d d d d d d                     3    (rounded down to whole vectors)
//!   image 3    . . . . . . d d d d                     6    n_delta_units = 6
//! ```
//!
//! The equations are exact but for rounding. A gradient that should be zero becomes rounding noise,
//! and Adam, which divides by the size of the gradient, makes a full step of it. A unit that is off
//! (activation and slope 0) for every image of a minibatch must therefore have a gradient of
//! exactly zero. While training it has:
//!
//! - For the first `n_delta_units` units, at least one image (the last) has the activation of the
//!   all-zero image. A unit that is off for every image is then off in the base row too.
//! - For the other units no image need agree with the base row, and deltas would save nothing.
//!   There f_0 and s_0 are set to zero: rows hold plain activations, and row 0 the plain sum of
//!   gradients.
//!
//! One case remains: of two hidden units that are each on for some images, but never for the same
//! one, the weight between them gets noise in place of zero. In scoring there is no gradient, and
//! all units are deltas, so that the score of an image does not depend on the others of its
//! minibatch.
//!
//! # Update queue
//!
//! No gradient is stored as a whole. Rows of `dw` are computed into a back buffer while the
//! optimiser is applied to the rows of the front buffer, one vector between every few terms of the
//! product: the square root and the division of Adam overlap with multiply-adds (not on AVX2, which
//! has no registers for both). For a sparse input
//! and sorted weights the queue is bypassed, and sums go from registers into the optimiser.
//!
//! ```text
//!   micro-kernel ---> back buffer (6 rows, or the 16 of a tile)
//!                          |  swap_buffers: closed elements set to zero, columns permuted
//!                          v
//!                     front buffer ---> step ---> weights, moments
//! ```
//!
//! # Threads
//!
//! Forward and `dx`: each thread takes a range of images, a multiple of MR = 6. `dw`: each thread
//! takes ranges of rows of weights, sums each row over all images, and updates it. Two threads
//! never add to the same element, so that kernels need no atomics and no locks. Sums over all
//! images (the gradient of a bias, the loss) are taken by one thread in the order of the rows.
//!
//! # Equal bits
//!
//! A run has the same bits on every number of threads and every CPU with a fused multiply-add,
//! because each element of a result is computed by the same roundings in the same order:
//!
//! - An element of a product is one chain of fused multiply-adds in ascending order of its terms.
//!   Its accumulator starts with the element itself. Between two blocks of KC terms it is stored
//!   and loaded again, which does not round.
//! - A vector holds 16 different elements, never 16 parts of one sum, so that the width of
//!   registers does not matter. The loss of an image is the one sum over lanes: 16 partial sums on
//!   every CPU, added in a fixed order.
//! - One thread computes the whole sum of an element, so that the number of threads does not
//!   matter.
//! - Skipped terms are zero: adding them would not change a sum. The sparse products add where a
//!   multiply-add would multiply by 1.
//! - Division and square root are correctly rounded on every CPU; exponentials and logarithms are
//!   series of this crate, evaluated without fused multiply-adds.
//!
//! A CPU without fused multiply-add rounds twice per term, and its results differ in the last bits.

pub(crate) mod conditional;
pub(crate) mod density;
pub(crate) mod distribution;
pub(crate) mod elementwise;
pub(crate) mod gather;
pub(crate) mod gemm;
pub(crate) mod level;
pub(crate) mod matrix;
pub(crate) mod pack;
pub(crate) mod simd;
pub(crate) mod sparse;
pub(crate) mod update;
pub(crate) mod update_queue;
pub(crate) mod weight_gradient;

/// Name of the instruction set that the kernels use on this CPU. All instruction sets with a fused
/// multiply-add give the same bits; `x86_64`, which has none, gives others.
pub fn instruction_set() -> &'static str {
    level::Level::detect().name()
}
