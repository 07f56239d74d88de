//! `ablade data list --json` and `ablade data show --json`.

use super::JsonDocument;

facts! {
    /// Data sets that are known by name.
    pub(crate) struct DataListFacts {
        /// Directory of downloaded data sets.
        data_dir: String,
        /// The data sets.
        sets: Vec<DataSetFacts>,
        /// Remarks and warnings that are also on stderr.
        notes: Vec<String>,
    }
}

impl JsonDocument for DataListFacts {
    const NAME: &'static str = "data-list";
}

words! {
    /// Location of a data set.
    pub(crate) enum DataPlace {
        /// Drawn by this program.
        Builtin = "built in",
        /// On this machine.
        Here = "here",
        /// Missing or incomplete on this machine.
        Missing = "missing",
    }
}

facts! {
    /// A data set that is known by name.
    pub(crate) struct DataSetFacts {
        /// Name in an experiment file.
        name: String,
        /// Short description of the images.
        about: String,
        /// Pixels of an image at its usual size, or columns of a table.
        pixels: usize,
        /// Training images.
        train: usize,
        /// Validation images.
        valid: usize,
        /// Test images.
        test: usize,
        /// Licence.
        licence: String,
        /// `built in`: drawn by this program; `here`: on this machine; `missing`: to be downloaded by
        /// `ablade data fetch`.
        place: DataPlace,
        /// Path of a set that is here; otherwise null.
        path: Option<String>,
        /// Reason why a set is missing; otherwise null.
        problem: Option<String>,
    }
}

facts! {
    /// A data set and its picture.
    pub(crate) struct DataShowFacts {
        /// Name or path of the set.
        name: String,
        /// Pixels of an image, or columns of a table.
        pixels: usize,
        /// Training images.
        train: usize,
        /// Validation images.
        valid: usize,
        /// Test images.
        test: usize,
        /// The set in a line, as on the terminal.
        line: String,
        /// Sentences on content that is left out.
        left_out: Vec<String>,
        /// Columns of a table of real numbers over its training rows; empty for images.
        variables: Vec<VariableFacts>,
        /// File of the picture.
        picture: String,
        /// Remarks and warnings that are also on stderr.
        notes: Vec<String>,
    }
}

facts! {
    /// A column of a table of real numbers, in its own units.
    pub(crate) struct VariableFacts {
        /// Name of the column.
        name: String,
        /// Mean of the training rows.
        mean: f64,
        /// Standard deviation of the training rows.
        deviation: f64,
        /// Lowest value of the training rows.
        least: f64,
        /// Highest value of the training rows.
        most: f64,
    }
}

impl JsonDocument for DataShowFacts {
    const NAME: &'static str = "data-show";
}
