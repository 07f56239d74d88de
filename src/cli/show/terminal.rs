//! Terminal output: colours if they are wanted, and lines that fit. Names and texts come from foreign
//! files, so everything printed passes through here, and control characters in it never reach a
//! terminal. Errors of writing are also handled here.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use indicatif::ProgressStyle;

pub(crate) use crate::session::one_line;

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorMode {
    /// If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorMode {
    /// Decides whether to colour stderr.
    pub(crate) fn paint(self) -> Paint {
        Paint(match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => AutoStream::choice(&io::stderr()) != ColorChoice::Never,
        })
    }
}

/// True if the terminal does not support escape sequences.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// True if the locale asks for plain ASCII.
pub(crate) fn is_ascii_locale() -> bool {
    let chosen = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(std::env::var_os)
        .find(|value| !value.is_empty());
    chosen.is_some_and(|locale| locale == "C" || locale == "POSIX")
}

/// Stdout. A command does its work, and ends in the same way, even if its output cannot be written:
/// the first error is stored, and the rest of the output is dropped.
pub(crate) struct Output<W> {
    inner: W,
    failure: Option<io::Error>,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, failure: None }
    }

    /// Error because of which output is missing, if any; a reader that has closed the pipe is not
    /// one.
    pub(crate) fn failure(self) -> Option<io::Error> {
        self.failure.filter(|error| error.kind() != ErrorKind::BrokenPipe)
    }

    fn attempt(
        &mut self,
        write: impl FnOnce(&mut W) -> io::Result<usize>,
        otherwise: usize,
    ) -> io::Result<usize> {
        if self.failure.is_some() {
            return Ok(otherwise);
        }
        match write(&mut self.inner) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                self.failure = Some(error);
                Ok(otherwise)
            }
            written => written,
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|inner| inner.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(|inner| inner.flush().map(|()| 0), 0).map(drop)
    }
}

/// True if output is coloured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

/// Private-use characters that represent the program's own colours until a text is printed, and
/// their codes: so [`Paint::printable`] can distinguish these codes from escape sequences in a
/// name.
const COLOURS: [(char, &str); 4] = [
    ('\u{f0000}', "\x1b[0m"),
    ('\u{f0001}', "\x1b[32m"),
    ('\u{f0002}', "\x1b[1;31m"),
    ('\u{f0003}', "\x1b[2m"),
];

impl Paint {
    /// Writes a remark to stderr. Failing to write it is not an error.
    pub(crate) fn remark(self, text: impl std::fmt::Display) {
        let text = fit(&text.to_string(), stderr_width());
        drop(writeln!(io::stderr(), "{}", self.printable(&text)));
    }

    /// Writes a remark on a problem that is not a reason to stop.
    pub(crate) fn warn(self, text: impl std::fmt::Display) {
        self.remark(format!("{} {text}", self.bad("warning:")));
    }

    fn wrap(self, colour: usize, text: &str) -> String {
        if self.0 {
            format!("{}{text}{}", COLOURS[colour].0, COLOURS[0].0)
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.wrap(1, text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap(2, text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap(3, text)
    }

    /// Text for printing: control characters escaped, colours as the terminal's codes.
    pub(crate) fn printable(self, text: &str) -> String {
        let text = escaped(text);
        if !self.0 {
            return text.into_owned();
        }
        COLOURS
            .iter()
            .fold(text.into_owned(), |text, (mark, code)| text.replace(*mark, code))
    }
}

/// True if a terminal may interpret a character as more than a glyph: it moves the cursor, colours,
/// rings, or changes the direction of text.
fn is_active(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || matches!(c, '\u{2028}' | '\u{2029}') || (c.is_control() && !matches!(c, '\n' | '\t'))
}

/// Text in which such characters are written as `\u{1b}`; line breaks and tabs are not escaped.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 8), |mut out, c| {
        if is_active(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    }))
}

/// JSON with the same characters as escapes of JSON, so that stdout leaves it as it is.
pub(crate) fn escaped_json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 8), |mut out, c| {
        match is_active(c) {
            // All of them are in the basic plane.
            true => out += &format!("\\u{:04x}", u32::from(c)),
            false => out.push(c),
        }
        out
    }))
}

