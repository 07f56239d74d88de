//! Command line, and the only module that prints: `commands` has one file per subcommand, `show`
//! the display on a terminal.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 success; 1 some run failed, a
//! check found a difference, or the output could not be written; 2 bad input, and nothing started;
//! 130 interrupted by Ctrl-C and resumable (143 by SIGTERM, 129 by SIGHUP). With `--json` stdout has
//! one JSON document or nothing; with `--progress json` every line of stderr is a JSON object.

mod commands;
mod experiment_args;
mod find;
mod interrupt;
mod json;
mod part;
mod show;
#[cfg(test)]
mod torture;
mod trained;
mod trust;

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use std::sync::Arc;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use commands::{
    adopt, cancel, clean, compare, completions, data, evaluate, export, freeze, gather, init,
    inpaint, masks, plan, plots, register, sample, schema, status, sweep, tables, task, verify,
    why,
};
use json::progress::{EventObserver, ExitFacts, ProgressEvent, TextFacts, say};
use show::progress::{ProgressMode, Shown};
use show::terminal::{ColorMode, Escaping, Output, Paint, escaped, told};

use crate::data::Library;
use crate::experiment::{Diagnostics, MOST_JOBS};
use crate::runner::Observer;
use crate::runner::machine::OWN_THREAD;
use crate::store::{Store, StoreError};
use crate::trainers::made::MadeTrainer;
use crate::trainers::program::{ProgramTrainers, supervisor};

/// Ablation studies of any program, or of the built-in masked autoencoder (MADE).
///
/// One TOML file is one experiment: `ablade sweep FILE` trains every run it asks for in parallel
/// and leaves tables in `results/`; `ablade plots` turns them into figures and one HTML page in
/// `plots/`.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    propagate_version = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

/// Options of all commands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Directory of runs and tables
    #[arg(long, global = true, value_name = "DIR", default_value = "results")]
    pub(crate) results: PathBuf,
    /// Directory of figures
    #[arg(long, global = true, value_name = "DIR", default_value = "plots")]
    pub(crate) plots: PathBuf,
    /// Directory of downloaded data sets [default: $ABLADE_DATA, else the user's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorMode,
    /// Display of progress while runs train
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    pub(crate) progress: ProgressMode,
}

impl Global {
    /// The built-in trainer, with data from the directory of the command line or the environment.
    pub(crate) fn trainer(&self) -> Arc<MadeTrainer> {
        Arc::new(MadeTrainer::new(self.library()))
    }

    /// The library of data sets in the directory of the command line or the environment.
    pub(crate) fn library(&self) -> Library {
        Library::from_environment(self.data_dir.clone())
    }

    /// Trainers of programs, whose commands are watched by this program itself.
    pub(crate) fn programs() -> Arc<ProgramTrainers> {
        let running = PathBuf::from("/proc/self/exe");
        let itself = if running.exists() { Some(running) } else { std::env::current_exe().ok() };
        ProgramTrainers::new(itself)
    }

    /// Opens the results.
    pub(crate) fn store(&self) -> Result<Store, StoreError> {
        self.store_in(&self.results)
    }

    /// Opens the results in a directory.
    pub(crate) fn store_in(&self, results: &Path) -> Result<Store, StoreError> {
        Ok(Store::open(results, self.trainer())?.with_programs(Self::programs()))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented experiment to begin with
    #[command(after_help = init::EXAMPLES)]
    Init(init::InitArgs),
    /// Show the runs of a sweep, their cost and the effects that they can detect; executes nothing
    #[command(after_help = plan::EXAMPLES)]
    Plan(plan::PlanArgs),
    /// Fix design, seeds, metric and test of an experiment before its runs
    ///
    /// Whatever the sweep then does differently is listed with its results. Runs of a baseline that
    /// other studies share may be there already, runs of its own may not.
    #[command(after_help = register::EXAMPLES)]
    Register(register::RegisterArgs),
    /// Execute the outstanding runs and write the tables
    #[command(after_help = sweep::EXAMPLES)]
    Sweep(sweep::SweepArgs),
    /// Show run counts by state
    #[command(after_help = status::EXAMPLES)]
    Status(status::StatusArgs),
    /// Cancel the jobs that were submitted to a cluster
    #[command(after_help = cancel::EXAMPLES)]
    Cancel(cancel::CancelArgs),
    /// Take over runs of an earlier version of a program after an edit that changes no result
    #[command(after_help = adopt::EXAMPLES)]
    Adopt(adopt::AdoptArgs),
    /// Write the tables of experiments from the runs on disk
    #[command(after_help = tables::EXAMPLES)]
    Tables(tables::TablesArgs),
    /// Freeze the outstanding runs as tasks that any scheduler can start
    #[command(after_help = freeze::EXAMPLES)]
    Freeze(freeze::FreezeArgs),
    /// Execute the runs of one frozen task
    #[command(after_help = task::after_help())]
    Task(task::TaskArgs),
    /// Take over finished runs of other results directories, or of a tar archive
    #[command(after_help = gather::EXAMPLES)]
    Gather(gather::GatherArgs),
    /// Explain why each run is cached or new
    #[command(after_help = why::EXAMPLES)]
    Why(why::WhyArgs),
    /// Check the files of every finished run, repeat some runs and compare the bytes, and compute
    /// the tables again
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::VerifyArgs),
    /// List files in the results that nothing needs any more, or remove them
    #[command(after_help = clean::EXAMPLES)]
    Clean(clean::CleanArgs),
    /// Print the ablation table of an experiment, or two experiments side by side
    #[command(after_help = compare::EXAMPLES)]
    Compare(compare::CompareArgs),
    /// Render figures and the HTML report
    #[command(after_help = plots::EXAMPLES)]
    Plots(plots::PlotsArgs),
    /// Write all runs of an experiment for TensorBoard or MLflow
    #[command(after_help = export::EXAMPLES)]
    Export(export::ExportArgs),
    /// Draw images from a trained model
    #[command(after_help = sample::EXAMPLES)]
    Sample(sample::SampleArgs),
    /// Complete images from some of their pixels, or reconstruct them
    #[command(after_help = inpaint::EXAMPLES)]
    Inpaint(inpaint::InpaintArgs),
    /// Score a trained model on a data set: exact likelihoods
    #[command(after_help = evaluate::EXAMPLES)]
    Evaluate(evaluate::EvaluateArgs),
    /// Write the masks with which a run was scored, as arrays
    #[command(after_help = masks::EXAMPLES)]
    Masks(masks::MasksArgs),
    /// List, download or look at data sets
    #[command(after_help = data::EXAMPLES)]
    Data(data::DataArgs),
    /// Print the JSON Schema of the experiment file, or of what a command prints with --json
    #[command(after_help = schema::EXAMPLES)]
    Schema(schema::SchemaArgs),
    /// Print completions for a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionsArgs),
    /// Print the man page
    #[command(after_help = completions::MAN_EXAMPLES)]
    Man,
}

