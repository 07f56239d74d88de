//! Same training as `training`, written in candle as its users write it: `cargo bench --bench
//! candle -- HIDDEN,HIDDEN OPTIMIZER EPOCHS IDX_FILE`. It is the baseline against which the kernels
//! are measured.
//!
//! Built here, candle has the AVX-512 products that this program's build enables for it, and
//! mimalloc. `peers/plain-candle` builds the same with neither.

#![expect(clippy::print_stdout, reason = "a benchmark's result is its output")]

#[path = "peers/plain-candle/src/main.rs"]
mod plain;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> candle_core::Result<()> {
    plain::main()
}
