//! Places of the levels of an axis: numbers where their values are, words side by side.

use super::chart::Mark;
use super::scale::{Scale, Tick, ValueAxis, log_ticks, number_ticks};
use super::style::CONTEXT;

/// Ratio of the largest to the smallest number from which an axis is logarithmic.
const DECADE: f64 = 10.0;
/// Maximum number of numbers that are all ticks.
const TICKS: usize = 12;
/// Distance from the numbers to the first word, and from word to word, as a share of the range of
/// the numbers.
const GAP: f64 = 0.16;

/// An axis with a place for each level.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LevelPlaces {
    /// The axis, with the levels as ticks.
    pub(super) axis: ValueAxis,
    /// Place of each level, in the order of the levels.
    pub(super) at: Vec<f64>,
    /// Indices of the levels that a line may join, ascending.
    pub(super) line: Vec<usize>,
    /// Places between the numbers and levels that are beside them.
    gaps: Vec<f64>,
}

/// Value of a level that is a number.
fn number(level: &str) -> Option<f64> {
    level.parse().ok().filter(|value: &f64| value.is_finite() && value.abs() < 1e15)
}

/// Number of different numbers among levels.
pub(super) fn numbers(levels: &[String]) -> usize {
    let mut found: Vec<f64> = levels.iter().filter_map(|level| number(level)).collect();
    found.sort_by(f64::total_cmp);
    found.dedup();
    found.len()
}

impl LevelPlaces {
    /// Places of levels on an axis with a label: a true numeric axis if at least two are numbers.
    /// Words are to the right of it, after a gap; so is zero to the left of a logarithmic axis.
    pub(super) fn of(label: &str, levels: &[String]) -> Self {
        if numbers(levels) < 2 {
            return Self {
                axis: ValueAxis::levels(label, levels),
                at: (0..levels.len()).map(|i| i as f64).collect(),
                line: Vec::new(),
                gaps: Vec::new(),
            };
        }
        let values: Vec<Option<f64>> = levels.iter().map(|level| number(level)).collect();
        let scale = scale(&values);
        let along = |value: f64| if scale == Scale::Log { value.ln() } else { value };
        let back = |place: f64| if scale == Scale::Log { place.exp() } else { place };
        let is_on = |value: f64| scale == Scale::Linear || value > 0.0;
        let on = values.iter().flatten().copied().filter(|&value| is_on(value));
        let (least, most) = on.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), value| {
            (lo.min(value), hi.max(value))
        });
        let span = along(most) - along(least);
        let left = back(along(least) - GAP * span);
        let mut words = 0.0;
        let at: Vec<f64> = values
            .iter()
            .map(|value| match value {
                Some(value) if is_on(*value) => *value,
                Some(_) => left,
                None => {
                    words += 1.0;
                    back(along(most) + words * GAP * span)
                }
            })
            .collect();
        let has_zero = at.contains(&left);
        let ends = [
            along(if has_zero { left } else { least }) - 0.07 * span,
            along(most) + (words * GAP + 0.07) * span,
        ]
        .map(back);
        let middle = |end: f64, by: f64| back(along(end) + by * GAP * span);
        let gaps = [(has_zero, least, -0.5), (words > 0.0, most, 0.5)];
        let mut line: Vec<usize> =
            (0..levels.len()).filter(|&i| values[i].is_some_and(is_on)).collect();
        line.sort_by(|&a, &b| at[a].total_cmp(&at[b]));
        let suffix = if scale == Scale::Log { " (log scale)" } else { "" };
        let axis = ValueAxis {
            label: format!("{label}{suffix}"),
            lo: ends[0],
            hi: ends[1],
            scale,
            ticks: ticks(levels, &at, &line, (least, most), scale),
        };
        let gaps = gaps.into_iter().filter(|gap| gap.0).map(|(_, end, by)| middle(end, by));
        Self { axis, line, gaps: gaps.collect(), at }
    }

    /// True if numbers are where their values are.
    pub(super) fn is_numeric(&self) -> bool {
        !self.line.is_empty()
    }

    /// True if some levels are beside a numeric axis.
    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Place of a level, moved by a share of the length of the axis.
    pub(super) fn moved(&self, level: usize, share: f64) -> f64 {
        self.axis.moved(self.at[level], share)
    }

    /// Offset of the marks of one of several lines, so that none hides another: a share of the length
    /// of the axis.
    pub(super) fn dodge(&self, line: usize, lines: usize) -> f64 {
        let mut at: Vec<f64> = self.at.iter().map(|&at| self.axis.along(at, 0.0, 1.0)).collect();
        at.sort_by(f64::total_cmp);
        let gaps = at.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 0.0);
        let room = 0.4 * gaps.fold(0.18, f64::min);
        (line as f64 - (lines - 1) as f64 / 2.0) * room / lines as f64
    }

    /// Lines between the numbers and the levels beside them.
    pub(super) fn separators(&self, y: &ValueAxis) -> impl Iterator<Item = Mark> {
        self.gaps.iter().map(|&at| Mark::Line {
            points: vec![(at, y.lo), (at, y.hi)],
            color: CONTEXT,
            width: 1.0,
            alpha: 1.0,
            dashed: true,
        })
    }
}

