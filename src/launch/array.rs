//! Number of a task as its scheduler states it: every scheduler sets a variable in the environment
//! of an array's tasks, and counts from a number of its own.

use std::ffi::OsString;

use crate::text::{brief, count};

/// Scheduler that starts the tasks of an array.
#[derive(Debug, PartialEq, Eq)]
pub struct Scheduler {
    /// Its name, as sentences have it.
    pub name: &'static str,
    /// Variable with the number of a task.
    pub variable: &'static str,
    /// Number of the first task of an array, unless the user says otherwise.
    pub first: usize,
    /// Value of the variable in a job that is not part of an array.
    outside: Option<&'static str>,
    /// Variables with the lowest and the highest number of the array, where the user chooses them.
    range: Option<[&'static str; 2]>,
    /// Variable with the number of processors of a task.
    pub(super) processors: Option<&'static str>,
    /// Start of an array, with `{first}`, `{last}`, `{count}` and `{script}`.
    array: &'static str,
    /// Knowledge from which variable and start are written down.
    origin: &'static str,
}

const RUN: &str = "run by us";
const MANUAL: &str = "written from the manual";

/// Every scheduler whose variable `ablade task` reads.
pub static SCHEDULERS: &[Scheduler] = &[
    Scheduler {
        name: "Slurm",
        variable: "SLURM_ARRAY_TASK_ID",
        first: 0,
        outside: None,
        range: Some(["SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX"]),
        processors: Some("SLURM_CPUS_PER_TASK"),
        array: "sbatch --array={first}-{last} {script}",
        origin: RUN,
    },
    Scheduler {
        name: "PBS Pro",
        variable: "PBS_ARRAY_INDEX",
        first: 0,
        outside: None,
        range: None,
        processors: Some("NCPUS"),
        array: "qsub -J {first}-{last} {script}",
        origin: MANUAL,
    },
    Scheduler {
        name: "Torque",
        variable: "PBS_ARRAYID",
        first: 0,
        outside: None,
        range: None,
        processors: Some("PBS_NUM_PPN"),
        array: "qsub -t {first}-{last} {script}",
        origin: MANUAL,
    },
    Scheduler {
        name: "Grid Engine",
        variable: "SGE_TASK_ID",
        first: 1,
        outside: Some("undefined"),
        range: None,
        processors: Some("NSLOTS"),
        array: "qsub -t {first}-{last} {script}",
        origin: RUN,
    },
    Scheduler {
        name: "LSF",
        variable: "LSB_JOBINDEX",
        first: 1,
        outside: Some("0"),
        range: None,
        processors: Some("LSB_DJOB_NUMPROC"),
        array: "bsub -J \"ablade[{first}-{last}]\" < {script}",
        origin: MANUAL,
    },
    Scheduler {
        name: "AWS Batch",
        variable: "AWS_BATCH_JOB_ARRAY_INDEX",
        first: 0,
        outside: None,
        range: None,
        processors: None,
        array: "aws batch submit-job --array-properties size={count} ...",
        origin: MANUAL,
    },
    Scheduler {
        name: "Kubernetes",
        variable: "JOB_COMPLETION_INDEX",
        first: 0,
        outside: None,
        range: None,
        processors: None,
        array: "ablade freeze --for k8s",
        origin: MANUAL,
    },
    Scheduler {
        name: "Google Batch",
        variable: "BATCH_TASK_INDEX",
        first: 0,
        outside: None,
        range: None,
        processors: None,
        array: "\"taskCount\": {count} in the JSON of gcloud batch jobs submit",
        origin: MANUAL,
    },
    Scheduler {
        name: "HyperQueue",
        variable: "HQ_TASK_ID",
        first: 0,
        outside: None,
        range: None,
        processors: None,
        array: "hq submit --array {first}-{last} sh {script}",
        origin: "numbers run by us, line written from the manual",
    },
    Scheduler {
        name: "GNU parallel",
        variable: "PARALLEL_SEQ",
        first: 1,
        outside: None,
        range: None,
        processors: None,
        array: "seq {count} | parallel -N0 ablade task masks-5f0c2a9e",
        origin: RUN,
    },
];

impl Scheduler {
    /// True if its array starts the script of a submission as it is, without an image or a job file.
    pub fn takes_script(&self) -> bool {
        self.array.contains("{script}")
    }

