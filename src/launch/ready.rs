//! Files with which other programs start the tasks of a submission.

use std::path::Path;

use super::script::{Invocation, job_script, slurm_script, task_script};
use super::{LaunchError, slurm};
use crate::experiment::Slurm;
use crate::plan::SchedulerCommands;
use crate::session::quoted;
use crate::store::{KUBERNETES_JOB, LOGS, PARALLEL_JOBS, SCRIPT};

/// Program that starts the tasks of a submission.
#[derive(Debug, Clone, Copy)]
pub enum Starter<'a> {
    /// `sbatch`, with these options.
    Slurm(&'a Slurm),
    /// A scheduler by its commands, with a script.
    Scheduler(&'a SchedulerCommands),
    /// Any scheduler, with a script.
    Command,
    /// GNU parallel, with a list of commands.
    Parallel,
    /// Kubernetes, with an Indexed Job.
    Kubernetes(KubernetesOptions<'a>),
}

/// Parameters of a Kubernetes Job that neither the experiment nor its results determine.
#[derive(Debug, Clone, Copy)]
pub struct KubernetesOptions<'a> {
    /// Image that has this program.
    pub image: &'a str,
    /// PersistentVolumeClaim with the results and the data sets.
    pub claim: &'a str,
    /// Processors and memory of a task, and the number of tasks at a time.
    pub resources: &'a Slurm,
}

/// Image that no registry can have, in a file whose user has yet to name one.
pub const NO_IMAGE: &str = "REPLACE-WITH-AN-IMAGE-THAT-HAS-ABLADE";

/// Largest number of indices of a Job that counts failures for each of them.
const LARGEST_JOB: usize = 100_000;

/// Attempts at a task that Kubernetes counts, after the first: enough for two runs that kill their
/// task until each is given up.
const BACKOFF_LIMIT: u32 = 6;

/// Text of the script of a submission, and its other file, with name and content.
pub(super) type SubmissionFiles = (String, Option<(&'static str, String)>);

impl<'a> Starter<'a> {
    /// Commands of the scheduler that gets the tasks, if that is known by its commands.
    pub(super) fn scheduler(self) -> Option<&'a SchedulerCommands> {
        match self {
            Self::Scheduler(commands) => Some(commands),
            _ => None,
        }
    }

    /// Checks that paths and the number of tasks can be written into the files.
    pub(super) fn check(self, paths: [&Path; 3], n_tasks: usize) -> Result<(), LaunchError> {
        let forbidden = match self {
            Self::Slurm(_) => return Ok(()),
            Self::Command | Self::Scheduler(_) => None,
            Self::Parallel => Some(('\n', "a list of commands has one in each line")),
            Self::Kubernetes(_) => Some((':', "Kubernetes refuses it in the path of a volume")),
        };
        for path in paths {
            let unfit = |reason| LaunchError::UnfitPath { path: path.to_owned(), reason };
            let text = path.to_str().ok_or_else(|| unfit("it is not UTF-8".to_owned()))?;
            if let Some((character, reason)) = forbidden.filter(|(c, _)| text.contains(*c)) {
                return Err(unfit(format!("it contains {character:?}: {reason}")));
            }
        }
        match self {
            Self::Kubernetes(_) if n_tasks > LARGEST_JOB => {
                Err(LaunchError::TooManyTasks { n_tasks, largest: LARGEST_JOB })
            }
            _ => Ok(()),
        }
    }

    /// Files of a submission; `dir` is its directory.
    pub(super) fn files(
        self,
        invocation: &Invocation,
        n_tasks: usize,
        dir: &Path,
    ) -> SubmissionFiles {
        let script = || task_script(invocation, None, None);
        match self {
            Self::Slurm(slurm) => (slurm_script(slurm, invocation), None),
            Self::Scheduler(commands) => (job_script(invocation, commands, &dir.join(LOGS)), None),
            Self::Command => (script(), None),
            Self::Parallel => (script(), Some((PARALLEL_JOBS, parallel_jobs(n_tasks, dir)))),
            Self::Kubernetes(options) => {
                let job = kubernetes_job(invocation, n_tasks, options);
                (script(), Some((KUBERNETES_JOB, job)))
            }
        }
    }

    /// Command, quoted for a shell, that starts the tasks of the submission in `dir`; with a
    /// script alone, the one task whose number its environment has.
    pub(super) fn command(self, dir: &Path) -> String {
        let path = |name: &str| quoted(&dir.join(name).to_string_lossy());
        match self {
            Self::Slurm(_) | Self::Scheduler(_) | Self::Command => format!("sh {}", path(SCRIPT)),
            Self::Parallel => format!(
                "parallel --joblog {} --resume-failed --arg-file {}",
                path(&format!("{LOGS}/parallel.log")),
                path(PARALLEL_JOBS)
            ),
            // As an argument, the path would be split at commas and unquoted once more.
            Self::Kubernetes(_) => format!("kubectl apply --filename - < {}", path(KUBERNETES_JOB)),
        }
    }
}

/// Commands for GNU parallel, one task in each line. The number is written out, because a job of
/// another scheduler may surround them all.
fn parallel_jobs(n_tasks: usize, dir: &Path) -> String {
    let script = quoted(&dir.join(SCRIPT).to_string_lossy());
    (0..n_tasks).map(|i| format!("sh {script} {i} --jobs 1\n")).collect()
}

/// Name of a Job, as RFC 1123 has it: the longest name of a pod, which ends with the last index,
/// must be the label of a host. The digits at the end of a submission's name make it unique.
fn job_name(submission: &str, n_tasks: usize) -> String {
    const LONGEST_LABEL: usize = 63;
    let longest = LONGEST_LABEL - format!("-{}", n_tasks.saturating_sub(1)).len();
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = submission.chars().map(fits).collect();
    let (name, unique) = name.rsplit_once('-').unwrap_or(("", &name));
    let name = &name[..name.len().min(longest - unique.len() - 1)];
    format!("{}-{unique}", name.trim_matches('-'))
}

/// A text as a double-quoted scalar of YAML.
fn yaml(text: &str) -> String {
    let escaped = text.chars().fold(String::new(), |escaped, c| match c {
        '"' | '\\' => escaped + "\\" + &String::from(c),
        // Line breaks of YAML, the byte order mark, and characters that it does not allow.
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
            format!("{escaped}\\u{:04x}", u32::from(c))
        }
        c if c.is_control() => format!("{escaped}\\u{:04x}", u32::from(c)),
        c => escaped + &String::from(c),
    });
    format!("\"{escaped}\"")
}

/// Indexed Job that executes the tasks.
fn kubernetes_job(invocation: &Invocation, n_tasks: usize, options: KubernetesOptions) -> String {
    let Invocation { results, data, directory, submission, .. } = invocation;
    let KubernetesOptions { image, claim, resources } = options;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let cpus = resources.cpus.unwrap_or(1).to_string();
    let arguments = [
        "--results",
        &text(results),
        "--data-dir",
        &text(data),
        "--progress",
        "plain",
        "task",
        submission,
        "--yes",
        "--jobs",
        &cpus,
    ];
    // Kubernetes expands `$(NAME)` in arguments; `$$` is a dollar sign.
    let arguments: Vec<String> = arguments.map(|word| yaml(&word.replace('$', "$$"))).into();
    let memory = resources
        .memory
        .as_deref()
        .and_then(slurm::memory)
        .map(|bytes| bytes.to_string());
    let request = |memory: &String| format!(", memory: {}", yaml(memory));
    let limit = |memory: &String| format!("\n            limits: {{ memory: {} }}", yaml(memory));
    let mut mounts = vec![(results, "results"), (data, "data")];
    mounts.dedup_by_key(|(path, _)| path.clone());
    let mounts = mounts.iter().fold(String::new(), |all, (path, folder)| {
        let path = yaml(&text(path));
        format!("{all}\n            - {{ name: ablade, mountPath: {path}, subPath: {folder} }}")
    });
    format!(
        r#"# Tasks of {submission}, for Kubernetes 1.29 or later.
# The image has this version of ablade on its PATH, and a program's files where they are here.
# The claim has the folders `results`, a copy of this results directory, and `data`, the data sets.
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: ablade
spec:
  completionMode: Indexed
  completions: {n_tasks}
  parallelism: {parallelism}
  backoffLimitPerIndex: {BACKOFF_LIMIT}
  podFailurePolicy:
    rules:
      # A run failed (1) or the task could not begin (2): it would end in the same way again.
      - action: FailIndex
        onExitCodes: {{ containerName: task, operator: In, values: [1, 2] }}
      # Evicted, preempted, or its node is drained.
      - action: Ignore
        onPodConditions: [{{ type: DisruptionTarget, status: "True" }}]
      # Interrupted by SIGHUP, SIGINT or SIGTERM, with checkpoints saved.
      - action: Ignore
        onExitCodes: {{ containerName: task, operator: In, values: [129, 130, 143] }}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: ablade
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 60
      containers:
        - name: task
          image: {image}
          workingDir: {directory}
          command: [ablade]
          args: [{arguments}]
          resources:
            requests: {{ cpu: {cpus}{request} }}{limit}
          volumeMounts:{mounts}
      volumes:
        - name: ablade
          persistentVolumeClaim: {{ claimName: {claim} }}
"#,
        name = yaml(&job_name(submission, n_tasks)),
        parallelism = resources.throttle.map_or(n_tasks, |most| most.min(n_tasks)),
        image = yaml(image),
        directory = yaml(&text(directory)),
        arguments = arguments.join(", "),
        cpus = yaml(&cpus),
        request = memory.as_ref().map(request).unwrap_or_default(),
        limit = memory.as_ref().map(limit).unwrap_or_default(),
        claim = yaml(claim),
    )
}

/// True if a text can name an object of Kubernetes: labels of RFC 1123, separated by dots.
pub fn is_kubernetes_name(name: &str) -> bool {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(inside)
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_have_names_that_kubernetes_takes_and_that_differ() {
        let long = "Aa0._-".repeat(20);
        for experiment in ["masks", "Depth-2.b_C", "a.", "a-", "a._-", &long[..100]] {
            for n_tasks in [1, 10, 11, 100_000] {
                let name = job_name(&format!("{experiment}-0a1b2c3d"), n_tasks);
                let pod = format!("{name}-{}", n_tasks - 1);
                assert!(pod.len() <= 63 && is_kubernetes_name(&pod) && !pod.contains('.'), "{pod}");
                assert!(name.starts_with('a') || !experiment.starts_with(['a', 'A']), "{name}");
                assert!(name.ends_with("-0a1b2c3d"), "{name}");
            }
        }
        assert_eq!(job_name("Depth-2.b_C-0a1b2c3d", 20), "depth-2-b-c-0a1b2c3d");
    }

    #[test]
    fn yaml_texts_are_plain_ascii_or_letters() {
        let text = "it's \"a\" \\ b\nc\t\u{7f}\u{85}\u{2028}\u{feff}ü日 # - : {x}";
        let expected = r#""it's \"a\" \\ b\u000ac\u0009\u007f\u0085\u2028\ufeffü日 # - : {x}""#;
        assert_eq!(yaml(text), expected);
    }
}