/// Scale of the numbers among values: logarithmic where positive ones span a decade and none is
/// negative.
fn scale(values: &[Option<f64>]) -> Scale {
    let numbers = || values.iter().flatten().copied();
    let positive = || numbers().filter(|&value| value > 0.0);
    let (least, most) = (positive().fold(f64::INFINITY, f64::min), positive().fold(0.0, f64::max));
    let spans = most >= DECADE * least && numbers().all(|value| value >= 0.0);
    if spans { Scale::Log } else { Scale::Linear }
}

/// Ticks at the levels; of many numbers at round ones.
fn ticks(
    levels: &[String],
    at: &[f64],
    line: &[usize],
    (least, most): (f64, f64),
    scale: Scale,
) -> Vec<Tick> {
    let tick = |i: usize| Tick { at: at[i], text: levels[i].clone() };
    let mut ticks: Vec<Tick> = match (line.len() > TICKS, scale) {
        (false, _) => line.iter().map(|&i| tick(i)).collect(),
        (true, Scale::Log) => log_ticks(least, most, 6),
        (true, _) => number_ticks(least, most, 6),
    };
    ticks.extend((0..levels.len()).filter(|i| !line.contains(i)).map(tick));
    ticks.sort_by(|a, b| a.at.total_cmp(&b.at));
    ticks.dedup_by(|a, b| a.at == b.at);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(levels: &[&str]) -> LevelPlaces {
        LevelPlaces::of("axis", &levels.iter().map(|level| (*level).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn numbers_are_where_their_values_are_and_words_beside_them() {
        let masks = places(&["1", "2", "32", "fresh", "4"]);
        assert_eq!((masks.axis.scale, &masks.axis.label[..]), (Scale::Log, "axis (log scale)"));
        assert_eq!(masks.at[..3], [1.0, 2.0, 32.0]);
        assert_eq!(masks.line, [0, 1, 4, 2]);
        let along = |at| masks.axis.along(at, 0.0, 1.0);
        let equal = along(2.0) - along(1.0) - (along(4.0) - along(2.0));
        assert!(equal.abs() < 1e-9, "equal ratios are equal distances");
        assert!(masks.at[3] > 32.0 && masks.has_gaps());
        let texts: Vec<&str> = masks.axis.ticks.iter().map(|tick| &tick.text[..]).collect();
        assert_eq!(texts, ["1", "2", "4", "32", "fresh"]);
        let near = places(&["100", "200", "250"]);
        assert_eq!((near.axis.scale, near.has_gaps()), (Scale::Linear, false));
    }

    #[test]
    fn zero_is_left_of_a_logarithmic_axis() {
        let decay = places(&["0", "1e-4", "1e-2"]);
        assert!(decay.axis.scale == Scale::Log && decay.axis.holds(decay.at[0]));
        assert!(0.0 < decay.at[0] && decay.at[0] < 1e-4 && decay.has_gaps());
        assert_eq!(decay.line, [1, 2]);
    }

    #[test]
    fn words_have_no_line() {
        for levels in [&["relu", "tanh"][..], &["on", "1"], &["NaN", "inf", "7"], &["5", "5.0"]] {
            let words = places(levels);
            assert!(!words.is_numeric() && words.line.is_empty(), "{levels:?}");
            assert_eq!(words.axis.scale, Scale::Levels);
        }
    }

    #[test]
    fn forty_levels_have_few_ticks_without_repetition() {
        let levels: Vec<String> = (0..40).map(|i| i.to_string()).collect();
        let places = LevelPlaces::of("batch", &levels);
        assert!(places.axis.ticks.len() < 14, "{:?}", places.axis.ticks);
        assert!(places.axis.ticks.windows(2).all(|pair| pair[0].at < pair[1].at));
    }
}
