//! Commands of schedulers as child processes, which get a limited time and whose output is bounded.
//! A missing answer means that the state is unknown, never that a job has failed.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::text::{bytes, duration, nearest};

/// Reason why a command of a scheduler gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The command is not installed.
    #[error("{program} {hint}")]
    Missing {
        /// Name of the command.
        program: String,
        /// Place where it was searched, and the nearest name there.
        hint: String,
    },
    /// The command reported an error, in its own words.
    #[error("{program}: {text}")]
    Refused {
        /// Name of the command.
        program: String,
        /// Its message.
        text: String,
    },
    /// The command did not end in time, or the caller stopped waiting.
    #[error("{0} does not answer")]
    Silent(String),
    /// The command did not end in time, and was ended.
    #[error("{program} did not end in {limit} and was killed")]
    TooSlow {
        /// Name of the command.
        program: String,
        /// The limit.
        limit: String,
    },
    /// The command printed more than is read, and was ended.
    #[error("{program} printed more than {} and was killed", bytes(MOST_OUTPUT as u64))]
    Flood {
        /// Name of the command.
        program: String,
    },
    /// The output of a submission has no id of a job.
    #[error("{program} printed {output}, in which {pattern} finds no id of a job")]
    NoId {
        /// Name of the command.
        program: String,
        /// Its output.
        output: String,
        /// Pattern of the id.
        pattern: String,
    },
    /// A submission was not answered, and its job cannot be looked for.
    #[error(
        "{name} was submitted without an answer, and execution.command.query, which asks by {{id}} alone, cannot find it: if \
         the scheduler does not list it, delete {directory}"
    )]
    Untraceable {
        /// Name of the job.
        name: String,
        /// Directory of the submission.
        directory: String,
    },
    /// Results from elsewhere name commands.
    #[error(
        "{results} was not made here, and its jobs are asked for by commands that it names: {commands}; --yes starts them"
    )]
    Untrusted {
        /// Directory of the results.
        results: String,
        /// The commands.
        commands: String,
    },
}

impl Problem {
    /// True if what the command was asked to do may have been done.
    pub fn is_unanswered(&self) -> bool {
        !matches!(self, Self::Missing { .. } | Self::Refused { .. } | Self::Untrusted { .. })
    }
}

/// CommandLimits of a command.
#[derive(Debug, Clone, Copy)]
pub(super) struct CommandLimits<'a> {
    /// Time after which its answer is not waited for any longer.
    pub(super) time: Duration,
    /// True if it is then killed, with its children; otherwise it continues.
    pub(super) kills: bool,
    /// Raised when the caller no longer waits for the answer.
    pub(super) stop: &'a AtomicBool,
}

/// Answer of a command that has ended.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Answer {
    /// The message of a command that failed: its error output, its output, or its exit status.
    fn message(&self) -> String {
        const LINES: usize = 5;
        const LENGTH: usize = 500;
        let said = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let lines: Vec<&str> =
            said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let text = lines[..lines.len().min(LINES)].join("; ");
        match text.char_indices().nth(LENGTH) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None if lines.len() > LINES => format!("{text}; ..."),
            None => text,
        }
    }

    /// The answer, if the command succeeded.
    pub(super) fn succeeded(self, program: &str) -> Result<Self, Problem> {
        if self.status.success() {
            return Ok(self);
        }
        let message = self.message();
        let text = match message.is_empty() {
            true => self.status.to_string(),
            false => format!("{}: {message}", self.status),
        };
        Err(Problem::Refused { program: program.to_owned(), text })
    }
}

/// Maximum size of each output of a command [bytes]: a list of 100,000 jobs is smaller.
const MOST_OUTPUT: usize = 16 << 20;
/// Interval of looking whether a command has ended.
const LOOK: Duration = Duration::from_millis(10);
/// Time for the output to end once the command has: its children may hold it open.
const LINGER: Duration = Duration::from_secs(1);

/// Runs a command without input until it ends or exceeds a limit.
pub(super) fn run(mut command: Command, limits: CommandLimits) -> Result<Answer, Problem> {
    let program = command.get_program().to_string_lossy().into_owned();
    let refused =
        |error: io::Error| Problem::Refused { program: program.clone(), text: error.to_string() };
    // In a separate process group, so that Ctrl-C does not reach a submission in progress.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Problem::Missing { program: program.clone(), hint: missing(&program) }
        }
        _ => refused(error),
    })?;
    let stdout = child.stdout.take().map(Collected::read);
    let stderr = child.stderr.take().map(Collected::read);
    let (Some(Ok(stdout)), Some(Ok(stderr))) = (stdout, stderr) else {
        kill(&mut child);
        return Err(refused(io::Error::other("no threads to read its output")));
    };
    let asked = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => {}
            Err(error) => return Err(refused(error)),
        }
        let floods = stdout.is_full() || stderr.is_full();
        let stops = limits.stop.load(Ordering::Relaxed);
        if floods || stops || asked.elapsed() >= limits.time {
            if limits.kills || floods {
                kill(&mut child);
            } else {
                // Waited for, so that it does not remain as a zombie.
                thread::spawn(move || child.wait());
            }
            return Err(match limits {
                _ if floods => Problem::Flood { program },
                CommandLimits { kills: true, time, .. } if !stops => {
                    Problem::TooSlow { program, limit: duration(time.as_secs_f64()) }
                }
                _ => Problem::Silent(program),
            });
        }
        thread::sleep(LOOK);
    };
    let ended = Instant::now();
    while !(stdout.is_complete() && stderr.is_complete()) && ended.elapsed() < LINGER {
        thread::sleep(LOOK / 10);
    }
    if stdout.is_full() {
        return Err(Problem::Flood { program });
    }
    Ok(Answer { status, stdout: stdout.text(), stderr: stderr.text() })
}

