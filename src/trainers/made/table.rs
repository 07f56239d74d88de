//! Tables of real numbers: the units of a run's data, and the files that a run leaves in them.

use std::fmt::Write as _;

use crate::data::{
    Binarization, Dataset, Images, LevelCount, Origin, Shape, Standardisation, unnamed,
};
use crate::made::evaluate::{by_class, integral_transforms, nll_single_mask};
use crate::made::masks::MaskSet;
use crate::made::model::Made;
use crate::npy;
use crate::parallel::ThreadPool;

/// File with the units of a run's data.
pub const UNITS: &str = "standardisation.csv";

/// Number of points of the grid of a density in each direction.
const GRID: usize = 128;

/// Share of the range of the training values by which the grid of a density is wider on each side.
const MARGIN: f64 = 0.05;

/// Number of bins of integral transforms, of equal width.
pub const TRANSFORM_BINS: usize = 10;

/// Names and units of the columns of a table, as a run saves them: all that leads from standardised
/// values to those of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableUnits {
    /// Name of each column [D], if the table has a header.
    pub names: Option<Vec<String>>,
    /// Its mean and standard deviation over the training rows.
    pub by: Standardisation,
}

impl TableUnits {
    /// Units of a data set; `None` of images.
    pub fn of(data: &Dataset) -> Option<Self> {
        let by = data.standardisation.clone()?;
        Some(Self { names: data.origin.columns.clone(), by })
    }

    /// Name of each column [D]: `x0`, `x1`, ... where the table has none.
    pub fn columns(&self) -> Vec<String> {
        let numbered = || (0..self.dim()).map(unnamed).collect();
        self.names.clone().unwrap_or_else(numbered)
    }

    /// A data set without rows in these units, by which foreign tables are read.
    pub fn without_rows(&self) -> Dataset {
        let none = || Images::real(Vec::new(), self.dim());
        Dataset {
            name: String::new(),
            shape: Shape { width: self.dim(), height: 1 },
            train: none(),
            valid: none(),
            test: none(),
            levels: LevelCount::default().get(),
            binarization: Binarization::Real,
            standardisation: Some(self.by.clone()),
            left_out: Vec::new(),
            origin: Origin { columns: self.names.clone(), ..Origin::default() },
        }
    }

    /// The file [`UNITS`]: one row for each column, without a name where the table has none.
    pub fn csv(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let rows = self.by.means.iter().zip(&self.by.deviations).enumerate();
        let rows = rows.map(|(column, (mean, deviation))| {
            let name = self.names.as_ref().map_or_else(String::new, |names| names[column].clone());
            [name, format!("{mean:e}"), format!("{deviation:e}")]
        });
        let head = ["column", "mean", "standard_deviation"].map(str::to_owned);
        std::iter::once(head)
            .chain(rows)
            .try_for_each(|row| writer.write_record(row))
            .and_then(|()| writer.flush().map_err(Into::into))
            .expect("writing into memory does not fail");
        writer.into_inner().expect("it was flushed")
    }

    /// Reads that file back; `None` if it is damaged.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut by = Standardisation { means: Vec::new(), deviations: Vec::new() };
        let mut names = Vec::new();
        for row in csv::Reader::from_reader(bytes).records() {
            let row = row.ok()?;
            names.push(row.get(0)?.to_owned());
            by.means.push(row.get(1)?.parse().ok().filter(|mean: &f64| mean.is_finite())?);
            let is_sound = |deviation: &f64| *deviation > 0.0 && deviation.is_finite();
            by.deviations.push(row.get(2)?.parse().ok().filter(is_sound)?);
        }
        let names = Some(names).filter(|names| names.iter().any(|name| !name.is_empty()));
        (by.dim() > 0).then_some(Self { names, by })
    }

    /// Number of columns, D.
    pub fn dim(&self) -> usize {
        self.by.dim()
    }

    /// Standardised rows as an array in the units of the table, in double precision: those of a column may be far from 0.
    pub fn npy(&self, counts: &[usize], standardised: &[f32]) -> Vec<u8> {
        let own = self.by.to_own_units(standardised);
        npy::encode(&[counts, &[self.dim()]].concat(), &own)
    }

    /// Standardised rows as a table in their own units, below `heads` and the names of its columns;
    /// `lead` gives the first cells of each row.
    pub fn table(
        &self,
        heads: &[&str],
        standardised: &[f32],
        lead: impl Fn(usize) -> Vec<usize>,
    ) -> String {
        let quoted = |name: &str| match name.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", name.replace('"', "\"\"")),
            false => name.to_owned(),
        };
        let names = self.columns();
        let names = names.iter().map(String::as_str);
        let head: Vec<String> = heads.iter().copied().chain(names).map(quoted).collect();
        let mut text = head.join(",") + "\n";
        for (i, row) in self.by.to_own_units(standardised).chunks_exact(self.dim()).enumerate() {
            let cells = row.iter().enumerate().map(|(column, &own)| self.by.text(column, own));
            let cells: Vec<String> = lead(i).iter().map(usize::to_string).chain(cells).collect();
            let _ = writeln!(text, "{}", cells.join(","));
        }
        text
    }
}

