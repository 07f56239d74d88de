//! Execution of the whole program, as a user starts it, with its time.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Time of one execution [s].
#[derive(Clone, Copy)]
pub(crate) struct Took {
    /// Wall time.
    pub(crate) wall: f64,
    /// CPU time in user and system mode, with a resolution of a hundredth of a second; 0 outside
    /// Linux.
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

/// CPU time of all children that have ended: fields 16 and 17 of `/proc/self/stat`, in hundredths
/// of a second.
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
