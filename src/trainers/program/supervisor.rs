//! Supervisor: a process between this program and the commands of runs, one command at a time. It
//! ends every descendant of a command when the command has ended, when it is told to, and when
//! this program is gone, also by `kill -9`.
//!
//! ```text
//! ablade <--(socket)--> supervisor --> command --> workers, daemons, ...
//!    start: a command                  orphans become children of the supervisor, since it is
//!    terminate: SIGTERM to all          their subreaper
//!    kill, end of file: SIGKILL to all
//!         <-- wait status, once no descendant is left
//! ```
//!
//! It is this program itself under another first argument, so that no code runs between `fork` and
//! `exec`. Since the start of this program takes longer than that of many a command, a supervisor
//! serves one command after another. Elsewhere than on Linux, and in a library that was told of no
//! such program, the process group of the command stands for its descendants.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::thread;

use rustix::process::getppid;
use serde::{Deserialize, Serialize};

use crate::regular;

/// First argument of a supervisor. The second is the folder of the runs' directories, for people
/// who look at the list of processes.
pub const SUPERVISE: &str = "__supervise";
/// Exit code where a command cannot be started, as shells have it.
const NOT_STARTED: u8 = 127;

/// Message to a supervisor: one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Message {
    Start(Request),
    /// Asks every process of the command to end.
    Terminate,
    /// Ends every process of the command.
    Kill,
}

/// A command that a supervisor starts.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Program and arguments; not empty.
    pub(super) words: Vec<String>,
    pub(super) directory: OsString,
    /// Environment variables besides those of the supervisor.
    pub(super) env: Vec<(String, String)>,
    /// File that the supervisor locks until no descendant is left.
    pub(super) lock: OsString,
    /// Standard and error output; `None`: those of the supervisor.
    pub(super) outputs: Option<Outputs>,
}

/// Pipes that the other side holds open.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outputs {
    /// Process that holds them.
    pub(super) process: i32,
    /// Its file descriptors of the ends to write to.
    pub(super) stdout: i32,
    pub(super) stderr: i32,
}

impl Outputs {
    /// Opens both pipes by the names that Linux gives to the files of a process. A fresh pipe for
    /// each command: what one command leaves behind cannot write into the log of the next.
    fn open(&self) -> io::Result<[File; 2]> {
        let open = |descriptor: i32| {
            File::options()
                .write(true)
                .open(format!("/proc/{}/fd/{descriptor}", self.process))
        };
        let files = open(self.stdout).and_then(|stdout| Ok([stdout, open(self.stderr)?]));
        let files =
            files.map_err(|error| io::Error::other(format!("no pipes for its output: {error}")))?;
        // Still the parent, so the files were its own and not those of a process with its old id.
        if getppid().is_some_and(|parent| parent.as_raw_nonzero().get() == self.process) {
            Ok(files)
        } else {
            Err(io::Error::other("the program that asked is gone"))
        }
    }

    /// Returns true if the pipes of this process can be opened in this way, which needs `/proc`.
    pub(super) fn can_be_opened(&self) -> bool {
        let known = |descriptor| fs::metadata(format!("/proc/{}/fd/{descriptor}", self.process));
        cfg!(target_os = "linux") && known(self.stdout).is_ok() && known(self.stderr).is_ok()
    }
}

/// Last request about the descendants of the present command: 0, [`TERMINATE`] or [`KILL`]. It is
/// looked at again after the start of a command, which the signals may have missed.
static ASKED: AtomicU8 = AtomicU8::new(0);
const TERMINATE: u8 = 1;
const KILL: u8 = 2;

/// Runs this process as a supervisor of the commands that arrive at its standard input, a socket,
/// until the other side is gone.
pub fn supervise() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Ends this process when its thread panics: the other side waits for an answer or an end.
struct EndOnPanic;

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            std::process::abort();
        }
    }
}

fn serve() -> io::Result<()> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut answers = socket.try_clone()?;
    linux::adopt_orphans()?;
    let (requests, waiting) = mpsc::channel::<Request>();
    let worker = thread::spawn(move || {
        let _guard = EndOnPanic;
        for request in waiting {
            let status = carry_out(&request).into_raw();
            // The other side may be gone: then there is nobody to tell.
            let _ = answers.write_all(format!("{status}\n").as_bytes());
        }
    });
    let mut lines = BufReader::new(socket);
    let mut line = String::new();
    loop {
        line.clear();
        // A line without its end is what a program that was killed has left.
        let is_whole = lines.read_line(&mut line).is_ok_and(|_| line.ends_with('\n'));
        match serde_json::from_str(&line) {
            Ok(Message::Start(request)) if is_whole => {
                ASKED.store(0, Ordering::SeqCst);
                if requests.send(request).is_err() {
                    break;
                }
            }
            Ok(Message::Terminate) if is_whole => {
                ASKED.store(TERMINATE, Ordering::SeqCst);
                linux::act(TERMINATE);
            }
            Ok(Message::Kill) if is_whole => {
                ASKED.store(KILL, Ordering::SeqCst);
                linux::act(KILL);
            }
            _ => break,
        }
    }
    ASKED.store(KILL, Ordering::SeqCst);
    linux::act(KILL);
    drop(requests);
    // It ends the command that it may be starting just now.
    worker.join().map_err(|_| io::Error::other("a panic"))
}

