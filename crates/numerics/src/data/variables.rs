//! Last step of loading a table of real numbers: refusal of columns that have no density,
//! standardisation by the training rows, and observations on the columns.

use super::binarize::Binarization;
use super::divided::Divided;
use super::origin::Origin;
use super::part::Part;
use super::standardisation::Standardisation;
use super::{DataConfig, DataError, Dataset, Images};
use crate::text::thousands;

/// Share and number of training rows with one value of a column, from which it is reported.
const REPEATED: (f64, usize) = (0.01, 5);
/// Number of standard deviations from the mean, above which a value is reported.
const FAR: f32 = 20.0;
/// Maximum number of columns of one kind of note that are named.
const MOST: usize = 3;

/// A column of a table of real numbers over its training rows, in its own units.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Name in the header, or its number from 0: `x2`.
    pub name: String,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Lowest value.
    pub least: f64,
    /// Highest value.
    pub most: f64,
}

/// Columns of a data set of real numbers; none of images.
pub(super) fn of(data: &Dataset) -> Vec<Variable> {
    let (Some(by), Some(values)) = (&data.standardisation, data.train.real_values()) else {
        return vec![];
    };
    let own = by.to_own_units(values);
    let variable = |column: usize| {
        let values = own.iter().skip(column).step_by(by.dim());
        let (least, most) = values.fold((f64::MAX, f64::MIN), |(least, most), &value| {
            (value.min(least), value.max(most))
        });
        let name = match &data.origin.columns {
            Some(names) => names[column].clone(),
            None => unnamed(column),
        };
        let (mean, deviation) = (by.means[column], by.deviations[column]);
        Variable { name, mean, deviation, least, most }
    };
    (0..by.dim()).map(variable).collect()
}

/// Standardises the rows of a division by those that train.
pub(super) fn finish(divided: &Divided, config: &DataConfig) -> Result<Dataset, DataError> {
    let dim = divided.pools[0].shape.dim();
    let rows = |part: Part| {
        let (pool, rows) = &divided.parts[part as usize];
        rows.iter().map(|&i| divided.pools[*pool].real_row(i))
    };
    let refused =
        |problem: String| DataError::Incomplete { path: config.name.clone().into(), problem };
    let names = divided.pools[0].columns.as_deref();
    let n_train = rows(Part::Train).len();
    if n_train < 2 {
        return Err(refused("one training row has no standard deviation".to_owned()));
    }
    let columns: Vec<ColumnValues> = (0..dim)
        .map(|column| {
            ColumnValues::new(name(names, column), rows(Part::Train).map(|row| row[column]))
        })
        .collect();
    let by = Standardisation::of(rows(Part::Train), dim).map_err(|column| {
        let ColumnValues { name, repeated: (value, _), .. } = &columns[column];
        refused(format!(
            "{name} is {value} in all of its {} training rows, so that it has no standard deviation: leave it out",
            thousands(n_train)
        ))
    })?;
    if let Some(ColumnValues { name, distinct, .. }) =
        columns.iter().find(|column| column.is_discrete())
    {
        return Err(refused(format!(
            "{name} has whole numbers alone, {} different ones in {} training rows: a density of such values grows without \
             bound. Leave it out, or add uniform noise of width 1 to it",
            thousands(*distinct),
            thousands(n_train)
        )));
    }
    let mut notes = listed(
        columns.iter().filter_map(ColumnValues::repeats).collect(),
        "have repeated values, too",
    );
    let (mut parts, mut far) = (Vec::new(), vec![None; dim]);
    for part in Part::ALL {
        let own: Vec<f64> = rows(part).flatten().copied().collect();
        let standardised = by.standardised(&own);
        for (i, (value, own)) in standardised.iter().zip(&own).enumerate() {
            let column = i % dim;
            if !value.is_finite() {
                return Err(refused(format!(
                    "{} is {own} in {part} row {}: too many standard deviations of {} from the mean of the training rows for a \
                     32-bit number: leave the row out",
                    name(names, column),
                    i / dim + 1,
                    by.deviations[column]
                )));
            }
            let most = far[column].map_or(FAR, |(_, value, _): (Part, f32, f64)| value);
            if value.abs() > most {
                far[column] = Some((part, value.abs(), *own));
            }
        }
        let images = Images::real(standardised, dim);
        parts.push(match divided.labels(part) {
            Some(labels) => images.with_labels(labels),
            None => images,
        });
    }
    let far = far.iter().enumerate().filter_map(|(column, far)| {
        let (part, value, own) = (*far)?;
        let name = name(names, column);
        Some(format!(
            "{name} is {own} in a {part} row, {value:.0} standard deviations from its mean: such a value dominates the scale \
             of its column; leave the row out if it is an error"
        ))
    });
    notes.extend(listed(far.collect(), "have such values, too"));
    let [train, valid, test] = <[Images; 3]>::try_from(parts).expect("three sets");
    Ok(Dataset {
        name: config.name.clone(),
        shape: divided.pools[0].shape,
        train,
        valid,
        test,
        levels: config.levels.get(),
        binarization: Binarization::Real,
        standardisation: Some(by),
        left_out: divided.left_out.clone(),
        origin: Origin {
            columns: names.map(<[String]>::to_vec),
            shared: divided.shared(),
            notes,
            ..Origin::default()
        },
    })
}

