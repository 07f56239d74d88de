//! Legend of colours and forms that show the levels of axes.

use super::chart::{Anchor, Form, Mark, Panel, Plane};
use super::looks::{LookKey, form};
use super::scale::ValueAxis;
use super::style::{Color, INK, MUTED, SMALL, variant};
use super::view::View;

/// Height of an entry in CSS pixels.
const ROW: f64 = 15.0;

/// Panel that says which level each colour and form shows; `None` where they show variants.
pub(super) fn panel(view: &View) -> Option<Panel> {
    let LookKey::Axes { hue, form: by_form } = view.looks.key else { return None };
    let colours = column(view, hue, &|i| (Form::Disc, variant(i)));
    let forms = by_form.map(|axis| column(view, axis, &|i| (form(i), MUTED)));
    let columns: Vec<Vec<Entry>> = std::iter::once(colours).chain(forms).collect();
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0) as f64;
    let blank = |hi: f64| ValueAxis { ticks: Vec::new(), ..ValueAxis::linear("", 0.0, hi, 1) };
    let mut marks = Vec::new();
    for (i, entries) in columns.into_iter().enumerate() {
        let left = i as f64 * 0.5;
        for (j, entry) in entries.into_iter().enumerate() {
            let at = (left, rows - 0.5 - j as f64);
            let indent = if let Some((form, color)) = entry.mark {
                marks.push(Mark::Dot { at, form, color, radius: 3.6, nudge: 0.0 });
                10.0
            } else {
                -4.0
            };
            marks.push(Mark::Text {
                at,
                text: entry.text,
                anchor: Anchor::Start,
                nudge: (indent, 0.0),
                color: if entry.mark.is_some() { MUTED } else { INK },
                size: SMALL,
            });
        }
    }
    let plane = Plane {
        axes: false,
        ..Plane::new(blank(1.0), blank(rows), marks, ROW * rows)
    };
    Some(Panel::plane(plane))
}

/// Sentence on colours for figures without a legend, whose marks are lines and have no form; empty
/// where colours show variants.
pub(super) fn words(view: &View) -> String {
    let column = |axis: usize| &view.planned.axes[axis].column;
    match view.looks.key {
        LookKey::Variants => String::new(),
        LookKey::Axes { hue, .. } => format!(" Colour: {}.", column(hue)),
        LookKey::Few if view.baseline.is_some() => {
            " In colour: the baseline and the best variants.".to_owned()
        }
        LookKey::Few => " In colour: the best variants.".to_owned(),
    }
}

struct Entry {
    /// Mark of a level; `None` for the heading.
    mark: Option<(Form, Color)>,
    text: String,
}

fn column(view: &View, axis: usize, mark: &dyn Fn(usize) -> (Form, Color)) -> Vec<Entry> {
    let axis = &view.planned.axes[axis];
    let heading = Entry { mark: None, text: axis.column.clone() };
    let levels = axis.levels.iter().enumerate();
    let levels = levels.map(|(i, level)| Entry { mark: Some(mark(i)), text: level.clone() });
    std::iter::once(heading).chain(levels).collect()
}
