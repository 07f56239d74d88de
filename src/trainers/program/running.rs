//! A command that runs, as this program sees it: through a supervisor, or as a child of its own.

use std::ffi::OsString;
use std::fs;
use std::io::{self, PipeReader, Read, Write, pipe};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};

use super::supervisor::{Message, Outputs, Request, SUPERVISE, processes};

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
    /// Directory of the run, which its processes have in their environment.
    pub(super) run: &'a Path,
    /// File that is locked as long as a descendant of the command lives.
    pub(super) lock: &'a Path,
}

/// Supervisors that wait for a command: as many as have been at work at the same time.
#[derive(Debug)]
pub(super) struct Supervisors {
    /// The program that supervises.
    program: PathBuf,
    idle: Mutex<Vec<Supervisor>>,
}

impl Supervisors {
    pub(super) fn new(program: PathBuf) -> Self {
        Self { program, idle: Mutex::default() }
    }

    /// A supervisor that waits and lives.
    fn take(&self) -> Option<Supervisor> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut supervisor) = idle.pop() {
            if matches!(supervisor.child.try_wait(), Ok(None)) {
                return Some(supervisor);
            }
        }
        None
    }

    fn put(&self, supervisor: Supervisor) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(supervisor);
    }

    /// Starts a command with an empty standard input.
    pub(super) fn start(&self, start: &Start) -> io::Result<(Running<'_>, [PipeReader; 2])> {
        let [(stdout, to_stdout), (stderr, to_stderr)] = [pipe()?, pipe()?];
        let outputs = Outputs {
            process: getpid().as_raw_nonzero().get(),
            stdout: to_stdout.as_raw_fd(),
            stderr: to_stderr.as_raw_fd(),
        };
        let folder = start.run.parent().unwrap_or(start.run);
        let is_lasting = outputs.can_be_opened();
        let mut request = Request {
            words: start.words.to_vec(),
            directory: start.directory.as_os_str().to_owned(),
            env: start.env.to_vec(),
            lock: start.lock.as_os_str().to_owned(),
            outputs: None,
        };
        let (mut supervisor, held) = if is_lasting {
            request.outputs = Some(outputs);
            let supervisor = self.take().map_or_else(
                || Supervisor::start(&self.program, folder, Stdio::null(), Stdio::null()),
                Ok,
            )?;
            (supervisor, Some([to_stdout.into(), to_stderr.into()]))
        } else {
            let supervisor =
                Supervisor::start(&self.program, folder, to_stdout.into(), to_stderr.into())?;
            (supervisor, None)
        };
        supervisor.tell(&Message::Start(request))?;
        let running = Running {
            process: Some(Process::Supervised {
                supervisor,
                supervisors: is_lasting.then_some(self),
                _outputs: held,
            }),
            run: start.run.to_owned(),
        };
        Ok((running, [stdout, stderr]))
    }
}

impl Drop for Supervisors {
    fn drop(&mut self) {
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
        idle.drain(..).for_each(Supervisor::end);
    }
}

/// A supervisor, which ends its command and itself when this is dropped.
#[derive(Debug)]
struct Supervisor {
    child: Child,
    /// Its end means that the other side is gone.
    socket: UnixStream,
    /// Beginning of an answer.
    answer: Vec<u8>,
}

impl Supervisor {
    /// Starts the program that supervises, with the folder of the runs' directories in its command
    /// line.
    fn start(program: &Path, folder: &Path, stdout: Stdio, stderr: Stdio) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        let mut command = Command::new(program);
        restore_environment(&mut command);
        let child = command
            .arg(SUPERVISE)
            .arg(folder)
            .stdin(OwnedFd::from(theirs))
            .stdout(stdout)
            .stderr(stderr)
            // A Ctrl-C in the terminal reaches this program alone, which then ends its runs.
            .process_group(0)
            .spawn()?;
        Ok(Self { child, socket, answer: Vec::new() })
    }

    fn tell(&mut self, message: &Message) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.socket.write_all(&line)
    }

    /// Ends a supervisor that has no descendants: one whose command has ended.
    fn end(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits at most this long for the end of the command.
    fn wait(&mut self, longest: Duration) -> io::Result<Option<ExitStatus>> {
        self.socket.set_read_timeout(Some(longest))?;
        let mut bytes = [0; 32];
        match self.socket.read(&mut bytes) {
            // It was killed: its end stands for that of the command.
            Ok(0) => return self.child.wait().map(Some),
            Ok(n) => self.answer.extend_from_slice(&bytes[..n]),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return self.child.wait().map(Some);
            }
            Err(error) => {
                use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
                return match error.kind() {
                    Interrupted | TimedOut | WouldBlock => Ok(None),
                    _ => Err(error),
                };
            }
        }
        let Some(text) = self.answer.strip_suffix(b"\n") else { return Ok(None) };
        let status = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        self.answer.clear();
        status
            .map(|status| Some(ExitStatus::from_raw(status)))
            .ok_or_else(|| io::Error::other("an answer that is no status"))
    }
}

