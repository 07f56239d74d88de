//! Execution of the whole program, as a user starts it, with its time.
#![allow(dead_code, reason = "each benchmark uses its part")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
    let status = command(directory, arguments).status();
    assert!(status.expect("the program starts").success(), "{arguments:?} failed");
    Took { wall: clock.elapsed().as_secs_f64(), cpu: children() - cpu }
}

/// Runs `ablade` as above; returns its peak memory besides [MiB], 0 outside Linux.
pub(crate) fn ablade_with_memory(directory: &Path, arguments: &[&str]) -> (Took, f64) {
    let (cpu, clock) = (children(), Instant::now());
    let mut child = command(directory, arguments).spawn().expect("the program starts");
    let mut peak = 0.0f64;
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status;
        }
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        peak = peak.max(kib.unwrap_or(0.0) / 1024.0);
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success(), "{arguments:?} failed");
    (Took { wall: clock.elapsed().as_secs_f64(), cpu: children() - cpu }, peak)
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ablade"));
    command
        .args(arguments)
        .current_dir(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
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
