//! Detection of living processes, where the system shows them.

use std::fs;

/// Returns the scope in which process ids are unique: this boot of this machine, and this
/// process namespace. `None` if the system does not tell.
pub(super) fn pid_namespace() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// Start of a process, in the system's own unit; `None` if it does not exist, or has ended and is a
/// zombie.
pub(super) fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may contain any character; after it follow the state, as field 3,
    // and the start, as field 22.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ended = matches!(*fields.first()?, "Z" | "X" | "x");
    fields.get(19).filter(|_| !ended).map(|&start| start.to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_living_and_the_dead_are_told_apart() {
        assert!(pid_namespace().is_some());
        assert!(start_of(std::process::id()).is_some());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(
            start_of(child.id())
                .is_some_and(|start| start >= start_of(std::process::id()).unwrap())
        );
        child.kill().unwrap();
        // A zombie: its number is still taken.
        while start_of(child.id()).is_some() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(start_of(child.id()), None);
    }
}
