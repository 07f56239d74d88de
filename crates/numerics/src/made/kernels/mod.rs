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
//! | `update`, `update_queue` | update rules; rows of a gradient on their way into the weights |
//! | `elementwise` | activations, slopes, loss |
//!
//! # Sorted masks
//!
//! An output unit is connected to an input unit if its degree (MADE's number of a unit) is high
//! enough. With the units of both layers sorted by degree, each output is connected to a prefix of the inputs, and each input
//! to a suffix of the outputs (`x` open, `.` closed):
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
//! A mask is these two lists ([`matrix::PrefixMask`]); their names are those of the matrix by output:
//! `row_len[n]` is the height of column n in the drawing, `col_start[k]` the start of row k. Products work on blocks of columns, and skip
//! in each the rows below its last column's prefix: half of the work of a dense product.
//!
//! # Packed weights
//!
//! A matrix [n_in x n_out] is stored by input unit, in rows of whole vectors (`|`), padded with
//! zeros; rows are an odd number of vectors apart, so that a column spreads over all cache sets:
//!
//! ```text
//!   Sorted, Shared       row k:  | 16 outputs | 16 outputs | 3 outputs, 0 .. |      n_out = 35
//!
//!   SharedTiles          rows 0 to 15:  | column 0 | column 1 | .. | column 34 |    16 inputs each
//!                        rows 16 to 31: | column 0 | ..
//! ```
//!
//! In a run with one mask, parameters are numbered so that they are sorted already (`Sorted`). Many
//! masks share weights in the order of the parameters (`Shared`). Before each minibatch a matrix
//! whose columns its mask permutes is copied into the order of the mask; a matrix of which only rows
//! are permuted is not copied, and products look up row numbers. The first matrix, the largest, is stored in tiles, because every mask
//! permutes its columns: a column of a tile is one vector, moved by one load, and 16 of them are
//! transposed in registers.
//!
//! # Dense products
//!
//! `z += x w` [n_images x n_out] is a gemm with a packed right-hand side. There is no loop over
//! blocks of images, because a minibatch fits the second-level cache:
//!
//! ```text
//! for each block of NR = 64 columns                        jc, jr   column_blocks
//!     for each KC = 128 of its row_len[last column] rows   pc       closed rows skipped
//!         pack KC x NR weights                             32 KiB, stays in L1
//!         for each 1 to 4 vectors of the block             terms up to row_len of their last column
//!             for each MR = 6 images                       ir       MacroKernel
//!                 micro-kernel: 6 x (1 to 4) vectors of accumulators, in registers
//!                     for each term k
//!                         load a packed row, broadcast x[image][k], multiply and add
//!                     every 16 terms: prefetch a row of the next block
//! ```
//!
//! `dx = dz w^T` is the same nest with the transposed block packed. `dw = x^T dz` packs `dz` once
//! for all rows, sums over images, and reads columns of `x` as its left-hand side. The 24
//! accumulators, 4 vectors of the packed row and one broadcast need 29 of the 32 registers of
//! AVX-512; on AVX2 with its 16, a vector is two registers and a micro-kernel 6 x 1 vectors.
//!
//! # Sparse input
//!
//! Images are 0/1 and mostly 0, so for the first layer `x w` is the sum of the rows of `w` that an
//! image selects (CSR), and `x^T dz` the sum of the rows of `dz` that a pixel selects (CSC). 128
//! outputs at a time are summed in registers. Above a density of 1/4 the dense products are faster.
//!
//! # Delta encoding
//!
//! Most images start with a run of zero pixels, and a hidden unit that sees only such pixels has
//! the activation it has for the all-zero image. Row 0 of every matrix, the base row, holds that
//! activation f_0; row i holds the delta d_i = f_i - f_0, which starts with zeros. Written by columns,
//! with W = w^T the weights from this layer to the next, t_i the gradient at the pre-activations of
//! the next layer, and g_i = W^T t_i and s_i the gradient at the activations and the slopes of this
//! one:
//!
//! ```text
//! W f_i          = W f_0 + W d_i                        forward
//! sum t_i f_i^T  = (sum t_i) f_0^T + sum t_i d_i^T      weight gradient
//! sum s_i g_i    = s_0 (sum g_i) + sum (s_i - s_0) g_i  bias gradient, sum g_i = W^T (sum t_i)
//! ```
//!
//! So in the backward pass row 0 holds the sum over all images, and a unit whose delta is zero
//! needs no gradient of that image. Images are sorted by their leading zeros, so that these form a
//! triangle as well:
//!
//! ```text
//!              hidden unit (by degree) ->
//!   base row   f f f f f f f f f f
//!   image 1    d d d d d d d d d d      leading_zeros  0
//!   image 2    . . . d d d d d d d                     3    (whole vectors, in truth)
//!   image 3    . . . . . . d d d d                     6    n_delta_units = 6
//! ```
//!
//! The equations are exact but for rounding. A gradient that should be zero becomes rounding noise,
//! and Adam, which divides by the size of the gradient, makes a full step of it. While training, f_0
//! and s_0 are therefore set to zero for units from `n_delta_units` on, for which no image of the
//! minibatch has its base value. A unit before that which is off (activation and slope 0) for every
//! image is off in the base row too. So a unit that is off for all images has a gradient of exactly
//! zero. One case remains: of two hidden units that are each on for some images, but never for the
//! same one, the weight between them gets noise in place of zero.
//!
//! # Update queue
//!
//! No gradient is stored. Rows of `dw` are computed into a back buffer while the optimiser is
//! applied to the rows of the front buffer, one vector between every few terms of the product: the
//! square root and the division of Adam overlap with multiply-adds.
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
//! Forward and `dx`: each thread takes a range of images, whole tiles of the micro-kernel. `dw`:
//! each thread takes ranges of rows of weights, which it updates alone. There are no atomics, no
//! locks, and no sums across threads.
//!
//! # Equal bits
//!
//! Every element is one chain of fused multiply-adds in ascending order of its terms, from an
//! accumulator that starts with the element itself: blocking in KC stores and reloads it, which
//! does not round. Lanes are never added to each other, so that the width of registers does not
//! matter; images and rows are never split, so that the number of threads does not matter; skipped
//! terms are zero, and adding them would not change the sum. Division and square root are
//! correctly rounded everywhere, and exponentials are polynomials of this crate. Only a CPU without
//! fused multiply-add rounds twice, and its results differ in the last bits.

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

/// Name of the instruction set that the kernels use on this CPU. All that have a fused multiply-add
/// give the same bits; `x86_64`, without one, gives others.
pub fn instruction_set() -> &'static str {
    level::Level::detect().name()
}