    /// Start of an array of `n_tasks` tasks with the script at a path, which is quoted for a shell.
    pub fn array(&self, n_tasks: usize, script: &str) -> String {
        self.array
            .replace("{first}", &self.first.to_string())
            .replace("{last}", &(self.first + n_tasks.saturating_sub(1)).to_string())
            .replace("{count}", &n_tasks.to_string())
            .replace("{script}", script)
    }
}

/// Lines of the documentation: a Markdown table of [`SCHEDULERS`].
pub fn scheduler_table() -> String {
    let head =
        "| scheduler | variable | first task | array of 20 tasks | |\n|---|---|---|---|---|\n";
    let row = |scheduler: &Scheduler| {
        let Scheduler { name, variable, first, origin, .. } = scheduler;
        let array = scheduler.array(20, "script.sh").replace('|', "\\|");
        format!("| {name} | `{variable}` | {first} | `{array}` | {origin} |\n")
    };
    SCHEDULERS
        .iter()
        .fold(head.to_owned(), |text, scheduler| text + &row(scheduler))
}

/// Lines of the help text: the variables of [`SCHEDULERS`], each with its first number.
pub fn scheduler_list() -> String {
    let width = SCHEDULERS.iter().map(|scheduler| scheduler.variable.len()).max().unwrap_or(0);
    let line = |&Scheduler { name, variable, first, .. }: &Scheduler| {
        format!("\n  {variable:width$}  {name}, from {first}")
    };
    SCHEDULERS.iter().map(line).collect()
}

/// Reason why the environment does not tell which task is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArrayError {
    /// No scheduler's variable has a number.
    #[error(
        "the number of the task is missing: {}; a number from 0 to {} as the last argument names the task",
        match outside {
            Some((scheduler, value)) => {
                format!("{} is `{value}`, so this is no task of an array of {}", scheduler.variable, scheduler.name)
            }
            None => format!("none of {} is set", list_of_variables()),
        },
        n_tasks.saturating_sub(1)
    )]
    Missing {
        /// A scheduler that started this process, but not as a task of an array, and its value.
        outside: Option<(&'static Scheduler, &'static str)>,
        /// Number of tasks of the submission.
        n_tasks: usize,
    },
    /// A variable has another value than a number.
    #[error(
        "{variable} is {}: expected the number of a task of an array, as {scheduler} writes it",
        brief(value)
    )]
    NotANumber {
        /// Name of the variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// Name of the scheduler.
        scheduler: &'static str,
    },
    /// Two variables name two tasks.
    #[error(
        "{} and {} disagree about the task: unset the one that is not meant, or give the number of the task, from 0, as the \
         last argument",
        read[0], read[1]
    )]
    Disagree {
        /// The variables.
        read: [TaskVariable; 2],
    },
    /// The array is a part of the submission, and may count from 0 or from 1.
    #[error(
        "{} is {lowest} and {} is {highest}, and the submission has {}: --first says which number its first task has: 0 in \
         an array 0-{}, 1 in an array 1-{n_tasks}",
        variables[0], variables[1], count(*n_tasks, "task"), n_tasks.saturating_sub(1)
    )]
    FirstUnknown {
        /// Variables with lowest and highest number of the array.
        variables: [&'static str; 2],
        /// Lowest number of the array.
        lowest: usize,
        /// Highest number of the array.
        highest: usize,
        /// Number of tasks of the submission.
        n_tasks: usize,
    },
    /// The submission has no such task.
    #[error(
        "{} is {}: expected a number from {} to {}, because the submission has {} and the number of its first is {}; \
         --first says otherwise",
        read.scheduler.variable, read.number, read.first, read.first.saturating_add(n_tasks.saturating_sub(1)), count(*n_tasks, "task"),
        read.first
    )]
    NoSuchTask {
        /// The variable.
        read: TaskVariable,
        /// Number of tasks of the submission.
        n_tasks: usize,
    },
}

