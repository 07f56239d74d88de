//! Colour and form of the marks of each variant: the same in every figure of a study.
//!
//! Eight colours can be told apart. Of more variants, those of a grid show the levels of one axis by
//! colour and of another by form; otherwise the baseline and the best have a colour each, and the
//! others are grey.

use super::chart::Form;
use super::style::{Color, OTHERS, VARIANTS, variant};
use crate::plan::PlannedStudy;

/// Forms that can be told apart.
const FORMS: [Form; 5] = [Form::Disc, Form::Square, Form::Up, Form::Diamond, Form::Down];
/// Number of the best variants with a colour of their own, where most are grey.
pub(crate) const BEST: usize = 5;

/// Colour and form of the marks of one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Index of its colour, 0..8, in the palette of figures and page; `None`: grey.
    pub(crate) hue: Option<usize>,
    /// Form of its dots.
    pub(crate) form: Form,
}

impl Look {
    /// Colour of its marks in a figure.
    pub(crate) fn color(self) -> Color {
        self.hue.map_or(OTHERS, variant)
    }

    fn plain(hue: Option<usize>) -> Self {
        Self { hue, form: Form::Disc }
    }
}

/// Meaning of the colours and forms of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookKey {
    /// Every variant has a colour of its own.
    Variants,
    /// Colour shows the level of one axis, form that of another; by index among the study's axes.
    Axes {
        /// Axis shown by colour.
        hue: usize,
        /// Axis shown by form.
        form: Option<usize>,
    },
    /// The baseline and the best variants have a colour, the others are grey.
    Few,
}

/// Looks of all variants of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Looks {
    /// Look of each variant, in the order of the study.
    pub(crate) variants: Vec<Look>,
    /// Meaning of them.
    pub(crate) key: LookKey,
}

impl Looks {
    /// Looks of the variants of a study; `best` has their indices, best first.
    pub(crate) fn of(planned: &PlannedStudy, baseline: Option<usize>, best: &[usize]) -> Self {
        let count = planned.variants.len();
        if let Some(variants) = by_method(planned) {
            return Self { variants, key: LookKey::Variants };
        }
        if count <= VARIANTS {
            let variants = (0..count).map(|i| Look::plain(Some(i))).collect();
            return Self { variants, key: LookKey::Variants };
        }
        if let Some((hue, form)) = axes(planned) {
            let level = |axis: usize, variant: usize| {
                let own = &planned.variants[variant].levels[axis];
                planned.axes[axis].levels.iter().position(|level| level == own)
            };
            let look = |i| Look {
                hue: level(hue, i),
                form: form.and_then(|axis| level(axis, i)).map_or(Form::Disc, |i| FORMS[i]),
            };
            return Self {
                variants: (0..count).map(look).collect(),
                key: LookKey::Axes { hue, form },
            };
        }
        Self { variants: few(count, baseline, best), key: LookKey::Few }
    }

    /// Look of a method, which has one in all blocks: by its index, of so many.
    pub(crate) fn method(index: usize, count: usize) -> Look {
        Look::plain((count <= VARIANTS).then_some(index))
    }
}

/// Form that shows a level of an axis, by index.
pub(crate) fn form(level: usize) -> Form {
    FORMS[level % FORMS.len()]
}

/// Axes of a grid that colours and forms can show: of each kind the one with most levels.
fn axes(planned: &PlannedStudy) -> Option<(usize, Option<usize>)> {
    if planned.design != "grid" {
        return None;
    }
    let most = |limit: usize, other: Option<usize>| {
        (0..planned.axes.len())
            .filter(|&i| Some(i) != other && !planned.axes[i].tune)
            .filter(|&i| (2..=limit).contains(&planned.axes[i].levels.len()))
            .rev()
            .max_by_key(|&i| planned.axes[i].levels.len())
    };
    let hue = most(VARIANTS, None)?;
    Some((hue, most(FORMS.len(), Some(hue))))
}