/// Reads `--jobs`.
pub(crate) fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    let number = text
        .parse::<NonZeroUsize>()
        .ok()
        .filter(|number| number.get() as u64 <= MOST_JOBS);
    number.ok_or_else(|| format!("expected a number from 1 to {MOST_JOBS}"))
}

/// Reads a number from 1.
pub(crate) fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number from 1".to_owned())
}

/// Result of a command that did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Success.
    Success,
    /// Some run failed, or a check found a difference.
    Failure,
    /// Interrupted; the same command continues.
    Interrupted,
}

/// Output of a command: results to `out`, remarks to stderr.
pub(crate) struct Terminal<'a> {
    pub(crate) out: &'a mut dyn Write,
    paint: Paint,
    /// Display of progress; as JSON, remarks are events as well.
    mode: ProgressMode,
    /// Remarks and warnings so far.
    notes: RefCell<Vec<String>>,
}

impl<'a> Terminal<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, paint: Paint, mode: ProgressMode) -> Self {
        Self { out, paint, mode, notes: RefCell::default() }
    }

    /// Prints a remark, which is not a result.
    pub(crate) fn remark(&self, text: impl std::fmt::Display) {
        self.notes.borrow_mut().push(text.to_string());
        match self.mode {
            ProgressMode::Json => say(&ProgressEvent::Remark(TextFacts::of(text))),
            _ => self.paint.remark(text),
        }
    }

    /// Prints a remark on a problem that is not a reason to stop.
    pub(crate) fn warn(&self, text: impl std::fmt::Display) {
        self.notes.borrow_mut().push(text.to_string());
        match self.mode {
            ProgressMode::Json => say(&ProgressEvent::Warning(TextFacts::of(text))),
            _ => self.paint.warn(text),
        }
    }

    /// Remarks and warnings so far, for a JSON document.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.borrow().clone()
    }

    /// Prints the error that ends a command.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        match (self.mode, error.downcast_ref::<Diagnostics>()) {
            (ProgressMode::Json, Some(diagnostics)) => {
                say(&ProgressEvent::Error(TextFacts::of(diagnostics.render(false).trim_end())));
            }
            (ProgressMode::Json, None) => say(&ProgressEvent::Error(TextFacts::of(told(error)))),
            (_, Some(diagnostics)) => rendered(diagnostics.render(self.paint.0).trim_end()),
            (_, None) => {
                self.paint.remark(format!("{} {}", self.paint.bad("error:"), told(error)));
            }
        }
    }

    /// Display of a runner's progress.
    pub(crate) fn shown(&self, mode: ProgressMode) -> Box<dyn Observer> {
        match mode {
            ProgressMode::Json => Box::new(EventObserver::default()),
            mode => Box::new(Shown::new(mode, self.paint)),
        }
    }
}

