//! Subsets of the font: a figure carries the letters that it needs, so that its text is text and
//! looks the same in every viewer.

use std::collections::{BTreeMap, BTreeSet};

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, GlyphId, MetadataProvider, Tag};
use subsetter::{GlyphRemapper, subset};

/// A weight of the font.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Face {
    Regular,
    Bold,
}

impl Face {
    pub(super) const ALL: [Self; 2] = [Self::Regular, Self::Bold];

    /// File of the whole face.
    pub(super) fn data(self) -> &'static [u8] {
        match self {
            Self::Regular => notosans::REGULAR_TTF,
            Self::Bold => notosans::BOLD_TTF,
        }
    }

    /// Weight in CSS.
    pub(super) fn weight(self) -> u16 {
        match self {
            Self::Regular => 400,
            Self::Bold => 700,
        }
    }

    /// Name in PostScript.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Regular => "NotoSans",
            Self::Bold => "NotoSans-Bold",
        }
    }

    fn font(self) -> FontRef<'static> {
        FontRef::new(self.data()).expect("the font is one")
    }

    /// Units of the design in an em.
    pub(super) fn units(self) -> f32 {
        f32::from(self.font().metrics(Size::unscaled(), LocationRef::default()).units_per_em)
    }

    /// Measures of the face in thousandths of an em.
    pub(super) fn measures(self) -> Measures {
        let metrics = self.font().metrics(Size::unscaled(), LocationRef::default());
        let scale = 1000.0 / f32::from(metrics.units_per_em);
        let bounds = metrics.bounds.unwrap_or_default();
        Measures {
            ascent: scale * metrics.ascent,
            descent: scale * metrics.descent,
            capitals: scale * metrics.cap_height.unwrap_or(metrics.ascent),
            bounds: [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max].map(|v| scale * v),
        }
    }

    /// Advance of a glyph in thousandths of an em.
    pub(super) fn advance(self, glyph: u16) -> f32 {
        let font = self.font();
        let metrics = font.glyph_metrics(Size::unscaled(), LocationRef::default());
        let advance = metrics.advance_width(GlyphId::from(glyph)).unwrap_or_default();
        1000.0 * advance / self.units()
    }

    /// Font with these glyphs alone, for PDF, which addresses glyphs by number.
    pub(super) fn glyphs(self, glyphs: &GlyphRemapper) -> Vec<u8> {
        subset(self.data(), 0, glyphs).expect("the font has outlines of glyphs")
    }

    /// Font with the glyphs of these letters alone, for pages: it can be looked up by letter.
    pub(super) fn letters(self, letters: &BTreeSet<char>) -> Vec<u8> {
        let charmap = self.font().charmap();
        let mut glyphs = GlyphRemapper::new();
        // The letters outside the basic plane, if any, are drawn in a font of the reader.
        let map: Vec<(u16, u16)> = letters
            .iter()
            .filter_map(|&letter| Some((letter, u16::try_from(u32::from(letter)).ok()?)))
            .filter_map(|(letter, code)| Some((code, charmap.map(letter)?.to_u32() as u16)))
            .map(|(code, glyph)| (code, glyphs.remap(glyph)))
            .collect();
        let small = self.glyphs(&glyphs);
        let small = FontRef::new(&small).expect("a subset is a font");
        let records = small.table_directory().table_records().iter();
        let table = |font: &FontRef, tag: Tag| {
            font.table_data(tag).map(|data| (tag, data.as_bytes().to_vec()))
        };
        let mut tables: BTreeMap<Tag, Vec<u8>> =
            records.filter_map(|record| table(&small, record.tag())).collect();
        tables.extend(table(&self.font(), Tag::new(b"OS/2")));
        tables.insert(Tag::new(b"cmap"), cmap(&map));
        assemble(&tables)
    }
}

/// Measures of a face in thousandths of an em.
pub(super) struct Measures {
    pub(super) ascent: f32,
    pub(super) descent: f32,
    pub(super) capitals: f32,
    /// Left, bottom, right, top.
    pub(super) bounds: [f32; 4],
}

/// Table `cmap` of format 4, one segment per letter; `map` has letters, ascending, with their
/// glyphs.
fn cmap(map: &[(u16, u16)]) -> Vec<u8> {
    let last = (u16::MAX, 0);
    let segments: Vec<(u16, u16)> =
        map.iter().copied().filter(|(code, _)| *code < u16::MAX).chain([last]).collect();
    let count = segments.len() as u16;
    let power = count.ilog2() as u16;
    let mut words: Vec<u16> = vec![0, 1, 3, 1, 0, 12]; // version, tables; platform, encoding, offset
    words.extend([4, 16 + 8 * count, 0, 2 * count]);
    words.extend([2 << power, power, 2 * (count - (1 << power))]);
    words.extend(segments.iter().map(|(code, _)| code));
    words.push(0);
    words.extend(segments.iter().map(|(code, _)| code));
    words.extend(segments.iter().map(|(code, glyph)| glyph.wrapping_sub(*code)));
    words.extend(segments.iter().map(|_| 0));
    words.into_iter().flat_map(u16::to_be_bytes).collect()
}

/// A font file of tables.
fn assemble(tables: &BTreeMap<Tag, Vec<u8>>) -> Vec<u8> {
    /// Sum of a whole font file, as its table `head` makes it.
    const WHOLE: u32 = 0xB1B0_AFBA;
    let sum = |data: &[u8]| {
        let word = |bytes: &[u8]| {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            u32::from_be_bytes(word)
        };
        data.chunks(4).map(word).fold(0, u32::wrapping_add)
    };
    let count = tables.len() as u16;
    let power = count.ilog2() as u16;
    let mut out = vec![0, 1, 0, 0];
    for word in [count, 16 << power, power, 16 * (count - (1 << power))] {
        out.extend(word.to_be_bytes());
    }
    let mut at = out.len() + 16 * tables.len();
    let (mut body, mut adjusted) = (Vec::new(), None);
    for (tag, data) in tables {
        let mut data = data.clone();
        if *tag == Tag::new(b"head") {
            data[8..12].fill(0);
            adjusted = Some(at + 8);
        }
        out.extend(tag.to_be_bytes());
        for word in [sum(&data), at as u32, data.len() as u32] {
            out.extend(word.to_be_bytes());
        }
        data.resize(data.len().next_multiple_of(4), 0);
        at += data.len();
        body.extend(data);
    }
    out.extend(body);
    if let Some(at) = adjusted {
        let rest = WHOLE.wrapping_sub(sum(&out));
        out[at..at + 4].copy_from_slice(&rest.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A subset gives its letters the widths of the whole font, and knows no others.
    #[test]
    fn letters_of_a_subset_are_those_of_the_font() {
        let letters: BTreeSet<char> = "NLL \u{2212}0.5 \u{b1} \u{1eaf}\u{3bb}".chars().collect();
        for face in Face::ALL {
            let bytes = face.letters(&letters);
            assert!(bytes.len() < 20_000, "{} bytes", bytes.len());
            let [whole, small] = [face.data(), &bytes].map(|data| FontRef::new(data).unwrap());
            let advance = |font: &FontRef, letter: char| {
                let glyph = font.charmap().map(letter)?;
                font.glyph_metrics(Size::unscaled(), LocationRef::default())
                    .advance_width(glyph)
            };
            for &letter in &letters {
                let wanted = advance(&whole, letter);
                assert!(wanted.is_some() && advance(&small, letter) == wanted, "{letter}");
            }
            assert_eq!(advance(&small, 'q'), None);
            assert_eq!(bytes, face.letters(&letters), "the same bytes");
        }
    }
}
