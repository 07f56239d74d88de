//! Resources of this machine: processors and memory.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

/// Number of threads: one for each processor that this process may use.
pub fn threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Prefix of the names of the program's own threads other than `main`; threads of runs have other
/// names.
pub const OWN_THREAD: &str = "ablade";

/// Executes `work` in a pool with one thread per processor, or in the caller's pool if the system
/// refuses so many threads.
pub fn on_every_processor<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads().get())
        .thread_name(|i| format!("{OWN_THREAD} {i}"));
    match pool.build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

/// GPUs that this process may use, by the names that `CUDA_VISIBLE_DEVICES` takes: those of that
/// variable where it is set, else every NVIDIA GPU that the system shows.
pub fn gpus() -> Vec<String> {
    match std::env::var("CUDA_VISIBLE_DEVICES") {
        Ok(names) => names
            .split(',')
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty() && name != "-1")
            .collect(),
        Err(_) => {
            let shown = fs::read_dir("/proc/driver/nvidia/gpus").into_iter().flatten().count();
            (0..shown).map(|i| i.to_string()).collect()
        }
    }
}

/// Memory that this process may use [bytes], if the system tells: that of the machine, or less in a
/// container or a batch job.
pub fn memory() -> u64 {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    groups.lines().flat_map(group_limits).fold(installed(), u64::min)
}

#[cfg(target_os = "linux")]
fn installed() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram as u64 * u64::from(info.mem_unit)
}

#[cfg(not(target_os = "linux"))]
fn installed() -> u64 {
    u64::MAX
}

/// Memory limits of a control group and its parents [bytes]; `line` as in `/proc/self/cgroup`.
fn group_limits(line: &str) -> Vec<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (root, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        some if some.split(',').any(|one| one == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let limit = |group: &Path| {
        let path = Path::new(root).join(group.strip_prefix("/").unwrap_or(group)).join(file);
        fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    Path::new(group).ancestors().filter_map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_the_system_confuses_it() {
        for line in [
            "",
            "0",
            "0::",
            "0::/",
            "0::/no/such/group",
            "9:cpu,cpuacct:/",
            "9:memory:/none",
            ":::::",
        ] {
            assert!(group_limits(line).iter().all(|&limit| limit > 0), "{line}");
        }
        assert!(memory() > 1 << 20 && memory() <= installed());
    }
}
