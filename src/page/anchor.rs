//! Anchors of the page, made of names: a link to a study still leads there when another study is
//! added.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::figures::view::View;

/// Anchors that are taken.
#[derive(Debug, Default)]
pub(super) struct Anchors(BTreeSet<String>);

impl Anchors {
    /// Anchor of a study: `experiment/study`, or its name alone if it is the only one of the
    /// experiment.
    pub(super) fn study(&mut self, view: &View) -> String {
        self.claim(&path(&view.plan.name, &view.planned.name))
    }

    /// Anchor of a part of a study: `masks/samples`.
    pub(super) fn part(&mut self, study: &str, part: &str) -> String {
        self.claim(&format!("{study}/{part}"))
    }

    /// Anchor of the row of a run, `run/<id>`, if it has none yet: studies share runs.
    pub(super) fn run(&mut self, run: &str) -> Option<String> {
        let anchor = format!("run/{run}");
        self.0.insert(anchor.clone()).then_some(anchor)
    }

    /// The anchor, or where it is taken, the first free one with a number behind it.
    fn claim(&mut self, wanted: &str) -> String {
        let numbered = (2..).map(|n| format!("{wanted}-{n}"));
        let free = std::iter::once(wanted.to_owned()).chain(numbered);
        let anchor = free.into_iter().find(|anchor| !self.0.contains(anchor)).unwrap_or_default();
        self.0.insert(anchor.clone());
        anchor
    }
}

/// Relative address of a study. The only study of an experiment has its name and no directory of
/// its own.
pub(super) fn path(experiment: &str, study: &str) -> String {
    if experiment == study {
        address(study)
    } else {
        format!("{}/{}", address(experiment), address(study))
    }
}

/// A name as part of a relative address.
pub(super) fn address(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                out.push(char::from(byte));
            }
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_names_and_each_is_there_once() {
        let mut anchors = Anchors::default();
        assert_eq!(path("masks", "masks"), "masks");
        assert_eq!(path("masks", "m\u{1ea1} b"), "masks/m%E1%BA%A1%20b");
        assert_eq!(anchors.claim("masks"), "masks");
        assert_eq!(anchors.part("masks", "samples"), "masks/samples");
        assert_eq!(anchors.claim("masks/samples"), "masks/samples-2");
        assert_eq!(anchors.run("r1").as_deref(), Some("run/r1"));
        assert_eq!(anchors.run("r1"), None);
    }
}
