//! HTML document: head, contents, one section for each study, and the script with its data.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::anchor::Anchors;
use super::embed::policy_hash;
use super::section::Section;
use super::{colours, data, study};
use crate::figures::view::View;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(
    include_str!("script/basics.js"),
    include_str!("script/address.js"),
    include_str!("script/lines.js"),
    include_str!("script/chart.js"),
    include_str!("script/curves.js"),
    include_str!("script/parallel.js"),
    include_str!("script/export.js"),
    include_str!("script/table.js"),
    include_str!("script/run.js"),
    include_str!("script/study.js"),
);

/// A study in the table of contents.
#[derive(Clone, Copy)]
struct Entry<'a> {
    id: &'a str,
    name: &'a str,
    question: &'a str,
}

/// Renders the page, `plots/index.html`. Links refer to the files of the figures next to it,
/// `<study>/<name>.svg`.
pub fn render(sections: &[Section]) -> String {
    let views: Vec<(&Section, usize, View)> = sections
        .iter()
        .flat_map(|section| {
            let planned = section.study.plan.studies.iter().enumerate();
            planned.map(move |(i, planned)| (section, i, View::new(section.study, planned)))
        })
        .collect();
    let mut anchors = Anchors::default();
    let ids: Vec<String> = views.iter().map(|(_, _, view)| anchors.study(view)).collect();
    let (mut contents, mut studies, mut script_data) = (Vec::new(), Vec::new(), Vec::new());
    for (id, (section, index, view)) in ids.iter().zip(&views) {
        let own = &view.planned.question;
        let question = if own.is_empty() { &view.plan.question } else { own };
        contents.push(Entry { id, name: &view.planned.name, question });
        studies.push(study::section(id, section, view, *index, &mut anchors));
        script_data.push(data::study(id, view, section.own));
    }
    let title = match sections {
        [one] => one.study.plan.name.clone(),
        _ => format!("{} experiments", sections.len()),
    };
    let figures = sections.iter().flat_map(|section| section.figures);
    let drawings = figures.filter(|figure| study::is_drawn(figure));
    let colours = colours::rules(drawings.map(|figure| figure.pictures.live_svg.as_str()));
    let style = format!("{STYLE}{}{colours}", colours::properties());
    let page = document(&title, &contents, &studies, &data::json(&script_data), &style);
    without_control_characters(&page.into_string())
}

fn document(
    title: &str,
    contents: &[Entry],
    studies: &[Markup],
    data: &Markup,
    style: &str,
) -> Markup {
    let policy = format!(
        "default-src 'none'; img-src data:; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        policy_hash(style),
        policy_hash(SCRIPT)
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "ablade " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(style)) }
            }
            body {
                main {
                    div.top {
                        h1 { (title) }
                        button.script data-part="theme" type="button" { "Light or dark" }
                    }
                    noscript {
                        p.muted {
                            "Without JavaScript the page is whole and still: it cannot filter, sort, or open a run."
                        }
                    }
                    @if contents.len() > 1 { (table_of_contents(contents)) }
                    @for study in studies { (study) }
                    @if studies.is_empty() {
                        p { "There is no study here yet: " code { "ablade sweep FILE" } " runs one." }
                    }
                }
                dialog data-part="run" aria-labelledby="run" {}
                div.tip data-part="tip" role="status" {}
                script type="application/json" { (data) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn table_of_contents(studies: &[Entry]) -> Markup {
    html! {
        nav aria-label="Studies" {
            ul {
                @for Entry { id, name, question } in studies {
                    li { a href={ "#" (id) } { (name) } " " span.muted { (question) } }
                }
            }
        }
    }
}

/// Replaces the characters that HTML forbids and escaping does not change: names and error messages
/// may contain any.
fn without_control_characters(page: &str) -> String {
    let is_forbidden = |c: char| {
        matches!(c, '\u{fffe}' | '\u{ffff}') || (c.is_ascii_control() && !c.is_ascii_whitespace())
    };
    page.replace(is_forbidden, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_escaped_wherever_it_is_written() {
        let hostile = "</script><b a='\"'>&{{data}}\u{1b}[2J\0";
        let entry = Entry { id: hostile, name: hostile, question: hostile };
        let contents = [Entry { id: "a", ..entry }, entry];
        let page =
            document(hostile, &contents, &[], &PreEscaped("[]".to_owned()), "").into_string();
        let page = without_control_characters(&page);
        let escaped = "&lt;/script&gt;&lt;b a='&quot;'&gt;&amp;{{data}}\u{fffd}[2J\u{fffd}";
        assert!(!page.contains("<b a"));
        assert_eq!(page.matches(escaped).count(), 7, "{page}");
    }
}
