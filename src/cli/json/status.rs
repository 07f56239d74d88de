//! `ablade status --json`: runs by state.

use super::JsonDocument;

facts! {
    /// Experiments of a results directory with their runs by state.
    pub(crate) struct StatusFacts {
        /// The experiments, by name.
        experiments: Vec<ExperimentStatusFacts>,
        /// True if submissions to a scheduler have jobs that may be alive, or whose state is not known.
        is_submitted: bool,
        /// Remarks and warnings that are also on stderr.
        notes: Vec<String>,
    }
}

impl JsonDocument for StatusFacts {
    const NAME: &'static str = "status";
}

facts! {
    /// An experiment with its runs.
    pub(crate) struct ExperimentStatusFacts {
        /// Name of the experiment.
        experiment: String,
        /// True if every run has finished or diverged, which is a result: nothing is to be done.
        is_complete: bool,
        /// True if some run is under way or in a scheduler's queue.
        is_active: bool,
        /// Number of runs by state.
        counts: StateCountsFacts,
        /// Sentences on variants that are left out because their data are not there.
        left_out: Vec<String>,
        /// Every run once, in the order of the plan.
        runs: Vec<RunStatusFacts>,
    }
}

facts! {
    /// Number of runs by state.
    pub(crate) struct StateCountsFacts {
        /// All runs.
        runs: usize,
        /// Runs that finished.
        finished: usize,
        /// Runs that diverged, which is a result.
        diverged: usize,
        /// Runs whose last attempt failed.
        failed: usize,
        /// Runs that a process executes.
        running: usize,
        /// Runs in a scheduler's queue.
        queued: usize,
        /// Runs that no process has begun, was able to finish, or left whole.
        to_run: usize,
    }
}

words! {
    /// State of a run.
    pub(crate) enum RunState {
        /// Finished.
        Finished = "finished",
        /// Diverged.
        Diverged = "diverged",
        /// The last attempt failed.
        Failed = "failed",
        /// A process executes it.
        Running = "running",
        /// In a scheduler's queue.
        Queued = "queued",
        /// Outstanding.
        ToRun = "to run",
    }
}

facts! {
    /// A run with its state.
    pub(crate) struct RunStatusFacts {
        /// Id of the run.
        run: String,
        /// Label of its variant, and its seed.
        label: String,
        /// Seed.
        seed: u64,
        /// State.
        state: RunState,
        /// Reason of a failure or divergence, or damage to a run that is to be repeated; otherwise
        /// null.
        reason: Option<String>,
        /// Epoch of the last checkpoint of a run that has not ended.
        checkpoint_epoch: Option<usize>,
        /// Epochs that the run will take, if that is known.
        epochs: Option<usize>,
        /// Process that executes the run.
        owner: Option<OwnerFacts>,
        /// Task of a scheduler.
        job: Option<JobFacts>,
    }
}

facts! {
    /// Process that executes a run.
    pub(crate) struct OwnerFacts {
        /// Name of its machine.
        host: String,
        /// Its id on that machine.
        pid: u32,
        /// Time of the claim, UTC.
        since_utc: String,
    }
}

facts! {
    /// Task of a scheduler.
    pub(crate) struct JobFacts {
        /// Name of the task.
        name: String,
        /// State of the task in words.
        state: String,
        /// Nodes on which it is; empty if it is on none.
        nodes: String,
    }
}

impl StateCountsFacts {
    /// Counts the runs of these states.
    pub(crate) fn of(states: impl Iterator<Item = RunState> + Clone) -> Self {
        let n = |state: RunState| states.clone().filter(|own| *own == state).count();
        Self {
            runs: states.clone().count(),
            finished: n(RunState::Finished),
            diverged: n(RunState::Diverged),
            failed: n(RunState::Failed),
            running: n(RunState::Running),
            queued: n(RunState::Queued),
            to_run: n(RunState::ToRun),
        }
    }
}

impl ExperimentStatusFacts {
    /// An experiment with these runs.
    pub(crate) fn of(experiment: String, left_out: Vec<String>, runs: Vec<RunStatusFacts>) -> Self {
        let counts = StateCountsFacts::of(runs.iter().map(|run| run.state));
        Self {
            experiment,
            is_complete: counts.finished + counts.diverged == counts.runs,
            is_active: counts.running + counts.queued > 0,
            counts,
            left_out,
            runs,
        }
    }
}

impl RunStatusFacts {
    /// Clauses on a run that is not finished, as the terminal shows them.
    pub(crate) fn clauses(&self) -> Vec<String> {
        let of = self.epochs.map_or_else(String::new, |epochs| format!(" of {epochs}"));
        let on = |nodes: &str| match nodes {
            "" => String::new(),
            nodes => format!(" on {nodes}"),
        };
        let owner = self.owner.as_ref();
        let job = self.job.as_ref();
        let clauses = [
            self.checkpoint_epoch.map(|epoch| format!("checkpoint at epoch {epoch}{of}")),
            owner.map(|owner| {
                format!("process {} on {} since {}", owner.pid, owner.host, owner.since_utc)
            }),
            job.map(|job| format!("job {} {}{}", job.name, job.state, on(&job.nodes))),
            self.reason.clone(),
        ];
        clauses.into_iter().flatten().collect()
    }
}
