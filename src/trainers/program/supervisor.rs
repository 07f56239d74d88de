//! Supervisor: a process between this program and one command of a run. It ends every descendant
//! of the command when the command has ended, when it is told to, and when this program is gone,
//! also by `kill -9`.
//!
//! ```text
//! ablade --(pipe)--> supervisor --> command --> workers, daemons, ...
//!            't': SIGTERM to all descendants      orphans become children of the supervisor,
//!            'k', end of file: SIGKILL to all     since it is their subreaper
//! ```
//!
//! It is this program itself under another first argument, so that no code runs between `fork` and
//! `exec`. Elsewhere than on Linux, and in a library that was told of no such program, the process
//! group of the command stands for its descendants.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{
    Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitCode, ExitStatus, Stdio,
};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};

use crate::regular;

/// First argument of a supervisor.
pub const SUPERVISE: &str = "__supervise";
/// Exit code where a command cannot be started, as shells have it.
const NOT_STARTED: u8 = 127;

/// Variables that this program has set for itself, with their values from before.
static CHANGED_VARIABLES: OnceLock<Vec<(&'static str, Option<OsString>)>> = OnceLock::new();

/// Remembers the values of environment variables that this program is about to change for itself:
/// the commands of runs get the values of now.
pub fn remember_environment(names: &[&'static str]) {
    let values = names.iter().map(|name| (*name, std::env::var_os(name))).collect();
    // A second call would remember values that are no longer the user's.
    let _ = CHANGED_VARIABLES.set(values);
}

/// A command that is to be started.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) words: &'a [String],
    pub(super) directory: &'a Path,
    pub(super) env: &'a [(String, String)],
    /// The program that supervises; `None`: the process group alone.
    pub(super) supervisor: Option<&'a Path>,
    /// Directory of the run, which its processes have in their environment.
    pub(super) run: &'a Path,
    /// File that the supervisor locks until no descendant is left.
    pub(super) lock: &'a Path,
}

/// A command that runs.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    run: PathBuf,
    /// The pipe to the supervisor; its end means that this program is gone.
    lifeline: Option<ChildStdin>,
}

impl Running {
    /// Starts a command with an empty standard input; returns its outputs besides.
    pub(super) fn start(start: &Start) -> io::Result<(Self, ChildStdout, ChildStderr)> {
        let mut command = match start.supervisor {
            Some(supervisor) => {
                let mut command = Command::new(supervisor);
                command.arg(SUPERVISE).arg(start.lock).args(start.words).stdin(Stdio::piped());
                command
            }
            None => {
                let mut command = Command::new(&start.words[0]);
                command.args(&start.words[1..]).stdin(Stdio::null());
                command
            }
        };
        for (name, value) in CHANGED_VARIABLES.get().into_iter().flatten() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .current_dir(start.directory)
            .envs(start.env.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C in the terminal reaches this program alone, which then ends its runs.
            .process_group(0);
        let mut child = command.spawn()?;
        let streams = child.stdout.take().zip(child.stderr.take());
        let (stdout, stderr) = streams.ok_or_else(|| io::Error::other("no pipes"))?;
        let lifeline = child.stdin.take();
        Ok((Self { child, run: start.run.to_owned(), lifeline }, stdout, stderr))
    }

    /// The end of the command, once it has ended.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Asks every process of the run to end.
    pub(super) fn terminate(&mut self) {
        self.tell(b't', Signal::TERM);
    }

    /// Ends every process of the run.
    pub(super) fn kill(&mut self) {
        if !self.tell(b'k', Signal::KILL) {
            // Without a supervisor, or after it was killed itself.
            kill_processes_of(&self.run);
        }
    }

    /// Returns true if a supervisor has got the message.
    fn tell(&mut self, message: u8, signal: Signal) -> bool {
        if let Some(lifeline) = &mut self.lifeline {
            return lifeline.write_all(&[message]).is_ok();
        }
        if let Some(group) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process_group(group, signal);
            let _ = kill_process_group(group, Signal::CONT);
        }
        false
    }
}

/// Name of the environment variable that holds the directory of a run.
pub(super) const RUN_DIRECTORY: &str = "ABLADE_RUN";

/// Kills the processes that have this run's directory in their environment, where the system shows
/// environments.
pub(super) fn kill_processes_of(run: &Path) {
    let mut wanted = format!("{RUN_DIRECTORY}=").into_bytes();
    wanted.extend(run.as_os_str().as_bytes());
    // A process that starts others may be seen after it has started one.
    for _ in 0..10 {
        let mut killed = false;
        for (pid, path) in processes() {
            let environment = fs::read(path.join("environ")).unwrap_or_default();
            if environment.split(|&b| b == 0).any(|variable| variable == wanted) {
                let pid = Pid::from_raw(pid).filter(|pid| *pid != getpid());
                killed |= pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok());
            }
        }
        if !killed {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The processes of this system that `/proc` shows: their ids and directories.
fn processes() -> impl Iterator<Item = (i32, PathBuf)> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse::<i32>().ok()?;
        Some((pid, entry.path()))
    })
}

/// The end of a command in words; `None` where it succeeded.
pub(super) fn failure(status: ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("exit code {code}")),
        (None, Some(signal)) => Some(match signal {
            9 => "killed by SIGKILL (out of memory?)".to_owned(),
            11 => "killed by SIGSEGV".to_owned(),
            6 => "killed by SIGABRT".to_owned(),
            15 => "killed by SIGTERM".to_owned(),
            signal => format!("killed by signal {signal}"),
        }),
        (None, None) => Some("it ended without an exit code".to_owned()),
    }
}

