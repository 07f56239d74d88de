//! The page: every study in one file that opens from the disk and asks nothing of any network.
//!
//! The tables, figures and sentences are HTML, so that they are there without a script; the script
//! sorts, hides, draws curves and compares, from one island of JSON. Both are named by hash in the
//! page's content security policy: nothing else on it can run, whatever a study's names hold.

mod grids;
mod html;
mod island;
mod reproduce;
mod table;

use sha2::{Digest, Sha256};

use super::view::View;
use super::{Artefacts, Figure};
use crate::results::ExperimentResults;

/// One experiment on the page.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    /// The experiment.
    pub study: &'a ExperimentResults,
    /// What its runs left.
    pub artefacts: &'a Artefacts,
    /// Its figures, as `draw_all` gives them.
    pub figures: &'a [Figure],
}

/// The page, `plots/index.html`. Links lead to the figures' files beside it, `<study>/<name>.svg`.
pub fn page(sections: &[Section]) -> String {
    let mut studies = String::new();
    let mut data = Vec::new();
    let mut contents = Vec::new();
    for section in sections {
        for (index, planned) in section.study.plan.studies.iter().enumerate() {
            let id = format!("study-{}", contents.len());
            let view = View::new(section.study, planned);
            let table = section.study.ablation(index);
            html::study(&mut studies, &id, section, &view, &table);
            data.push(serde_json::to_string(&island::study(&id, &view)).expect("plain data"));
            contents.push(html::Entry {
                id,
                name: planned.name.clone(),
                question: section.study.plan.question.clone(),
            });
        }
    }
    let title = match sections {
        [one] => one.study.plan.name.clone(),
        _ => format!("{} experiments", sections.len()),
    };
    if contents.is_empty() {
        studies.push_str(
            "<p>There is no study here yet: <code>ablade sweep FILE</code> runs one.</p>\n",
        );
    }
    // `<` is the one character through which text could leave the island.
    let island = format!("[{}]", data.join(",")).replace('<', "\\u003c");
    let (style, script) = (include_str!("page.css"), include_str!("page.js"));
    fill(
        include_str!("template.html"),
        &[
            ("title", &html::escape(&title)),
            ("version", env!("CARGO_PKG_VERSION")),
            ("style-hash", &policy_hash(style)),
            ("script-hash", &policy_hash(script)),
            ("style", style),
            ("script", script),
            ("contents", &html::contents(&contents)),
            ("studies", &studies),
            ("data", &island),
        ],
    )
}

/// Replaces each `{{name}}` once, left to right: what is filled in is never searched.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, tail) = after.split_once("}}").expect("a closed place in the template");
        out.push_str(before);
        out.push_str(
            values
                .iter()
                .find(|(known, _)| *known == name)
                .expect("a known place in the template")
                .1,
        );
        rest = tail;
    }
    out + rest
}

/// `sha256-...` of a script or style, as content security policies name it.
fn policy_hash(text: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(text.as_bytes())))
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .enumerate()
            .fold(0u32, |word, (i, byte)| word | u32::from(*byte) << (16 - 8 * i));
        for i in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of RFC 4648, section 10.
    #[test]
    fn base64_follows_the_rfc() {
        for (text, code) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), code);
        }
    }

    #[test]
    fn what_is_filled_in_is_not_searched() {
        assert_eq!(fill("<{{a}}|{{b}}>", &[("a", "{{b}}"), ("b", "x")]), "<{{b}}|x>");
    }
}
