//! Number of levels of a pixel, and the quantisation of grey levels to it.

use serde::{Deserialize, Serialize};

/// Number of levels of a pixel: 2 (on or off), or 4, 16 or 256 greys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u64", try_from = "u64")]
pub struct LevelCount(u64);

impl LevelCount {
    /// All that there are, ascending.
    pub const ALL: [u64; 4] = [2, 4, 16, 256];

    /// The number.
    pub fn get(self) -> usize {
        self.0 as usize
    }

    /// True if a pixel has more levels than on and off.
    pub fn is_grey(self) -> bool {
        self.0 > 2
    }

    /// True if it is the default, which configurations leave out.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Level of a grey value: equal ranges of 0..=255, of which 256 levels are the values
    /// themselves.
    pub(super) fn of_grey(self, grey: u8) -> u8 {
        (u64::from(grey) * self.0 / 256) as u8
    }
}

impl Default for LevelCount {
    fn default() -> Self {
        Self(2)
    }
}

impl TryFrom<u64> for LevelCount {
    type Error = String;

    fn try_from(count: u64) -> Result<Self, String> {
        let is_known = Self::ALL.contains(&count);
        is_known
            .then_some(Self(count))
            .ok_or_else(|| format!("{count} levels, expected 2, 4, 16 or 256"))
    }
}

impl From<LevelCount> for u64 {
    fn from(count: LevelCount) -> Self {
        count.0
    }
}

impl std::fmt::Display for LevelCount {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for LevelCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<u64>()
            .map_err(|_| "expected 2, 4, 16 or 256".to_owned())?
            .try_into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quantisation_is_monotone_and_uses_every_level(i in 0usize..4) {
            let levels = LevelCount::try_from(LevelCount::ALL[i]).unwrap();
            let all: Vec<u8> = (0..=255).map(|grey| levels.of_grey(grey)).collect();
            prop_assert!(all.is_sorted());
            let mut distinct = all.clone();
            distinct.dedup();
            let expected: Vec<u8> = (0..levels.get()).map(|level| level as u8).collect();
            prop_assert_eq!(distinct, expected);
            // Greys in proportion to the levels have these levels again.
            for level in 0..levels.get() {
                let grey = (255 * level / (levels.get() - 1)) as u8;
                prop_assert_eq!(usize::from(levels.of_grey(grey)), level);
            }
        }
    }

    #[test]
    fn two_levels_are_those_above_half_and_256_the_greys() {
        let [two, all] = [2, 256].map(|count| LevelCount::try_from(count).unwrap());
        for grey in 0..=255 {
            assert_eq!((two.of_grey(grey), all.of_grey(grey)), (u8::from(grey > 127), grey));
        }
        assert_eq!(LevelCount::try_from(3).unwrap_err(), "3 levels, expected 2, 4, 16 or 256");
        assert_eq!(serde_json::to_string(&all).unwrap(), "256");
        assert!(serde_json::from_str::<LevelCount>("\"2\"").is_err());
        assert_eq!("16".parse::<LevelCount>().map(LevelCount::get), Ok(16));
    }
}
