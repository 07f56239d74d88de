//! The program as a user starts it: what a whole process takes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What one execution took, seconds.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    /// On the clock.
    pub(crate) wall: f64,
    /// Of all processors, in the program and in the system; resolved to a hundredth of a second, 0
    /// outside Linux.
    pub(crate) cpu: f64,
}

/// Runs `ablade` with arguments in a directory.
pub(crate) fn ablade(directory: &Path, arguments: &[&str]) -> Took {
    let (cpu, clock) = (children(), Instant::now());
    let mut command = Command::new(env!("CARGO_BIN_EXE_ablade"));
    let status = command
        .args(arguments)
        .current_dir(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("the program starts").success(), "{arguments:?} failed");
    Took { wall: clock.elapsed().as_secs_f64(), cpu: children() - cpu }
}

/// Processor time of all children that have ended: fields 16 and 17 of `/proc/self/stat`, in
/// hundredths of a second.
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, the name, may hold spaces; it ends with the last bracket.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields
        .skip(13)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}
