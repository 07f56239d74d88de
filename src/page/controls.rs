//! Controls of the interactive parts. Without a script they are hidden, as they would do nothing.

use maud::{Markup, html};

use crate::figures::view::View;

/// Filter by the levels of the axes: a row of buttons for each axis with levels to choose from.
pub(super) fn filter(view: &View) -> Markup {
    let axes = || view.planned.axes.iter().enumerate().filter(|(_, axis)| axis.levels.len() > 1);
    if axes().next().is_none() {
        return Markup::default();
    }
    html! {
        div.filter.script role="group" aria-label={ "Filter of " (view.planned.name) } data-part="filter" {
            @for (a, axis) in axes() {
                div.axis role="group" aria-label=(axis.column) {
                    b { (axis.column) }
                    div.levels {
                        @for (l, level) in axis.levels.iter().enumerate() {
                            button type="button" aria-pressed="true" data-axis=(a) data-level=(l) { (level) }
                        }
                    }
                }
            }
            button type="button" data-part="reset" { "Everything as at first" }
            span.muted data-part="shown" role="status" {}
        }
    }
}

/// Controls of the chart of curves.
pub(super) fn chart(view: &View) -> Markup {
    let axes = || view.planned.axes.iter().enumerate().filter(|(_, axis)| axis.levels.len() > 1);
    let can_group = view.plan.compare.within.is_empty();
    let options = [
        ("train", "train"),
        ("band", "interval"),
        ("seeds", "single seeds"),
        ("log", "log scale"),
    ];
    let has_training = view.metrics.training.is_some();
    let options = options.into_iter().filter(|(option, _)| *option != "train" || has_training);
    html! {
        div.bar.script role="group" aria-label="Chart of curves" {
            label { "against " select data-choice="x" {
                option value="step" { (view.step_word().to_lowercase()) }
                option value="updates" { "updates" }
                option value="seconds" { "seconds" }
            } }
            @if can_group && axes().next().is_some() {
                label { "mean over " select data-choice="group" {
                    option value="" { "seeds" }
                    @for (_, axis) in axes() {
                        option value=(axis.column) { "all with the same " (axis.column) }
                    }
                } }
            }
            label { "colour by " select data-choice="colour" {
                option value="variant" { "variant" }
                option value="metric" { (view.family()) }
                @for (_, axis) in axes() { option value={ "axis " (axis.column) } { (axis.column) } }
            } }
            @for (option, name) in options {
                button type="button" data-option=(option) aria-pressed="false" { (name) }
            }
        }
    }
}

/// Buttons that save a chart as it is shown.
pub(super) fn exports(chart: &str) -> Markup {
    html! {
        div.bar.script role="group" aria-label="Save the chart as it is shown" {
            @for kind in ["SVG", "CSV"] {
                button type="button" data-export=(chart) data-kind=(kind.to_lowercase()) { "Save as " (kind) }
            }
        }
    }
}

/// Comparison of the settings of any two variants.
pub(super) fn two_variants(view: &View) -> Markup {
    if view.variants.len() < 2 {
        return Markup::default();
    }
    let first = view.baseline.unwrap_or(0);
    let other = usize::from(first == 0);
    html! {
        details.script {
            summary { "Any two variants" }
            div.wrap tabindex="0" role="group" aria-label="Settings of two variants" {
                table {
                    thead {
                        tr {
                            th scope="col" { "setting" }
                            th.l scope="col" { (choice(view, "left", first)) }
                            th.l scope="col" { (choice(view, "right", other)) }
                        }
                    }
                    tbody data-part="differences" {}
                }
            }
        }
    }
}

/// A choice of one variant.
fn choice(view: &View, side: &str, chosen: usize) -> Markup {
    html! {
        select data-part=(side) aria-label="Variant" {
            @for (i, variant) in view.variants.iter().enumerate() {
                option value=(i) selected[i == chosen] { (variant.label) }
            }
        }
    }
}
