//! Kind of the values of a data set: pixels, or real numbers.

use serde::{Deserialize, Serialize};

use super::draw::Builtin;

/// Kind of the values of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueKind {
    /// Levels of pixels: images, or vectors of bits.
    #[default]
    Pixels,
    /// Real numbers: a table, each column of which is standardised by its training rows.
    Real,
}

impl ValueKind {
    /// Kind of a data set that is given by its name alone: that of a built-in set, otherwise pixels.
    pub fn of_named(name: &str) -> Self {
        let is_real = Builtin::named(name).is_some_and(Builtin::is_real);
        if is_real { Self::Real } else { Self::Pixels }
    }

    /// True for real numbers.
    pub fn is_real(self) -> bool {
        self == Self::Real
    }

    /// True if it is the default, which configurations leave out.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Word for one value of an example.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Pixels => "pixel",
            Self::Real => "variable",
        }
    }
}

impl std::str::FromStr for ValueKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "pixels" => Ok(Self::Pixels),
            "real" => Ok(Self::Real),
            _ => Err("expected pixels or real".to_owned()),
        }
    }
}