/// Runs this process as a supervisor: the arguments are a file to lock and the words of a command.
pub fn supervise(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let (Some(lock), Some(program)) = (arguments.next(), arguments.next()) else {
        return ExitCode::from(NOT_STARTED);
    };
    // Held until this process ends: whoever starts the run again waits for it.
    let mut options = File::options();
    let lock =
        regular::open_unlinked(Path::new(&lock), options.create(true).truncate(false).write(true));
    let _held = lock.as_ref().is_ok_and(|file| file.try_lock().is_ok());
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::null()).process_group(0);
    let code = match linux::run(&mut command) {
        Ok(status) => status,
        Err(error) => {
            let name = program.to_string_lossy();
            let _ = writeln!(io::stderr(), "cannot start {name}: {error}");
            return ExitCode::from(NOT_STARTED);
        }
    };
    if let Some(signal) = code.signal() {
        // The same end for this process, so that whoever waits for it sees how the command ended.
        end_by(signal);
        return ExitCode::from(128u8.saturating_add(signal as u8));
    }
    ExitCode::from(code.code().unwrap_or(1) as u8)
}

fn end_by(signal: i32) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // Rust's own handler of SIGSEGV takes the first one and then restores the default.
    for _ in 0..3 {
        if let Some(signal) = Signal::from_named_raw(signal) {
            let _ = kill_process(getpid(), signal);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Reads what the program on the other side says, until it is gone.
fn listen(mut act: impl FnMut(Signal)) {
    let mut message = [0];
    loop {
        match io::stdin().read(&mut message) {
            Ok(1) if message[0] == b't' => act(Signal::TERM),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => act(Signal::KILL),
        }
        if message[0] != b't' {
            return;
        }
        message = [0];
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::io;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::{sleep, spawn};
    use std::time::{Duration, Instant};

    use rustix::process::{
        Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait,
    };

    use super::processes;

    /// Time that daemons of a command have to end after it.
    const GRACE: Duration = Duration::from_millis(500);

    static GONE: AtomicBool = AtomicBool::new(false);

    /// Runs a command to its end, and then ends all that is left of its descendants.
    pub(super) fn run(command: &mut Command) -> io::Result<ExitStatus> {
        set_child_subreaper(Some(getpid()))?;
        let child = command.spawn()?;
        let own = i32::try_from(child.id()).unwrap_or_default();
        spawn(|| {
            super::listen(|signal| {
                if signal == Signal::KILL {
                    GONE.store(true, Ordering::SeqCst);
                    kill_descendants();
                } else {
                    signal_descendants(signal);
                    // A stopped process gets no other signal.
                    signal_descendants(Signal::CONT);
                }
            });
        });
        let mut status = None;
        while status.is_none() {
            match wait(WaitOptions::empty()) {
                Ok(Some((pid, found))) if pid.as_raw_nonzero().get() == own => {
                    status = Some(ExitStatus::from_raw(found.as_raw()));
                }
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        end_descendants();
        Ok(status.unwrap_or_default())
    }

    /// Ends processes until none is left: each that dies leaves its children to this one.
    fn end_descendants() {
        let started = Instant::now();
        let mut asked = false;
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => continue,
                Ok(None) => {}
                Err(_) => return,
            }
            if GONE.load(Ordering::SeqCst) || started.elapsed() > GRACE {
                kill_descendants();
            } else if !asked {
                signal_descendants(Signal::TERM);
                signal_descendants(Signal::CONT);
                asked = true;
            }
            sleep(Duration::from_millis(2));
        }
    }

    /// Kills every descendant of this process. All are stopped first, so that none starts another one
    /// while it is looked for.
    fn kill_descendants() {
        let mut stopped = BTreeSet::new();
        for _ in 0..1000 {
            let new: Vec<i32> =
                descendants().into_iter().filter(|pid| stopped.insert(*pid)).collect();
            if new.is_empty() {
                break;
            }
            send(&new, Signal::STOP);
        }
        signal_descendants(Signal::KILL);
    }

    /// Sends a signal to every descendant of this process.
    fn signal_descendants(signal: Signal) {
        send(&descendants(), signal);
    }

    fn send(processes: &[i32], signal: Signal) {
        for pid in processes.iter().filter_map(|&pid| Pid::from_raw(pid)) {
            let _ = kill_process(pid, signal);
        }
    }

    /// The processes that descend from this one.
    fn descendants() -> Vec<i32> {
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for (pid, path) in processes() {
            let stat = fs::read(path.join("stat")).unwrap_or_default();
            let stat = String::from_utf8_lossy(&stat);
            // The name is in brackets and may hold anything.
            let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
            let parent = after.split_whitespace().nth(1).and_then(|pid| pid.parse::<i32>().ok());
            if let Some(parent) = parent {
                children.entry(parent).or_default().push(pid);
            }
        }
        let mut found = Vec::new();
        let mut waiting = children.remove(&getpid().as_raw_nonzero().get()).unwrap_or_default();
        while let Some(pid) = waiting.pop() {
            waiting.extend(children.remove(&pid).unwrap_or_default());
            found.push(pid);
        }
        found
    }
}

#[cfg(not(target_os = "linux"))]
mod linux {
    use std::io;
    use std::process::{Command, ExitStatus};

    /// Runs a command to its end; its process group ends with this program.
    pub(super) fn run(command: &mut Command) -> io::Result<ExitStatus> {
        let mut child = command.spawn()?;
        let group = rustix::process::Pid::from_raw(child.id() as i32);
        std::thread::spawn(move || {
            super::listen(|signal| {
                if let Some(group) = group {
                    let _ = rustix::process::kill_process_group(group, signal);
                }
            });
        });
        child.wait()
    }
}
