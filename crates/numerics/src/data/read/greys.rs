//! Grey levels from values that arrive one by one: whole numbers in 0..=255, or fractions in 0..=1
//! throughout.

/// End of a sentence on values that are no levels.
pub(super) const REAL: &str = "; a table of real numbers has data.values = \"real\"";

/// The levels so far.
#[derive(Debug, Default)]
pub(super) struct Greys {
    pub(super) pixels: Vec<u8>,
    /// True if 1 is white.
    pub(super) fractions: bool,
    /// The highest level.
    most: u8,
}

impl Greys {
    /// Appends a value; `Err` if it fits neither scale, or not the one of the values before it.
    pub(super) fn push(&mut self, value: f64) -> Result<(), ()> {
        // The first fraction says that 1 is white; all before it must then have been 0 or 1.
        if !self.fractions && value > 0.0 && value < 1.0 && self.most <= 1 {
            self.fractions = true;
            self.pixels.iter_mut().for_each(|level| *level *= 255);
        }
        let level = self.level(value)?;
        self.pixels.push(level);
        Ok(())
    }

    /// Replaces a level by that of a whole number.
    pub(super) fn set(&mut self, at: usize, value: f64) -> Result<(), ()> {
        self.pixels[at] = self.level(value)?;
        Ok(())
    }

    fn level(&mut self, value: f64) -> Result<u8, ()> {
        let scaled = if self.fractions { value * 255.0 } else { value };
        if !(0.0..=255.0).contains(&scaled) || !self.fractions && value.fract() != 0.0 {
            return Err(());
        }
        let level = (scaled + 0.5) as u8;
        self.most = self.most.max(level);
        Ok(level)
    }

    /// True if the levels are unlikely to be a picture's: whole, some above 1, and none nearer to
    /// white than to black, nor all below `asked` levels, as an export of them.
    pub(super) fn are_too_dark(&self, asked: usize) -> bool {
        !self.fractions
            && (2..128).contains(&self.most)
            && (asked == 256 || usize::from(self.most) >= asked)
    }

    /// True if there is a level between black and white.
    pub(super) fn are_grey(&self) -> bool {
        self.fractions || self.most > 1
    }
}
