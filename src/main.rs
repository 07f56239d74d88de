//! `ablade`: prepares the process, then calls [`ablade::cli`].

use std::process::ExitCode;

/// Replaces the system's allocator, which answers the bursts of allocations in training with page
/// faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    one_thread_a_kernel();
    ablade::cli::main()
}

/// Candle reads these variables at every product: work within a run must use only the threads that
/// the scheduler gave it.
#[expect(
    unsafe_code,
    reason = "setting a variable is unsafe only while other threads run, and there are none yet"
)]
fn one_thread_a_kernel() {
    let names = ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"];
    // For programs that runs start, the variables are as the user has set them.
    ablade::trainers::program::remember_environment(&names);
    for name in names {
        // SAFETY: first statement of the program, so no other thread can read the environment.
        unsafe { std::env::set_var(name, "1") };
    }
}
