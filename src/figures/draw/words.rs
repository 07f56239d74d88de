//! Fitting of texts: breaks sentences into lines, shortens names, separates labels.

use super::render::text_width;

/// Space around the words of an axis label that say where values improve.
const WIDE_SPACE: char = '\u{2003}';

/// `text` in lines of at most `width` CSS pixels; a single longer word is shortened. Spaces within a
/// line keep their width.
pub(super) fn wrap(text: &str, size: f64, bold: bool, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0.0;
    let parts = text.split(WIDE_SPACE).map(str::split_whitespace).enumerate();
    let words = parts.flat_map(|(part, words)| {
        let space = move |at: usize| if part > 0 && at == 0 { WIDE_SPACE } else { ' ' };
        words.enumerate().map(move |(at, word)| (space(at), word))
    });
    let [narrow, wide] = [' ', WIDE_SPACE]
        .map(|space| text_width(&format!("x{space}x"), size, bold) - text_width("xx", size, bold));
    for (space, word) in words {
        let word = fit(word, size, bold, width);
        let length = text_width(&word, size, bold);
        let gap = if space == WIDE_SPACE { wide } else { narrow };
        match lines.last_mut() {
            Some(line) if used + gap + length <= width => {
                line.push(space);
                line.push_str(&word);
                used += gap + length;
            }
            _ => {
                lines.push(word);
                used = length;
            }
        }
    }
    lines
}

/// An axis label in lines. If it takes several, the words that say where values improve are on a
/// first line of their own, at its ends as they are on the axis.
pub(super) fn wrap_label(label: &str, size: f64, width: f64) -> Vec<String> {
    if text_width(label, size, false) <= width {
        return vec![label.to_owned()];
    }
    let is_direction = |part: &&str| part.starts_with('\u{2190}') || part.ends_with('\u{2192}');
    let (directions, words): (Vec<&str>, Vec<&str>) =
        label.split(WIDE_SPACE).partition(is_direction);
    let mut lines = Vec::new();
    if !directions.is_empty() {
        let apart = WIDE_SPACE.to_string().repeat(3);
        lines.push(fit(&directions.join(&apart), size, false, width));
    }
    lines.extend(wrap(&words.join(" "), size, false, width));
    lines
}

/// Width of the longest word of a text.
pub(super) fn longest_word(text: &str, size: f64, bold: bool) -> f64 {
    text.split_whitespace()
        .map(|word| text_width(word, size, bold))
        .fold(0.0, f64::max)
}

/// Text that fits into `width` CSS pixels, shortened with an ellipsis if necessary.
pub(super) fn fit(text: &str, size: f64, bold: bool, width: f64) -> String {
    // No letter is narrower than a sixth of an em on average, so that very long names are never
    // measured completely.
    let most = (6.0 * width / size) as usize + 2;
    let letters: Vec<char> = text.chars().take(most + 1).collect();
    let whole: String = letters.iter().collect();
    if letters.len() <= most && text_width(&whole, size, bold) <= width {
        return whole;
    }
    let short =
        |n: usize| format!("{}\u{2026}", letters[..n].iter().collect::<String>().trim_end());
    let (mut lo, mut hi) = (0, letters.len().saturating_sub(1));
    while lo < hi {
        let middle = (lo + hi).div_ceil(2);
        if text_width(&short(middle), size, bold) <= width {
            lo = middle;
        } else {
            hi = middle - 1;
        }
    }
    short(lo)
}

/// Positions at least `gap` apart within `lo..=hi`, as near to the wanted ones as possible, in
/// their order (pool adjacent violators). Labels that cannot all fit are spaced evenly.
pub(super) fn spread(wanted: &[f64], gap: f64, lo: f64, hi: f64) -> Vec<f64> {
    let count = wanted.len();
    let room = hi - lo;
    let gap = if count > 1 { gap.min(room / (count - 1) as f64) } else { gap };
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));

    // After moving the k-th label up by k gaps, the minimum distance becomes monotonicity: isotonic
    // regression, where each block is a mean.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for (k, &i) in order.iter().enumerate() {
        blocks.push((wanted[i] - k as f64 * gap, 1));
        while let [.., (sum, n), (next, m)] = blocks[..] {
            if sum / n as f64 <= next / m as f64 {
                break;
            }
            blocks.truncate(blocks.len() - 2);
            blocks.push((sum + next, n + m));
        }
    }
    let top = lo;
    let bottom = (hi - gap * count.saturating_sub(1) as f64).max(lo);
    let mut placed = vec![0.0; count];
    let mut k = 0;
    for (sum, n) in blocks {
        let mean = (sum / n as f64).clamp(top, bottom);
        for _ in 0..n {
            placed[order[k]] = mean + k as f64 * gap;
            k += 1;
        }
    }
    placed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn labels_keep_apart_and_in_order(wanted in prop::collection::vec(-50.0..450.0f64, 1..20)) {
            let placed = spread(&wanted, 15.0, 0.0, 400.0);
            let mut pairs: Vec<(f64, f64)> = wanted.iter().copied().zip(placed).collect();
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            prop_assert!(pairs.iter().all(|p| (-1e-6..=400.000_001).contains(&p.1)));
            prop_assert!(pairs.windows(2).all(|p| p[1].1 - p[0].1 >= 15.0 - 1e-6));
        }

        #[test]
        fn labels_that_are_apart_stay(start in 0.0..100.0f64, steps in prop::collection::vec(15.0..25.0f64, 0..10)) {
            let wanted: Vec<f64> = std::iter::once(start)
                .chain(steps.iter().scan(start, |at, step| { *at += step; Some(*at) }))
                .collect();
            for (a, b) in wanted.iter().zip(spread(&wanted, 15.0, 0.0, 400.0)) {
                prop_assert!((a - b).abs() < 1e-9);
            }
        }

        #[test]
        fn a_name_fits_whatever_it_holds(name in "\\PC{0,400}", width in 20.0..200.0f64) {
            prop_assert!(text_width(&fit(&name, 11.0, true, width), 11.0, true) <= width);
        }
    }

    #[test]
    fn sentences_break_between_words() {
        let lines = wrap(
            "Solid: test, dashed: train; mean of 3 seeds, band = 95 % interval.",
            11.0,
            false,
            180.0,
        );
        assert!(
            lines.len() > 1 && lines.iter().all(|l| text_width(l, 11.0, false) <= 180.0),
            "{lines:?}"
        );
        assert_eq!(
            lines.join(" "),
            "Solid: test, dashed: train; mean of 3 seeds, band = 95 % interval."
        );
    }

    #[test]
    fn a_label_in_lines_keeps_its_directions_together() {
        let label = "\u{2190} better\u{2003}Difference in test NLL\u{2003}worse \u{2192}";
        assert_eq!(wrap_label(label, 11.0, 1000.0), [label]);
        assert_eq!(wrap(label, 11.0, false, 1000.0), [label]);
        let lines = wrap_label(label, 11.0, 150.0);
        assert_eq!(lines[1..].join(" "), "Difference in test NLL");
        assert!(
            lines[0].starts_with("\u{2190} better\u{2003}") && lines[0].ends_with("worse \u{2192}"),
            "{lines:?}"
        );
        assert!(lines.iter().all(|line| text_width(line, 11.0, false) <= 150.0), "{lines:?}");
    }
}