/// Prints diagnostics with the colours of their renderer, which escapes quoted text except for
/// control characters above ASCII.
fn rendered(text: &str) {
    let coded: Vec<_> = text.split('\x1b').map(escaped).collect();
    drop(writeln!(std::io::stderr(), "{}", coded.join("\x1b")));
}

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == supervisor::SUPERVISE) {
        return supervisor::supervise();
    }
    let cli = match parsed() {
        Ok(cli) => cli,
        Err(error) => return misunderstood(&error),
    };
    quiet_panics();
    let mode = cli.global.progress;
    let mut out = Output::new(Escaping::new(std::io::stdout().lock()));
    let mut terminal = Terminal::new(&mut out, cli.global.color.paint(), mode);
    let result = shared_pool().and_then(|()| run(&cli, &mut terminal));
    let result = result.and_then(|exit| Ok(terminal.out.flush().map(|()| exit)?));
    let code = match result {
        Ok(Exit::Interrupted) => interrupt::exit_code(),
        Ok(exit) => match out.failure() {
            // The work is done: exit code 2 would mean that nothing has started.
            Some(error) => {
                let text = format!("the output is incomplete: cannot write to stdout: {error}");
                match mode {
                    ProgressMode::Json => say(&ProgressEvent::Error(TextFacts::of(text))),
                    _ => drop(writeln!(std::io::stderr(), "error: {text}")),
                }
                1
            }
            None => u8::from(exit == Exit::Failure),
        },
        Err(error) => {
            terminal.error(&error);
            2
        }
    };
    if mode == ProgressMode::Json {
        say(&ProgressEvent::Exit(ExitFacts { code }));
    }
    ExitCode::from(code)
}

/// The arguments of the process. A negative number is the value of the option before it, which says
/// what it expects; clap would take it for an unknown option.
fn parsed() -> Result<Cli, clap::Error> {
    fn take_negative_numbers(command: clap::Command) -> clap::Command {
        let take = |arg: clap::Arg| match arg.get_action().takes_values() {
            true => arg.allow_negative_numbers(true),
            false => arg,
        };
        command.mut_args(take).mut_subcommands(take_negative_numbers)
    }
    let matches = take_negative_numbers(Cli::command()).try_get_matches()?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut Cli::command()))
}

/// Prints clap's response to the arguments: help, the version, or an error.
fn misunderstood(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let printed = match escaped(&text) {
        // With clap's own colours.
        Cow::Borrowed(_) => error.print(),
        Cow::Owned(text) => write!(std::io::stderr(), "{text}"),
    };
    match printed {
        Err(problem) if !error.use_stderr() && problem.kind() != std::io::ErrorKind::BrokenPipe => {
            ExitCode::from(1)
        }
        _ => ExitCode::from(error.exit_code() as u8),
    }
}

fn run(cli: &Cli, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    match &cli.command {
        Command::Init(args) => init::init(args, terminal),
        Command::Adopt(args) => adopt::adopt(args, &cli.global, terminal),
        Command::Plan(args) => plan::plan(args, &cli.global, terminal),
        Command::Register(args) => register::register(args, &cli.global, terminal),
        Command::Sweep(args) => sweep::sweep(args, &cli.global, terminal),
        Command::Verify(args) => verify::verify(args, &cli.global, terminal),
        Command::Status(args) => status::status(args, &cli.global, terminal),
        Command::Cancel(args) => cancel::cancel(args, &cli.global, terminal),
        Command::Tables(args) => tables::tables(args, &cli.global, terminal),
        Command::Freeze(args) => freeze::freeze(args, &cli.global, terminal),
        Command::Task(args) => task::task(args, &cli.global, terminal),
        Command::Gather(args) => gather::gather(args, &cli.global, terminal),
        Command::Why(args) => why::why(args, &cli.global, terminal),
        Command::Clean(args) => clean::clean(args, &cli.global, terminal),
        Command::Compare(args) => compare::compare(args, &cli.global, terminal),
        Command::Plots(args) => plots::plots(args, &cli.global, terminal),
        Command::Export(args) => export::export(args, &cli.global, terminal),
        Command::Sample(args) => sample::sample(args, &cli.global, terminal),
        Command::Inpaint(args) => inpaint::inpaint(args, &cli.global, terminal),
        Command::Evaluate(args) => evaluate::evaluate(args, &cli.global, terminal),
        Command::Masks(args) => masks::masks(args, &cli.global, terminal),
        Command::Data(args) => data::data(args, &cli.global, terminal),
        Command::Schema(args) => schema::schema(args, terminal),
        Command::Completions(args) => completions::completions(args, terminal),
        Command::Man => completions::man(terminal),
    }
}

/// Makes rayon's global pool, with one thread, which candle uses: made implicitly on first use, it
/// would panic if the system refused the thread.
fn shared_pool() -> anyhow::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .thread_name(|_| OWN_THREAD.to_owned());
    pool.build_global()
        .context("the system allows this process no further thread: raise the limit, `ulimit -u`")
}

/// Silences panics: one in a run is that run's failure, with its message in the tables, and only
/// developers need more.
fn quiet_panics() {
    if std::env::var_os("RUST_BACKTRACE").is_some() {
        return;
    }
    std::panic::set_hook(Box::new(|panic| {
        if std::thread::current()
            .name()
            .is_some_and(|name| name == "main" || name.starts_with(OWN_THREAD))
        {
            let text = format!(
                "error: this is a bug in ablade: {panic}\nRUST_BACKTRACE=1 shows where it comes from"
            );
            drop(writeln!(std::io::stderr(), "{}", escaped(&text)));
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
