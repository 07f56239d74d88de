//! Visibility: the preceding pixels that each output of a real model can see, computed from the
//! masks of the study's runs.

use super::named_mask::{NamedMask, names};
use super::tiles;
use crate::data::Shape;
use crate::figures::chart::{Body, Chart, Mark, Panel, Plane, Raster};
use crate::figures::scale::ValueAxis;
use crate::figures::style::{ACCENT, Color, INK, TILE, sequential};
use crate::text::typeset;

/// Maximum number of steps of a panel: more are finer than the page.
const MOST_STEPS: usize = 2_000;

/// Number of the latest pixels that each output of a real model cannot see. Masks under which every
/// output sees all earlier pixels have no panel.
pub(crate) fn gaps(masks: &[NamedMask]) -> Chart {
    const TITLE: &str = "Earlier pixels that outputs cannot see";
    let gaps_of = |m: &NamedMask| -> Vec<usize> {
        m.mask.visible().iter().enumerate().map(|(t, &seen)| t - seen.min(t)).collect()
    };
    let (masks, complete): (Vec<&NamedMask>, Vec<&NamedMask>) =
        masks.iter().partition(|m| gaps_of(m).iter().any(|gap| *gap > 0));
    let complete: Vec<&str> = complete.iter().map(|m| m.name.as_str()).collect();
    if masks.is_empty() {
        let under = match complete[..] {
            [] | [_] => "In the first mask of the first seed".to_owned(),
            _ => format!("In the first mask of the first seed of {}", complete.join("; ")),
        };
        return Chart::message(TITLE, format!("{under}, every output sees all earlier pixels."));
    }
    let complete = match complete.len() {
        0 => String::new(),
        _ => format!(" Every output sees all earlier pixels with: {}.", complete.join("; ")),
    };
    let gaps: Vec<Vec<usize>> = masks.iter().map(|m| gaps_of(m)).collect();
    let dim = gaps.iter().map(Vec::len).max().unwrap_or(1);
    let most = gaps.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;
    let columns = if masks.len() > 3 { 2 } else { 1 };
    let together = dim.div_ceil(MOST_STEPS).max(1);
    let thinned = match together {
        1 => String::new(),
        n => format!(" Of every {n} positions the largest number is drawn."),
    };
    let mut x = ValueAxis::epochs(dim, 6 / columns);
    x.label = "Position of the output in the ordering".into();
    (x.lo, x.hi) = (0.5, dim as f64 + 0.5);
    let y = ValueAxis::linear("Latest pixels not seen", 0.0, 1.05 * most, 4);
    let panels = masks.iter().zip(&gaps).map(|(named, gaps)| {
        // Drawn as steps: the value is valid for the whole position, or for the positions that are
        // drawn as one.
        let steps = gaps.chunks(together).enumerate().flat_map(|(step, gaps)| {
            let (start, gap) = (step * together, gaps.iter().copied().max().unwrap_or(0) as f64);
            [(start as f64 + 0.5, 0.0, gap), ((start + gaps.len()) as f64 + 0.5, 0.0, gap)]
        });
        let band = Mark::Band { points: steps.collect(), color: ACCENT, alpha: 1.0 };
        let plane = Plane::new(x.clone(), y.clone(), vec![band], 84.0);
        let note = format!("{} % see their predecessor", typeset(predecessor_share(gaps), 0));
        Panel { title: named.name.clone(), note, body: Body::Plane(plane) }
    });
    let panels: Vec<Panel> = panels.collect();
    let shares: Vec<String> = panels.iter().map(|p| format!("{}: {}", p.title, p.note)).collect();
    Chart {
        title: TITLE.into(),
        subtitle: format!(
            "Height: how many of the pixels just before it an output cannot see; none, and it sees all earlier ones. \
             Hidden units of random degree leave gaps, and every layer adds to them. First mask of the first seed.{thinned}{complete}"
        ),
        caption: format!(
            "Number of latest pixels that the output at each position cannot see.{thinned} {}.{complete}",
            shares.join("; ")
        ),
        panels,
        columns,
    }
}

/// Percentage of the outputs after the first that see the pixel just before them.
fn predecessor_share(gaps: &[usize]) -> f64 {
    let complete = gaps.iter().skip(1).filter(|gap| **gap == 0).count();
    100.0 * complete as f64 / gaps.len().saturating_sub(1).max(1) as f64
}