/// Variable of a scheduler that has the number of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskVariable {
    /// The scheduler.
    pub scheduler: &'static Scheduler,
    /// Value of its variable.
    pub number: usize,
    /// Number of the first task.
    pub first: usize,
}

impl std::fmt::Display for TaskVariable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scheduler, number, first } = self;
        write!(f, "{} = {number} (counted from {first})", scheduler.variable)
    }
}

fn list_of_variables() -> String {
    let names: Vec<&str> = SCHEDULERS.iter().map(|scheduler| scheduler.variable).collect();
    names.join(", ")
}

/// Index of the task that the scheduler's `variable` names, of a submission of `n_tasks` tasks.
/// `first` is the number of its first task, if the user states it.
///
/// An index is returned only if it is certain: two variables must name the same task, and an array
/// that covers a part of the submission must show from which number it counts.
pub fn array_task(
    n_tasks: usize,
    first: Option<usize>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<usize, ArrayError> {
    // An empty variable is one that somebody has cleared.
    let text = |name: &str| {
        variable(name)
            .map(|value| value.to_string_lossy().into_owned())
            .filter(|value| !value.is_empty())
    };
    let mut outside = None;
    let mut known = Vec::new();
    for scheduler in SCHEDULERS {
        let Some(value) = text(scheduler.variable) else { continue };
        if let Some(word) = scheduler.outside.filter(|&word| word == value) {
            outside = outside.or(Some((scheduler, word)));
            continue;
        }
        let number = parsed(scheduler, scheduler.variable, value)?;
        let first = match first {
            Some(first) => first,
            None => first_of(scheduler, n_tasks, text)?,
        };
        known.push(TaskVariable { scheduler, number, first });
    }
    let Some(read) = known.first() else {
        return Err(ArrayError::Missing { outside, n_tasks });
    };
    let index = |read: &TaskVariable| read.number as i128 - read.first as i128;
    if let Some(other) = known.iter().find(|other| index(other) != index(read)) {
        return Err(ArrayError::Disagree { read: [read.clone(), other.clone()] });
    }
    read.number
        .checked_sub(read.first)
        .filter(|&index| index < n_tasks)
        .ok_or_else(|| ArrayError::NoSuchTask { read: read.clone(), n_tasks })
}

fn parsed(
    scheduler: &Scheduler,
    variable: &'static str,
    value: String,
) -> Result<usize, ArrayError> {
    // `parse` alone would accept a sign.
    let number = value.parse().ok().filter(|_| value.bytes().all(|b| b.is_ascii_digit()));
    number.ok_or(ArrayError::NotANumber { variable, value, scheduler: scheduler.name })
}

/// Number of the first task of the submission. It follows from the range of the array if that
/// begins with 0 or covers the submission; otherwise `--array=5-7` may repeat tasks of an array
/// that began with 0 or with 1.
fn first_of(
    scheduler: &Scheduler,
    n_tasks: usize,
    text: impl Fn(&str) -> Option<String>,
) -> Result<usize, ArrayError> {
    let Some(variables) = scheduler.range else { return Ok(scheduler.first) };
    let [Some(lowest), Some(highest)] = variables.map(text) else {
        return Ok(scheduler.first);
    };
    let lowest = parsed(scheduler, variables[0], lowest)?;
    let highest = parsed(scheduler, variables[1], highest)?;
    match lowest {
        0 => Ok(0),
        _ if highest.checked_sub(lowest) == Some(n_tasks.saturating_sub(1)) => Ok(lowest),
        _ => Err(ArrayError::FirstUnknown { variables, lowest, highest, n_tasks }),
    }
}