/// Looks of the methods of the variants of several blocks; `None` if there are none, or too many.
fn by_method(planned: &PlannedStudy) -> Option<Vec<Look>> {
    let mut methods = Vec::new();
    let of = planned.variants.iter().map(|variant| {
        let method = variant.method.as_ref()?;
        Some(methods.iter().position(|known| *known == method).unwrap_or_else(|| {
            methods.push(method);
            methods.len() - 1
        }))
    });
    let of: Vec<usize> = of.collect::<Option<_>>()?;
    let count = methods.len();
    (count <= VARIANTS).then(|| of.into_iter().map(|at| Looks::method(at, count)).collect())
}

fn few(count: usize, baseline: Option<usize>, best: &[usize]) -> Vec<Look> {
    let mut looks = vec![Look::plain(None); count];
    let best = best.iter().copied().filter(|&i| Some(i) != baseline).take(BEST);
    // The baseline has the first colour, as it has where every variant has one.
    for (hue, i) in (1..).zip(best) {
        looks[i] = Look::plain(Some(hue));
    }
    if let Some(baseline) = baseline {
        looks[baseline] = Look::plain(Some(0));
    }
    looks
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plan::{Axis, Method, PlannedVariant};

    /// A study of all combinations of axes with these numbers of levels.
    fn study(design: &str, levels: &[usize]) -> PlannedStudy {
        let words = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>();
        let axes = levels.iter().enumerate().map(|(i, count)| Axis {
            path: format!("a{i}"),
            column: format!("a{i}"),
            levels: words(*count),
            tune: false,
        });
        let mut cells: Vec<Vec<String>> = vec![Vec::new()];
        for count in levels {
            cells = cells
                .iter()
                .flat_map(|cell| words(*count).into_iter().map(|l| [&cell[..], &[l]].concat()))
                .collect();
        }
        let variants = cells.into_iter().enumerate().map(|(i, levels)| PlannedVariant {
            label: format!("v{i}"),
            name: format!("v{i}"),
            levels,
            runs: Vec::new(),
            candidates: Vec::new(),
            method: None,
        });
        PlannedStudy {
            name: "study".into(),
            question: String::new(),
            notes: String::new(),
            design: design.into(),
            axes: axes.collect(),
            variants: variants.collect(),
            baseline: Some(0),
        }
    }

    fn distinct(looks: &Looks) -> usize {
        let looks = looks.variants.iter().map(|look| format!("{look:?}"));
        looks.collect::<BTreeSet<_>>().len()
    }

    #[test]
    fn eight_variants_have_a_colour_each() {
        let looks = Looks::of(&study("grid", &[2, 4]), Some(0), &[]);
        assert_eq!((distinct(&looks), looks.key), (8, LookKey::Variants));
    }

    #[test]
    fn colour_and_form_of_a_grid_show_its_axes() {
        let looks = Looks::of(&study("grid", &[3, 5, 2]), Some(0), &[]);
        assert_eq!(looks.key, LookKey::Axes { hue: 1, form: Some(0) });
        assert_eq!(distinct(&looks), 15);
        assert_eq!(looks.variants[0], looks.variants[1], "the third axis alone differs");
        let wide = Looks::of(&study("grid", &[9, 8]), None, &[]);
        assert_eq!((wide.key, distinct(&wide)), (LookKey::Axes { hue: 1, form: None }, 8));
    }

    #[test]
    fn a_method_has_one_colour_in_all_blocks() {
        let mut blocks = study("grid", &[5, 3]);
        for variant in &mut blocks.variants {
            let name = variant.levels[1].clone();
            variant.method = Some(Method { label: name.clone(), name });
        }
        let looks = Looks::of(&blocks, Some(0), &[]);
        assert_eq!((distinct(&looks), looks.key), (3, LookKey::Variants));
        assert_eq!(looks.variants[1], looks.variants[4]);
        assert_eq!(looks.variants[1], Looks::method(1, 3));
    }

    #[test]
    fn of_many_variants_the_baseline_and_the_best_have_a_colour() {
        for study in [study("grid", &[40]), study("one-at-a-time", &[5, 5])] {
            let looks = Looks::of(&study, Some(3), &[7, 3, 1, 2, 0, 9, 8]);
            assert_eq!(looks.key, LookKey::Few);
            let colored: Vec<usize> =
                (0..10).filter(|&i| looks.variants[i].hue.is_some()).collect();
            assert_eq!(colored, [0, 1, 2, 3, 7, 9]);
            assert_eq!(looks.variants[3].hue, Some(0));
        }
    }
}
