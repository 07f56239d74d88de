//! `[plots]`: size and form of the figures that `ablade plots` writes. It decides no number and is
//! part of no run's identity.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::brief;

/// Options of drawing, from the experiment file or the command line; what is absent is decided by
/// the one below it, and finally by the program.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlotOptions {
    /// Width of a figure; absent: as wide as its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Width>,
    /// True for neither title nor subtitle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bare: Option<bool>,
    /// Names of the figures to write; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
    /// Formats to write; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Vec<PictureFormat>>,
    /// Resolution of PNG [pixels per inch].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpi: Option<u32>,
    /// Form of text in SVG and PDF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextForm>,
}

impl PlotOptions {
    /// These options, and `others` where they are absent.
    pub fn or(&self, others: &Self) -> Self {
        let Self { width, bare, only, format, dpi, text } = self.clone();
        Self {
            width: width.or(others.width),
            bare: bare.or(others.bare),
            only: only.or_else(|| others.only.clone()),
            format: format.or_else(|| others.format.clone()),
            dpi: dpi.or(others.dpi),
            text: text.or(others.text),
        }
    }

    /// True if no option is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Resolutions of PNG that are accepted [pixels per inch].
pub const DPI: std::ops::RangeInclusive<u64> = 50..=2400;

/// Width of a figure on paper [mm].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Width(f64);

impl Width {
    /// Smallest and largest width [mm].
    const RANGE: std::ops::RangeInclusive<f64> = 40.0..=400.0;

    /// The width in millimetres.
    pub fn mm(self) -> f64 {
        self.0
    }

    /// Description of expected widths, for messages and the reference.
    pub const EXPECTED: &str =
        "a width such as \"85mm\", \"8.5cm\", \"3.35in\" or \"241pt\", from 40 to 400 mm";
}

impl FromStr for Width {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let digits =
            trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let unit = match trimmed[digits..].trim() {
            "mm" => Some(1.0),
            "cm" => Some(10.0),
            "in" => Some(25.4),
            "pt" => Some(25.4 / 72.0),
            _ => None,
        };
        let amount = trimmed[..digits].parse::<f64>().ok();
        let mm = amount.zip(unit).map(|(amount, unit)| amount * unit);
        // Widths in other units are compared without the last digits of their conversion.
        let mm = mm.map(|mm| (mm * 1e6).round() / 1e6).filter(|mm| Self::RANGE.contains(mm));
        mm.map(Self)
            .ok_or_else(|| format!("expected {}, not {}", Self::EXPECTED, brief(text)))
    }
}

impl TryFrom<String> for Width {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Width> for String {
    fn from(width: Width) -> Self {
        width.to_string()
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}mm", self.0)
    }
}

/// Format of a file with a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureFormat {
    /// Vector graphics for pages.
    Svg,
    /// Pixels.
    Png,
    /// Vector graphics for papers.
    Pdf,
}

impl PictureFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Svg, Self::Png, Self::Pdf];

    /// Its word, which is the ending of its files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Pdf => "pdf",
        }
    }
}

/// Form of text in SVG and PDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextForm {
    /// Text, with the letters of the font that it needs.
    #[default]
    Text,
    /// Outlines of letters.
    Outlines,
}

impl TextForm {
    /// Words of both forms with their meanings.
    pub const WORDS: [(&str, &str); 2] = [
        ("text", "text that can be searched and edited, with the font"),
        ("outlines", "outlines of letters"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_read_in_units_of_paper_and_written_in_millimetres() {
        for (text, written) in [
            ("85mm", "85mm"),
            (" 8.5 cm ", "85mm"),
            ("3.5in", "88.9mm"),
            ("241pt", "85.019444mm"),
            ("40mm", "40mm"),
            ("400mm", "400mm"),
        ] {
            let width: Width = text.parse().unwrap();
            assert_eq!(width.to_string(), written, "{text}");
            assert_eq!(written.parse(), Ok(width), "{text}");
        }
        for wrong in [
            "", "85", "mm", "39.9mm", "401mm", "-85mm", "1e2mm", "85px", "8.5.1cm", "NaNmm",
            "85mm2",
        ] {
            let error = wrong.parse::<Width>().unwrap_err();
            assert!(error.contains("from 40 to 400 mm"), "{wrong}: {error}");
        }
    }

    #[test]
    fn options_of_the_command_line_win_one_by_one() {
        let read = |text: &str| serde_json::from_str::<PlotOptions>(text).unwrap();
        let file = read(
            r#"{"width":"85mm","bare":true,"only":["loss"],"format":["pdf"],"dpi":600,"text":"outlines"}"#,
        );
        assert_eq!(PlotOptions::default().or(&file), file);
        assert_eq!(file.or(&PlotOptions::default()), file);
        let line = read(r#"{"bare":false,"dpi":300}"#);
        let both = line.or(&file);
        assert_eq!((both.bare, both.dpi), (Some(false), Some(300)));
        assert_eq!((both.width, both.text), (file.width, file.text));
        assert!(PlotOptions::default().is_empty() && !line.is_empty());
        assert_eq!(serde_json::to_string(&PlotOptions::default()).unwrap(), "{}");
    }
}
