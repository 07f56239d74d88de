//! Option `--part`: one of the three sets of a data set.

use clap::ValueEnum;

use crate::data::Part;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PartName {
    Train,
    Valid,
    Test,
}

impl PartName {
    pub(crate) fn part(self) -> Part {
        match self {
            Self::Train => Part::Train,
            Self::Valid => Part::Valid,
            Self::Test => Part::Test,
        }
    }
}