/// A command that runs.
#[derive(Debug)]
pub(super) struct Running<'a> {
    /// `None` once it has ended under a supervisor.
    process: Option<Process<'a>>,
    run: PathBuf,
}

#[derive(Debug)]
enum Process<'a> {
    Supervised {
        supervisor: Supervisor,
        /// Pool in which the supervisor waits for its next command; `None`: it ends with this one,
        /// or was told something that it may hear too late for this one.
        supervisors: Option<&'a Supervisors>,
        /// Ends of pipes for the supervisor to open.
        _outputs: Option<[OwnedFd; 2]>,
    },
    /// The process group alone stands for the descendants.
    Alone(Child),
}

impl Running<'_> {
    /// Starts a command with an empty standard input; returns its outputs besides.
    pub(super) fn start<'a>(
        supervisors: Option<&'a Supervisors>,
        start: &Start,
    ) -> io::Result<(Running<'a>, [PipeReader; 2])> {
        if let Some(supervisors) = supervisors {
            return supervisors.start(start);
        }
        let [(stdout, to_stdout), (stderr, to_stderr)] = [pipe()?, pipe()?];
        let mut command = Command::new(&start.words[0]);
        restore_environment(&mut command);
        let child = command
            .args(&start.words[1..])
            .current_dir(start.directory)
            .envs(start.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(to_stdout)
            .stderr(to_stderr)
            .process_group(0)
            .spawn()?;
        let running = Running {
            process: Some(Process::Alone(child)),
            run: start.run.to_owned(),
        };
        Ok((running, [stdout, stderr]))
    }

    /// The end of the command, if it comes within this time.
    pub(super) fn wait(&mut self, longest: Duration) -> io::Result<Option<ExitStatus>> {
        let status = match &mut self.process {
            None => None,
            Some(Process::Supervised { supervisor, .. }) => supervisor.wait(longest)?,
            Some(Process::Alone(child)) => {
                let status = child.try_wait()?;
                if status.is_none() {
                    std::thread::sleep(longest);
                }
                status
            }
        };
        if status.is_some() {
            self.release();
        }
        Ok(status)
    }

    /// Closes the pipes of a command that has ended, and hands its supervisor on. The process group
    /// of a command without one may still have members.
    fn release(&mut self) {
        match self.process.take() {
            Some(Process::Supervised { supervisor, supervisors, .. }) => match supervisors {
                Some(supervisors) => supervisors.put(supervisor),
                None => supervisor.end(),
            },
            other => self.process = other,
        }
    }

    /// Asks every process of the run to end.
    pub(super) fn terminate(&mut self) {
        self.tell(&Message::Terminate, Signal::TERM);
    }

    /// Ends every process of the run.
    pub(super) fn kill(&mut self) {
        if !self.tell(&Message::Kill, Signal::KILL) {
            // Without a supervisor, or after it was killed itself.
            kill_processes_of(&self.run);
        }
    }

    /// Returns true if a supervisor has got the message.
    fn tell(&mut self, message: &Message, signal: Signal) -> bool {
        match &mut self.process {
            None => false,
            Some(Process::Supervised { supervisor, supervisors, .. }) => {
                *supervisors = None;
                // A stopped one would not hear it.
                let _ = kill_process(Pid::from_child(&supervisor.child), Signal::CONT);
                supervisor.tell(message).is_ok()
            }
            Some(Process::Alone(child)) => {
                let group = Pid::from_child(child);
                let _ = kill_process_group(group, signal);
                let _ = kill_process_group(group, Signal::CONT);
                false
            }
        }
    }
}

/// Gives the variables that this program has changed for itself the values of before.
fn restore_environment(command: &mut Command) {
    for (name, value) in CHANGED_VARIABLES.get().into_iter().flatten() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
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