/// Writer for stdout that escapes text.
#[derive(Debug)]
pub(crate) struct Escaping<W> {
    inner: W,
    /// Incomplete UTF-8 character at the end of the last write.
    torn: Vec<u8>,
}

impl<W: Write> Escaping<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, torn: Vec::new() }
    }
}

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.torn.extend_from_slice(bytes);
        let all = std::mem::take(&mut self.torn);
        // A character of several bytes may arrive in two pieces; invalid bytes are shown as the
        // replacement character.
        let whole = match std::str::from_utf8(&all) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => all.len(),
        };
        self.torn.extend_from_slice(&all[whole..]);
        self.inner
            .write_all(escaped(&String::from_utf8_lossy(&all[..whole])).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Style of a bar.
///
/// # Panics
/// If the template is wrong: it is a constant of the caller.
pub(crate) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("a constant template")
        .progress_chars("=> ")
}

/// Error with its causes, each once: many messages end in that of their cause already.
pub(crate) fn told(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .fold(String::new(), |text, cause| match text.as_str() {
            "" => cause,
            known if known.ends_with(&cause) => text,
            _ => format!("{text}: {cause}"),
        })
}

/// Columns of the terminal that shows a stream, `None` for a pipe or file. `COLUMNS` in the
/// environment overrides its size.
fn width_of(stream: impl AsFd + IsTerminal) -> Option<usize> {
    /// Used where a terminal does not know its size.
    const USUAL: usize = 80;
    if !stream.is_terminal() {
        return None;
    }
    let asked = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let size = || rustix::termios::tcgetwinsize(&stream).ok().map(|size| size.ws_col.into());
    Some(asked.or_else(size).filter(|width| *width > 0).unwrap_or(USUAL))
}

/// Columns of stdout, if it is a terminal.
pub(crate) fn stdout_width() -> Option<usize> {
    width_of(io::stdout())
}

/// Columns of stderr, if it is a terminal.
pub(crate) fn stderr_width() -> Option<usize> {
    width_of(io::stderr())
}

/// Width of lines of text on stdout.
const LINE: usize = 80;

/// Text for stdout, broken between words where a line ends.
pub(crate) fn prose(text: &str) -> String {
    wrap(text, stdout_width().unwrap_or(LINE).min(LINE))
}