/// Files of a run on a table besides its samples and completions; `prior` has the probability of each
/// class for a model that is told it.
pub(super) fn files(
    data: &Dataset,
    units: &TableUnits,
    team: &ThreadPool,
    made: &Made,
    mask: &MaskSet,
    prior: &[f64],
) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![(UNITS.to_owned(), units.csv())];
    let transforms = integral_transforms(made, team, mask, &data.test);
    let mut counts = [0.0f32; TRANSFORM_BINS];
    for transform in &transforms {
        counts[((transform * TRANSFORM_BINS as f32) as usize).min(TRANSFORM_BINS - 1)] += 1.0;
    }
    files.push(("integral_transforms.npy".into(), npy::encode(&[TRANSFORM_BINS], &counts)));
    if let (2, Some(train)) = (units.dim(), data.train.real_values()) {
        files.extend(density(train, units, team, made, mask, prior));
    }
    files
}

/// Files of the log density of two variables on a grid [nats, in the units of the table]:
/// `density.npy` [y x x], and the coordinates `density_axes.npy` [2 x n].
fn density(
    train: &[f32],
    units: &TableUnits,
    team: &ThreadPool,
    made: &Made,
    mask: &MaskSet,
    prior: &[f64],
) -> [(String, Vec<u8>); 2] {
    let axis = |column: usize| -> Vec<f32> {
        let values = train.iter().skip(column).step_by(2).copied().map(f64::from);
        let (lo, hi) =
            values.fold((f64::MAX, f64::MIN), |(lo, hi), value| (value.min(lo), value.max(hi)));
        let (lo, hi) = (lo - MARGIN * (hi - lo), hi + MARGIN * (hi - lo));
        let centre = |i: usize| lo + (i as f64 + 0.5) / GRID as f64 * (hi - lo);
        (0..GRID).map(|i| centre(i) as f32).collect()
    };
    let [x, y] = [axis(0), axis(1)];
    let points: Vec<f32> = y.iter().flat_map(|&y| x.iter().flat_map(move |&x| [x, y])).collect();
    let points = Images::real(points, 2);
    let nll = match made.network().layout.classes {
        0 => nll_single_mask(made, team, mask, &points),
        _ => by_class(made, team, mask, &points, prior).nll_without,
    };
    let scale = units.by.log_scale_sum();
    let density: Vec<f32> = nll.into_iter().map(|nll| (-nll - scale) as f32).collect();
    let pairs: Vec<f32> = x.iter().zip(&y).flat_map(|(&x, &y)| [x, y]).collect();
    let own = units.by.to_own_units(&pairs);
    let coordinates = [0, 1].map(|column| own.iter().skip(column).step_by(2));
    let coordinates: Vec<f64> = coordinates.into_iter().flatten().copied().collect();
    [
        ("density.npy".into(), npy::encode(&[GRID, GRID], &density)),
        ("density_axes.npy".into(), npy::encode(&[2, GRID], &coordinates)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_read_back_to_the_last_bit_and_damaged_ones_do_not() {
        let by = Standardisation { means: vec![1.0 / 3.0, -1e9], deviations: vec![1e-30, 250.5] };
        let units = TableUnits { names: Some(vec!["a, \"b\"".into(), "y".into()]), by };
        assert_eq!(TableUnits::parse(&units.csv()), Some(units.clone()));
        let text = String::from_utf8(units.csv()).unwrap();
        assert!(text.starts_with("column,mean,standard_deviation\n"), "{text}");
        for (old, new) in [("1e-30", "0"), ("1e-30", "NaN"), ("1e-30", "x"), ("-1e9", "inf")] {
            assert_eq!(TableUnits::parse(text.replace(old, new).as_bytes()), None, "{new}");
        }
        assert_eq!(TableUnits::parse(b"column,mean,standard_deviation\n"), None);
        let unnamed = TableUnits { names: None, ..units.clone() };
        assert_eq!(TableUnits::parse(&unnamed.csv()), Some(unnamed.clone()));
        assert_eq!(unnamed.columns(), ["x0", "x1"]);
        let table = units.table(&["row"], &[0.0, 2.0, 1.0, 0.0], |i| vec![i]);
        let first = table.lines().next().unwrap();
        assert_eq!(first, "row,\"a, \"\"b\"\"\",y");
        assert!(table.lines().nth(1).unwrap().starts_with("0,0.33333333"), "{table}");
        assert!(table.lines().nth(1).unwrap().ends_with(",-999999499"), "{table}");
    }
}