/// Pixels that four outputs of a real model see, on the grid.
pub(crate) fn views(masks: &[NamedMask], shape: Shape) -> Chart {
    const TITLE: &str = "Pixels that four of the outputs see";
    const SHARES: [f64; 4] = [0.1, 0.35, 0.6, 0.9];
    if let Some(why) = tiles::too_large(shape) {
        return Chart::message(TITLE, format!("Not drawn: {why}."));
    }
    let mut has_gaps = false;
    let mut panels = Vec::new();
    for named in masks {
        let visible = named.mask.visible();
        let positions = named.mask.ordering().positions();
        for (i, share) in SHARES.iter().enumerate() {
            let t = ((share * positions.len() as f64) as usize).min(positions.len() - 1);
            let class = |position: u32| match position as usize {
                p if p == t => 3,
                p if p < visible[t] => 1,
                p if p < t => 2,
                _ => 0,
            };
            let cells: Vec<u16> = positions.iter().map(|&p| class(p)).collect();
            let side = (132 / shape.width.max(shape.height).max(1)).clamp(1, 22);
            let colors = vec![TILE, sequential(0.6), Color(0xE6, 0x9F, 0x00), INK];
            let mut raster = Raster::new(shape.width, shape.height, side, colors, cells);
            raster.rings.extend(
                positions
                    .iter()
                    .position(|&p| p as usize == t)
                    .map(|i| (i % shape.width, i / shape.width)),
            );
            let title = if i == 0 { named.name.clone() } else { String::new() };
            has_gaps |= visible[t] < t;
            let note = format!("output {}: {} of {}", t + 1, visible[t], t);
            panels.push(Panel { title, note, body: Body::Raster(raster) });
        }
    }
    Chart {
        title: TITLE.into(),
        subtitle: format!(
            "Ring: the output's own pixel. Blue: pixels it sees; {}grey: later ones. Numbers: pixels seen of those \
             before it. First mask of the first seed.",
            if has_gaps { "orange: earlier ones it cannot see; " } else { "" }
        ),
        caption: format!(
            "Pixels that four outputs of real models can see, at 10, 35, 60 and 90 percent of the ordering: {}.",
            names(masks)
        ),
        panels,
        columns: SHARES.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made::masks::MaskSet;
    use crate::made::ordering::Ordering;

    fn steps(dim: usize) -> (Vec<(f64, f64, f64)>, String) {
        let ordering = Ordering::from_pixels((0..dim as u32).collect()).unwrap();
        let mask = MaskSet::new(ordering, vec![vec![1, dim as u32 / 2]], false);
        let chart = gaps(&[NamedMask { name: "wide".into(), mask }]);
        let Body::Plane(plane) = &chart.panels[0].body else {
            panic!("gaps are a plane")
        };
        let Mark::Band { points, .. } = &plane.marks[0] else {
            panic!("gaps are a band")
        };
        (points.clone(), chart.caption.clone())
    }

    #[test]
    fn masks_without_gaps_are_named_in_a_sentence() {
        let named = |skip: bool| {
            let ordering = Ordering::from_pixels(vec![0, 1, 2, 3]).unwrap();
            let mask = MaskSet::new(ordering, vec![vec![1, 1]], skip);
            NamedMask { name: format!("skip {skip}"), mask }
        };
        let chart = gaps(&[named(true)]);
        assert!(matches!(&chart.panels[0].body, Body::Message(text) if text.contains("sees all")));
        let chart = gaps(&[named(false), named(true)]);
        assert_eq!(chart.panels.len(), 1);
        assert!(chart.subtitle.contains("sees all earlier pixels with: skip true."));
        let shape = Shape { width: 2, height: 2 };
        assert!(!views(&[named(true)], shape).subtitle.contains("orange"));
        assert!(views(&[named(false)], shape).subtitle.contains("orange"));
    }

    #[test]
    fn gaps_of_wide_models_are_thinned_to_the_largest_which_is_said() {
        let (all, caption) = steps(1_000);
        assert!(all.len() == 2_000 && !caption.contains("largest"), "{caption}");
        let (thinned, caption) = steps(99_999);
        assert!(
            thinned.len() <= 2 * MOST_STEPS
                && caption.contains("Of every 50 positions the largest"),
            "{caption}"
        );
        assert_eq!(
            thinned.last().map(|point| (point.0, point.2)),
            Some((99_999.5, 99_998.0 - 49_999.0))
        );
        assert!(thinned.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }
}