/// Breaks a text between words into lines of at most `width` characters; a longer word has a line
/// of its own.
pub(crate) fn wrap(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("at least one line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}

/// Text whose longer lines are broken between words. They continue below what follows their first
/// word if several spaces set it apart, and otherwise two columns further than they begin. What is
/// between backquotes stays whole, as it is to be copied. Unchanged without a width.
pub(crate) fn fit(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    text.split('\n')
        .map(|line| fit_line(line, width))
        .collect::<Vec<_>>()
        .join("\n")
}

fn fit_line(line: &str, width: usize) -> String {
    const HEAD: usize = 12;
    let start = line.chars().take_while(|c| *c == ' ').count();
    let words = &line[start..];
    let head = words.find("  ").map(|gap| &words[gap..]);
    let head = head.map(|rest| line.len() - rest.trim_start_matches(' ').len());
    let indent = head.filter(|head| *head <= HEAD).unwrap_or(start + 2);
    let (mut out, mut filled, mut is_quoted) = (String::new(), 0, false);
    let mut rest = line;
    while !rest.is_empty() {
        // A piece is the spaces before a word, and the word.
        let start = rest.len() - rest.trim_start_matches(' ').len();
        let mut end = rest.len();
        for (i, c) in rest.char_indices().skip_while(|(i, _)| *i < start) {
            is_quoted ^= c == '`';
            if c == ' ' && !is_quoted {
                end = i;
                break;
            }
        }
        let (piece, after) = rest.split_at(end);
        let length = piece.chars().count();
        if filled > 0 && filled + length > width {
            out += &format!("\n{:indent$}{}", "", &piece[start..]);
            filled = indent + length - start;
        } else {
            out += piece;
            filled += length;
        }
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_of_a_text_acts_on_a_terminal() {
        let active = [
            "\u{1b}[2J",
            "\u{7}",
            "\r",
            "\u{8}",
            "\u{7f}",
            "\u{9b}2J",
            "\u{202e}",
            "\u{2066}",
            "\u{2028}",
            "\0",
        ];
        for text in active {
            for paint in [Paint(false), Paint(true)] {
                let shown = paint.printable(&format!("a{text}b"));
                assert!(shown.starts_with("a\\u{") && !shown.contains(is_active), "{shown:?}");
            }
            let painted = Paint(true).printable(&Paint(true).bad(text));
            assert!(
                painted.starts_with("\x1b[1;31m\\u{") && painted.ends_with("\x1b[0m"),
                "{painted:?}"
            );
            for at in 0..=text.len() {
                let mut out = Escaping::new(Vec::new());
                for part in [&text.as_bytes()[..at], &text.as_bytes()[at..]] {
                    out.write_all(part).unwrap();
                }
                assert_eq!(String::from_utf8(out.inner).unwrap(), escaped(text));
            }
        }
        assert_eq!(escaped("grün\tüber\nalles 你 🙂"), "grün\tüber\nalles 你 🙂");
        assert_eq!(
            Paint(false).printable("\u{f0001}"),
            "\u{f0001}",
            "no colour where none is wanted"
        );
    }

    #[test]
    fn json_of_any_text_passes_stdout_unchanged() {
        let text: String = ('\0'..'\u{3000}').collect();
        let json = serde_json::to_string(&text).unwrap();
        let mut out = Escaping::new(Vec::new());
        out.write_all(escaped_json(&json).as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<String>(&out.inner).unwrap(), text);
    }

    #[test]
    fn lines_break_between_words_and_commands_stay_whole() {
        let text = "  next: `ablade compare parts` shows effects too, `ablade plots parts` draws";
        assert_eq!(fit(text, None), text);
        assert_eq!(fit(text, Some(100)), text);
        assert_eq!(
            fit(text, Some(40)),
            "  next: `ablade compare parts` shows\n    effects too, `ablade plots parts`\n    draws"
        );
        assert_eq!(
            fit(text, Some(20)),
            "  next:\n    `ablade compare parts`\n    shows effects\n    too,\n    `ablade plots parts`\n    draws"
        );
        assert_eq!(
            fit("data  some digits of 28 x 28", Some(20)),
            "data  some digits of\n      28 x 28"
        );
        assert_eq!(fit("a  b\n\nc `d e", Some(3)), "a\n   b\n\nc\n  `d e", "spaces at a break go");
    }

    /// A disk that is full after this many bytes, or a reader that closes the pipe.
    struct Ends(usize, ErrorKind);

    impl Write for Ends {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let written = bytes.len().min(self.0);
            self.0 -= written;
            if written == 0 { Err(self.1.into()) } else { Ok(written) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn output_that_cannot_be_written_stops_no_command_and_is_remembered() {
        for (kind, told) in [
            (ErrorKind::StorageFull, Some(ErrorKind::StorageFull)),
            (ErrorKind::BrokenPipe, None),
        ] {
            let mut out = Output::new(Ends(10, kind));
            for line in 0..100 {
                writeln!(out, "line {line}").expect("no command ends here");
            }
            out.flush().expect("no command ends here");
            assert_eq!(out.failure().map(|error| error.kind()), told);
        }
        assert!(Output::new(Ends(10, ErrorKind::StorageFull)).failure().is_none());
    }

    #[test]
    fn each_cause_is_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("the file cannot be read: {0}")]
        struct Unreadable(#[source] io::Error);
        let error =
            anyhow::Error::new(Unreadable(io::Error::other("it is gone"))).context("cannot draw");
        assert_eq!(told(&error), "cannot draw: the file cannot be read: it is gone");
        assert_eq!(told(&anyhow::anyhow!("a: b").context("c")), "c: a: b");
    }
}
