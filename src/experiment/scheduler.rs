//! Commands of `[execution]`: `[execution.command]`, and `on_finish`. A mistake in one of them would
//! show only once something has been submitted, so they are checked where they are written.

use super::diagnostics::{Diagnostic, Span};
use super::execution::{ExecutionSettings, Launcher};
use super::reader::Reader;
use super::tree::{Node, Toml, TomlTable};
use crate::plan::{FINISH_PLACEHOLDERS, SchedulerCommands};
use crate::trainer::template::placeholders;

const TABLE: &str = "execution.command";

/// Commands for Grid Engine, as an example.
const EXAMPLE: &str = "write [execution.command] with submit = [\"qsub\", \"-N\", \"{name}\", \"-t\", \"{first}-{last}\", \
                       \"{script}\"], query = [\"qstat\", \"-r\"], cancel = [\"qdel\", \"{id}\"] and first = 1; \
                       docs/reference/cluster.md has the lines of other schedulers";

impl Reader<'_> {
    /// Reads `[execution]`.
    pub(super) fn execution(&mut self, document: &TomlTable) -> ExecutionSettings {
        let settings: ExecutionSettings = self.options("execution", document);
        let Some(table) = document.get("execution").and_then(Node::table) else {
            return settings;
        };
        if let Some(node) = table.get("on_finish") {
            self.known_placeholders("execution.on_finish", node, &FINISH_PLACEHOLDERS);
        }
        match table.get("command") {
            Some(node) => {
                if let Some(commands) = node.table() {
                    self.scheduler_commands(node.span, commands);
                }
            }
            None => {
                if settings.launcher == Launcher::Command
                    && let Some(launcher) = table.get("launcher")
                {
                    let error = "`execution.launcher = \"command\"` has no commands";
                    let error = Diagnostic::new(error).at(launcher.span, "submits with what?");
                    self.errors.push(error.help(EXAMPLE));
                }
            }
        }
        settings
    }

    fn scheduler_commands(&mut self, span: Span, table: &TomlTable) {
        for key in ["submit", "query", "cancel"] {
            if table.get(key).is_none() {
                let error = Diagnostic::new(format!("`{TABLE}.{key}` is missing"));
                self.errors.push(error.at(span, "").help(EXAMPLE));
            }
        }
        let mut names = |key: &str, known: &[&str]| {
            let path = format!("{TABLE}.{key}");
            let node = table.get(key)?;
            Some((node.span, self.known_placeholders(&path, node, known)?))
        };
        let submit = names("submit", &SchedulerCommands::SUBMIT);
        let single = names("single", &SchedulerCommands::SINGLE);
        let cancel = names("cancel", &SchedulerCommands::JOB);
        names("query", &SchedulerCommands::JOB);
        let mut wrong = |span: Span, error: &str, label: &str, help: &str| {
            let error = Diagnostic::new(format!("`{TABLE}.{error}")).at(span, label);
            self.errors.push(if help.is_empty() { error } else { error.help(help) });
        };
        if let Some((span, names)) = submit {
            let has = |name: &str| names.iter().any(|found| found == name);
            if !has("script") {
                wrong(span, "submit` has no {script}", "no task would start", "");
            }
            match (has("last") || has("count"), has("index")) {
                (false, false) => wrong(
                    span,
                    "submit` names no task",
                    "every job would do the same",
                    "an array has {first} and {last}, or {count}; without arrays, {index} after {script} names the task of a job",
                ),
                (true, true) => wrong(
                    span,
                    "submit` has {index}, and submits an array",
                    "its tasks are numbered by the scheduler",
                    "{index} goes without {last} and {count}: then every task is a job",
                ),
                _ => {}
            }
            if has("first") != has("last") {
                wrong(span, "submit` has one of {first} and {last} alone", "", "");
            } else if has("first") && table.get("first").is_none() {
                wrong(
                    span,
                    "first` is missing",
                    "{first} is which number?",
                    "write first = 1 for Grid Engine and LSF, which have no task 0, and first = 0 for PBS Pro",
                );
            }
        }
        if let Some((span, names)) = single {
            for name in ["script", "index"] {
                if !names.iter().any(|found| found == name) {
                    let error = format!("single` has no {{{name}}}");
                    wrong(span, &error, "", "{index} after {script} names the task");
                }
            }
        }
        if let Some((span, names)) = cancel
            && names.is_empty()
        {
            wrong(span, "cancel` names no job", "", "write {id} or {name}");
        }
        for key in ["id", "gone"] {
            if let Some(Node { span, value: Toml::Text(pattern) }) = table.get(key)
                && let Err(problem) = regex::Regex::new(pattern)
            {
                let error = format!("{key}` is not a regular expression: {problem}");
                wrong(*span, &error, "", "");
            }
        }
    }

    /// Names of the placeholders in the words of a command; `None` after an error for each that is not
    /// known, and if it is no list of texts, which is reported elsewhere.
    fn known_placeholders(
        &mut self,
        path: &str,
        node: &Node,
        known: &[&str],
    ) -> Option<Vec<String>> {
        let Toml::List(words) = &node.value else { return None };
        let before = self.errors.len();
        let mut found = Vec::new();
        for word in words {
            let Toml::Text(text) = &word.value else { return None };
            for name in placeholders(text) {
                if known.contains(&name.as_str()) {
                    found.push(name);
                    continue;
                }
                let error = Diagnostic::new(format!("`{path}` has no placeholder `{{{name}}}`"));
                let error = error.at(word.span, "").suggest(&name, known.iter().copied());
                let all: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
                self.errors.push(error.help(format!(
                    "it takes {}; {{{{{name}}}}} is the same with its braces",
                    all.join(", ")
                )));
            }
        }
        (self.errors.len() == before && !words.is_empty()).then_some(found)
    }
}