/// Runs a command to its end, and then ends all that is left of its descendants.
fn carry_out(request: &Request) -> ExitStatus {
    // Held until no descendant is left: whoever starts the run again waits for it.
    let mut options = File::options();
    let lock = regular::open_unlinked(
        Path::new(&request.lock),
        options.create(true).truncate(false).write(true),
    );
    let _held = lock.as_ref().is_ok_and(|file| file.try_lock().is_ok());
    let Some((program, arguments)) = request.words.split_first() else {
        return ExitStatus::from_raw(i32::from(NOT_STARTED) << 8);
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&request.directory)
        .envs(request.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        // A Ctrl-C in the terminal reaches `ablade` alone, which then ends its runs.
        .process_group(0);
    let mut errors: Box<dyn Write> = Box::new(io::stderr());
    let started = (request.outputs.as_ref().map(Outputs::open).transpose()).and_then(|files| {
        if let Some([stdout, stderr]) = files {
            errors = Box::new(stderr.try_clone()?);
            command.stdout(stdout).stderr(stderr);
        }
        linux::run(&mut command)
    });
    started.unwrap_or_else(|error| {
        let _ = writeln!(errors, "cannot start {program}: {error}");
        ExitStatus::from_raw(i32::from(NOT_STARTED) << 8)
    })
}

/// The processes of this system that `/proc` shows: their ids and directories.
pub(super) fn processes() -> impl Iterator<Item = (i32, PathBuf)> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse::<i32>().ok()?;
        Some((pid, entry.path()))
    })
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::io;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus};
    use std::sync::atomic::Ordering;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use rustix::process::{
        Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait,
    };

    use super::{ASKED, KILL, TERMINATE, processes};

    /// Time that daemons of a command have to end after it.
    const GRACE: Duration = Duration::from_millis(500);

    /// Makes this process the parent of every orphan among its descendants.
    pub(super) fn adopt_orphans() -> io::Result<()> {
        Ok(set_child_subreaper(Some(getpid()))?)
    }

    /// Runs a command to its end, and then ends all that is left of its descendants.
    pub(super) fn run(command: &mut Command) -> io::Result<ExitStatus> {
        let child = command.spawn()?;
        let own = i32::try_from(child.id()).unwrap_or_default();
        // What was asked for before there was a process.
        act(ASKED.load(Ordering::SeqCst));
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

    /// Does with all descendants what was asked for.
    pub(super) fn act(asked: u8) {
        match asked {
            KILL => kill_descendants(),
            TERMINATE => {
                signal_descendants(Signal::TERM);
                // A stopped process gets no other signal.
                signal_descendants(Signal::CONT);
            }
            _ => {}
        }
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
            if ASKED.load(Ordering::SeqCst) == KILL || started.elapsed() > GRACE {
                kill_descendants();
            } else if !asked {
                act(TERMINATE);
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
    use std::sync::atomic::{AtomicI32, Ordering};

    use rustix::process::{Pid, Signal, kill_process_group};

    use super::{ASKED, KILL, TERMINATE};

    /// Process group of the present command.
    static GROUP: AtomicI32 = AtomicI32::new(0);

    /// Other systems give orphans to the first process.
    pub(super) fn adopt_orphans() -> io::Result<()> {
        Ok(())
    }

    /// Runs a command to its end; its process group ends with this program.
    pub(super) fn run(command: &mut Command) -> io::Result<ExitStatus> {
        let mut child = command.spawn()?;
        GROUP.store(child.id() as i32, Ordering::SeqCst);
        act(ASKED.load(Ordering::SeqCst));
        let status = child.wait();
        GROUP.store(0, Ordering::SeqCst);
        status
    }

    /// Does with the process group what was asked for.
    pub(super) fn act(asked: u8) {
        let signal = match asked {
            KILL => Signal::KILL,
            TERMINATE => Signal::TERM,
            _ => return,
        };
        if let Some(group) = Pid::from_raw(GROUP.load(Ordering::SeqCst)) {
            let _ = kill_process_group(group, signal);
        }
    }
}