/// Name of a column for a sentence.
fn name(names: Option<&[String]>, column: usize) -> String {
    match names {
        Some(names) => format!("column `{}`", names[column]),
        None => format!("column {}", unnamed(column)),
    }
}

/// Name of a column of a table without a header.
pub fn unnamed(column: usize) -> String {
    format!("x{column}")
}

/// The first notes of one kind, and the number of the other columns that have one.
fn listed(mut notes: Vec<String>, rest: &str) -> Vec<String> {
    let further = notes.len().saturating_sub(MOST);
    notes.truncate(MOST);
    if further > 0 {
        notes.push(format!("{} further columns {rest}", thousands(further)));
    }
    notes
}

/// Training values of a column.
struct ColumnValues {
    name: String,
    rows: usize,
    distinct: usize,
    is_whole: bool,
    /// The most frequent value, and its number of rows.
    repeated: (f64, usize),
}

impl ColumnValues {
    fn new(name: String, values: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let mut column = Self {
            name,
            rows: sorted.len(),
            distinct: 0,
            is_whole: sorted.iter().all(|value| value.fract() == 0.0),
            repeated: (0.0, 0),
        };
        for equal in sorted.chunk_by(|a, b| a == b) {
            column.distinct += 1;
            if equal.len() > column.repeated.1 {
                column.repeated = (equal[0], equal.len());
            }
        }
        column
    }

    /// True for whole numbers that repeat.
    fn is_discrete(&self) -> bool {
        self.is_whole && 2 * self.distinct < self.rows
    }

    /// Sentence on a value that repeats.
    fn repeats(&self) -> Option<String> {
        let Self { name, rows, repeated: (value, count), .. } = self;
        let is_many = *count >= REPEATED.1 && *count as f64 > REPEATED.0 * *rows as f64;
        is_many.then(|| {
            format!(
                "{} of {} training values of {name} are {value}: the density at repeated values is limited only by the \
                 smallest scale of the model",
                thousands(*count),
                thousands(*rows)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[f64]) -> ColumnValues {
        ColumnValues::new("column `x`".to_owned(), values.iter().copied())
    }

    #[test]
    fn whole_numbers_that_repeat_are_discrete() {
        assert!(column(&[1.0, 2.0, 1.0, 2.0, 1.0]).is_discrete());
        assert!(!column(&[1.0, 2.0, 1.0, 2.0]).is_discrete(), "half of them are different");
        assert!(!column(&[1.5, 2.0, 1.5, 2.0, 1.5]).is_discrete());
        assert!(column(&[0.0, -0.0, 0.0]).is_discrete(), "both zeros are one value");
    }

    #[test]
    fn a_value_repeats_from_five_rows_and_above_a_hundredth_on() {
        let with = |zeros: usize, others: usize| {
            let others = (0..others).map(|i| 0.5 + i as f64);
            column(&std::iter::repeat_n(0.0, zeros).chain(others).collect::<Vec<_>>()).repeats()
        };
        assert_eq!(
            with(13, 443).as_deref(),
            Some(
                "13 of 456 training values of column `x` are 0: the density at repeated values is limited only by the smallest \
                 scale of the model"
            )
        );
        assert!(with(4, 10).is_none() && with(5, 495).is_none() && with(5, 494).is_some());
    }
}
