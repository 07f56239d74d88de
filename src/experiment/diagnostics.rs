//! Errors of an experiment file: all are reported at once, each with its place.
//!
//! Errors are collected in `Errors` while a file is read and leave the module as `Diagnostics`,
//! which shows them one below the other with file, line, column and the offending text underlined.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::text::nearest;

/// Maximum number of errors shown, the others are counted: usually they follow from the first ones.
const SHOWN: usize = 50;

/// Maximum number of errors stored, so that a million errors take no memory.
const KEPT: usize = 1_000;

/// Bytes `start..end` of one of the files read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub(super) file: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn new(file: u32, range: Range<usize>) -> Self {
        Self { file, start: range.start as u32, end: range.end as u32 }
    }

    /// The part `range` of this span, counted from its start.
    pub(super) fn part(self, range: Range<usize>) -> Self {
        let at = |offset: usize| (self.start + offset as u32).min(self.end);
        Self { file: self.file, start: at(range.start), end: at(range.end) }
    }
}

/// A text that was read: a file, or a command-line argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// Name of the file as given, or the argument.
    pub name: String,
    /// Content.
    pub text: String,
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    message: String,
    place: Option<(Span, String)>,
    related: Vec<(Span, String)>,
    help: Vec<String>,
}

impl Diagnostic {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: None,
            related: Vec::new(),
            help: Vec::new(),
        }
    }

    pub(super) fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.place = Some((span, label.into()));
        self
    }

    pub(super) fn related(mut self, span: Option<Span>, label: impl Into<String>) -> Self {
        self.related.extend(span.map(|span| (span, label.into())));
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Appends `did you mean ...` if one of `candidates` is near enough to `name`.
    pub(super) fn suggest<'a>(
        self,
        name: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        match nearest(name, candidates) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// Error in one line.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The errors collected so far and the texts they point into.
#[derive(Debug, Default)]
pub(super) struct Errors {
    pub(super) sources: Vec<SourceText>,
    list: Vec<Diagnostic>,
    dropped: usize,
}

impl Errors {
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.push_with(|| diagnostic);
    }

    /// Adds an error whose message is expensive to make (it searches for similar names), unless
    /// there are too many errors to store it.
    pub(super) fn push_with(&mut self, diagnostic: impl FnOnce() -> Diagnostic) {
        if self.list.len() < KEPT {
            self.list.push(diagnostic());
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn add_source(&mut self, name: String, text: String) -> u32 {
        self.sources.push(SourceText { name, text });
        self.sources.len() as u32 - 1
    }

    pub(super) fn text(&self, span: Span) -> &str {
        let source = self.sources.get(span.file as usize);
        source
            .and_then(|source| source.text.get(span.start as usize..span.end as usize))
            .unwrap_or("")
    }

    /// `file:line` of a place, for messages about another place.
    pub(super) fn line(&self, span: Span) -> String {
        let Some(source) = self.sources.get(span.file as usize) else {
            return String::new();
        };
        let before = source.text.get(..span.start as usize).unwrap_or("");
        format!("{}:{}", source.name, before.matches('\n').count() + 1)
    }

    pub(super) fn len(&self) -> usize {
        self.list.len() + self.dropped
    }

    /// The errors in the order of their places.
    pub(super) fn finish(self) -> Diagnostics {
        let Self { sources, mut list, dropped } = self;
        list.sort_by_key(|diagnostic| diagnostic.place.as_ref().map(|(span, _)| *span));
        list.dedup();
        Diagnostics { sources, list, dropped }
    }
}

/// Every error of an experiment, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    sources: Vec<SourceText>,
    list: Vec<Diagnostic>,
    dropped: usize,
}

impl Diagnostics {
    /// The errors, in the order of their places.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// All errors, one below the other, ending in a newline; with terminal colours if `color`.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for (i, diagnostic) in self.list.iter().take(SHOWN).enumerate() {
            if i > 0 {
                out.push('\n');
            }
            let shown = self.render_one(&renderer, diagnostic);
            for line in shown.lines() {
                out.push_str(line.trim_end());
                out.push('\n');
            }
        }
        if self.list.len() > SHOWN {
            out.push_str(&format!(
                "\nand {} more errors\n",
                self.list.len() + self.dropped - SHOWN
            ));
        }
        out
    }

    fn render_one(&self, renderer: &Renderer, diagnostic: &Diagnostic) -> String {
        let mut marks: Vec<(Span, &str, AnnotationKind)> = Vec::new();
        marks.extend(
            diagnostic
                .place
                .iter()
                .map(|(span, label)| (*span, label.as_str(), AnnotationKind::Primary)),
        );
        marks.extend(
            diagnostic
                .related
                .iter()
                .map(|(span, label)| (*span, label.as_str(), AnnotationKind::Context)),
        );
        let mut files: Vec<u32> = Vec::new();
        for (span, ..) in &marks {
            if !files.contains(&span.file) {
                files.push(span.file);
            }
        }
        let mut group = Group::with_title(Level::ERROR.primary_title(diagnostic.message.as_str()));
        for file in files {
            let Some(source) = self.sources.get(file as usize) else { continue };
            let here = marks.iter().filter(|(span, ..)| span.file == file);
            let annotations = here.map(|(span, label, kind)| {
                let annotation = kind.span(on_boundaries(&source.text, *span));
                if label.is_empty() { annotation } else { annotation.label(*label) }
            });
            group = group.element(
                Snippet::source(source.text.as_str())
                    .path(source.name.as_str())
                    .annotations(annotations),
            );
        }
        for help in &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostics {}

/// The span within `text`, widened to whole characters.
fn on_boundaries(text: &str, span: Span) -> Range<usize> {
    let mut start = (span.start as usize).min(text.len());
    let mut end = (span.end as usize).clamp(start, text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}