/// Kills a command and its children.
fn kill(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    // It may have left its process group.
    let _ = child.kill();
    let _ = child.wait();
}

/// Output of a command, read as it comes.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Collected {
    fn read(mut pipe: impl Read + Send + 'static) -> io::Result<Self> {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let collected = Arc::clone(&bytes);
        let read = move || {
            let mut part = vec![0; 1 << 16];
            loop {
                let n = match pipe.read(&mut part) {
                    Ok(0) => return,
                    Ok(n) => n,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(_) => return,
                };
                let mut bytes = collected.lock().unwrap_or_else(PoisonError::into_inner);
                let room = MOST_OUTPUT - bytes.len();
                bytes.extend_from_slice(&part[..n.min(room)]);
            }
        };
        Ok(Self { bytes, reader: thread::Builder::new().spawn(read)? })
    }

    fn is_complete(&self) -> bool {
        self.reader.is_finished()
    }

    fn is_full(&self) -> bool {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).len() >= MOST_OUTPUT
    }

    fn text(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Looks for a program as `exec` does.
pub(super) fn find_program(program: &str) -> Result<(), Problem> {
    let is_there = |path: &Path| {
        fs::metadata(path)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let found = match program.contains('/') {
        true => is_there(Path::new(program)),
        false => env::split_paths(&env::var_os("PATH").unwrap_or_default())
            .any(|folder| is_there(&folder.join(program))),
    };
    if found {
        return Ok(());
    }
    Err(Problem::Missing { program: program.to_owned(), hint: missing(program) })
}

/// Description of a program that cannot be found, with the nearest one that can.
fn missing(program: &str) -> String {
    if program.contains('/') {
        return "is not there, or not executable".to_owned();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let names: BTreeSet<String> = env::split_paths(&path)
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let near = nearest(program, names.iter().map(String::as_str));
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("is not on the PATH: is this a machine of the cluster?{near}")
}

#[cfg(test)]
mod tests {
    use super::*;

    static NEVER: AtomicBool = AtomicBool::new(false);

    fn shell(text: &str, time: f64) -> Result<Answer, Problem> {
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        run(
            command,
            CommandLimits {
                time: Duration::from_secs_f64(time),
                kills: true,
                stop: &NEVER,
            },
        )
    }

    #[test]
    fn a_command_that_hangs_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let text = format!("sleep 600 & echo $! > {}; wait", pid.display());
        let began = Instant::now();
        assert!(matches!(shell(&text, 0.3), Err(Problem::TooSlow { .. })));
        assert!(began.elapsed() < Duration::from_secs(20));
        let child: i32 = fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
        let is_alive = || {
            let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            !state.is_empty() && !state.contains(") Z ")
        };
        while is_alive() {
            assert!(began.elapsed() < Duration::from_secs(20), "it outlived the command");
            thread::sleep(LOOK);
        }
    }

    #[test]
    fn megabytes_are_read_and_a_flood_is_not() {
        let answer = shell("head -c 3000000 /dev/zero; echo end >&2", 60.0).unwrap();
        assert_eq!((answer.stdout.len(), answer.stderr.as_str()), (3_000_000, "end\n"));
        assert!(matches!(shell("cat /dev/zero", 60.0), Err(Problem::Flood { .. })));
        assert!(matches!(shell("cat /dev/zero >&2", 60.0), Err(Problem::Flood { .. })));
    }

    #[test]
    fn an_answer_does_not_wait_for_what_the_command_has_left_running() {
        let began = Instant::now();
        let answer = shell("echo 12; sleep 60 &", 30.0).unwrap();
        assert!(answer.stdout == "12\n" && began.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_program_that_is_not_there_is_named_with_the_nearest_one() {
        let stop = &NEVER;
        let limits = CommandLimits { time: Duration::from_secs(1), kills: true, stop };
        let problem = run(Command::new("slep"), limits).unwrap_err().to_string();
        assert!(problem.contains("slep is not on the PATH"), "{problem}");
        assert!(problem.contains("did you mean `sle"), "{problem}");
        let problem = run(Command::new("/nowhere/qsub"), limits).unwrap_err().to_string();
        assert_eq!(problem, "/nowhere/qsub is not there, or not executable");
    }
}
