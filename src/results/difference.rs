//! Comparison of two versions of a table, cell by cell: tables are what people cite, so a check of
//! results must include them.

use std::collections::{BTreeMap, VecDeque};

use csv::{ByteRecord, ReaderBuilder};

use crate::text::count;

/// Difference between a table on disk and the one computed from the runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// The table is missing.
    #[error("{file} is missing")]
    Missing {
        /// Name of the table.
        file: &'static str,
    },
    /// The table should not exist.
    #[error("{file} is there, the runs give no such table")]
    Unexpected {
        /// Name of the table.
        file: &'static str,
    },
    /// A column has another name.
    #[error("{file}, column {column} is `{found}`, the runs give `{expected}`")]
    Column {
        /// Name of the table.
        file: &'static str,
        /// Index, from 1.
        column: usize,
        /// Name on disk; empty if there is no such column.
        found: String,
        /// Expected name; empty if there should be no such column.
        expected: String,
    },
    /// The number of rows differs.
    #[error("{file}: {}, the runs give {expected}", count(*found, "row"))]
    Rows {
        /// Name of the table.
        file: &'static str,
        /// Number of rows on disk, without the header.
        found: usize,
        /// Expected number of rows.
        expected: usize,
    },
    /// It has a row that it should not have.
    #[error("{file}, row {row}: the runs give no such row")]
    ExtraRow {
        /// Name of the table.
        file: &'static str,
        /// From 1 in the table on disk, the header apart.
        row: usize,
    },
    /// It lacks a row.
    #[error("{file}: row {row} that the runs give is missing")]
    MissingRow {
        /// Name of the table.
        file: &'static str,
        /// From 1 in the table that the runs give, the header apart.
        row: usize,
    },
    /// A cell differs.
    #[error("{file}, row {row}, column `{column}`: `{found}`, the runs give `{expected}`")]
    Cell {
        /// Name of the table.
        file: &'static str,
        /// Index of the row, from 1, without the header.
        row: usize,
        /// Name of the column.
        column: String,
        /// Text on disk.
        found: String,
        /// Expected text.
        expected: String,
    },
    /// Its bytes differ although all cells agree, or it has no cells.
    #[error("{file} holds other bytes than the runs give")]
    Bytes {
        /// Name of the table.
        file: &'static str,
    },
}

impl Difference {
    /// Name of the table.
    pub fn file(&self) -> &'static str {
        match self {
            Self::Missing { file }
            | Self::Unexpected { file }
            | Self::Column { file, .. }
            | Self::Rows { file, .. }
            | Self::ExtraRow { file, .. }
            | Self::MissingRow { file, .. }
            | Self::Cell { file, .. }
            | Self::Bytes { file } => file,
        }
    }
}

/// Differences between a table on disk and the expected one; `None` stands for a missing table.
pub(super) fn between(
    file: &'static str,
    found: Option<&[u8]>,
    expected: Option<&[u8]>,
) -> Vec<Difference> {
    let differences = match (found, expected) {
        (None, None) => return Vec::new(),
        (None, Some(_)) => return vec![Difference::Missing { file }],
        (Some(_), None) => return vec![Difference::Unexpected { file }],
        (Some(found), Some(expected)) if found == expected => return Vec::new(),
        (Some(found), Some(expected)) if file.ends_with(".csv") => cells(file, found, expected),
        _ => Vec::new(),
    };
    if differences.is_empty() {
        vec![Difference::Bytes { file }]
    } else {
        differences
    }
}

/// Rows of a table; after bytes that are not CSV the rest is omitted, and appears as missing.
fn rows(table: &[u8]) -> Vec<ByteRecord> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(table);
    reader.byte_records().map_while(Result::ok).collect()
}

fn cells(file: &'static str, found: &[u8], expected: &[u8]) -> Vec<Difference> {
    let text = |row: &ByteRecord, i: usize| {
        String::from_utf8_lossy(row.get(i).unwrap_or_default()).into_owned()
    };
    let (found, expected) = (rows(found), rows(expected));
    let (Some((header, found)), Some((columns, expected))) =
        (found.split_first(), expected.split_first())
    else {
        return Vec::new();
    };
    // Cells below different columns cannot be compared.
    if let Some(i) = (0..header.len().max(columns.len())).find(|&i| header.get(i) != columns.get(i))
    {
        return vec![Difference::Column {
            file,
            column: i + 1,
            found: text(header, i),
            expected: text(columns, i),
        }];
    }
    let mut differences = Vec::new();
    if found.len() != expected.len() {
        differences.push(Difference::Rows { file, found: found.len(), expected: expected.len() });
    }
    let mut from = [0, 0];
    for [f, e] in same_rows(found, expected).into_iter().chain([[found.len(), expected.len()]]) {
        let (ours, theirs) = (from[0]..f, from[1]..e);
        // As many rows on both sides between two that are the same: each has been changed.
        if ours.len() == theirs.len() {
            for (row, (found, expected)) in
                ours.clone().zip(found[ours].iter().zip(&expected[theirs]))
            {
                let columns_of_both = 0..found.len().max(expected.len());
                for i in columns_of_both.filter(|&i| found.get(i) != expected.get(i)) {
                    differences.push(Difference::Cell {
                        file,
                        row: row + 1,
                        column: text(columns, i),
                        found: text(found, i),
                        expected: text(expected, i),
                    });
                }
            }
        } else {
            differences.extend(ours.map(|row| Difference::ExtraRow { file, row: row + 1 }));
            differences.extend(theirs.map(|row| Difference::MissingRow { file, row: row + 1 }));
        }
        from = [f + 1, e + 1];
    }
    differences
}

/// Pairs of equal rows by their index in both tables, in the order of both: the longest such list
/// where no row comes twice.
fn same_rows<'a>(found: &'a [ByteRecord], expected: &'a [ByteRecord]) -> Vec<[usize; 2]> {
    let mut places: BTreeMap<Vec<&'a [u8]>, VecDeque<usize>> = BTreeMap::new();
    for (i, row) in expected.iter().enumerate() {
        places.entry(row.iter().collect()).or_default().push_back(i);
    }
    let place = |row: &'a ByteRecord| places.get_mut(&row.iter().collect::<Vec<_>>())?.pop_front();
    let pairs: Vec<[usize; 2]> = (found.iter().map(place).enumerate())
        .filter_map(|(i, place)| Some([i, place?]))
        .collect();
    // Longest increasing subsequence of the second indices, by patience sorting: `tails[n]` is the
    // pair with the smallest second index that ends an increasing list of n + 1 pairs.
    let mut tails: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::new();
    for (at, pair) in pairs.iter().enumerate() {
        let n = tails.partition_point(|&tail| pairs[tail][1] < pair[1]);
        before.push(n.checked_sub(1).map(|n| tails[n]));
        match tails.get_mut(n) {
            Some(tail) => *tail = at,
            None => tails.push(at),
        }
    }
    let mut list: Vec<[usize; 2]> = std::iter::successors(tails.last().copied(), |&at| before[at])
        .map(|at| pairs[at])
        .collect();
    list.reverse();
    list
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(found: Option<&str>, expected: Option<&str>) -> Vec<String> {
        let differences =
            between("runs.csv", found.map(str::as_bytes), expected.map(str::as_bytes));
        differences.iter().map(Difference::to_string).collect()
    }

    #[test]
    fn a_difference_has_its_row_and_column() {
        let table = "study,nll\na,1.5\n\"b\nc\",2\n";
        assert!(words(Some(table), Some(table)).is_empty());
        assert_eq!(words(None, Some(table)), ["runs.csv is missing"]);
        assert_eq!(words(Some(table), None), ["runs.csv is there, the runs give no such table"]);
        let changed = table.replace("c\",2", "c\",1");
        assert_eq!(
            words(Some(&changed), Some(table)),
            ["runs.csv, row 2, column `nll`: `1`, the runs give `2`"]
        );
        let renamed = table.replace("nll", "loss");
        assert_eq!(
            words(Some(&renamed), Some(table)),
            ["runs.csv, column 2 is `loss`, the runs give `nll`"]
        );
        assert_eq!(
            words(Some("study,nll\na,1.5\n"), Some(table)),
            [
                "runs.csv: 1 row, the runs give 2",
                "runs.csv: row 2 that the runs give is missing"
            ]
        );
        let inserted = table.replace("\na,", "\nmine,0\na,");
        assert_eq!(
            words(Some(&inserted), Some(table)),
            [
                "runs.csv: 3 rows, the runs give 2",
                "runs.csv, row 1: the runs give no such row"
            ]
        );
        let (five, moved) = ("n\n1\n2\n3\n4\n5\n", "n\n5\n1\n2\n3\n4\n");
        assert_eq!(
            words(Some(moved), Some(five)),
            [
                "runs.csv, row 1: the runs give no such row",
                "runs.csv: row 5 that the runs give is missing"
            ]
        );
        assert_eq!(
            words(Some("study,nll\na,\"1.5\"\n"), Some("study,nll\na,1.5\n")),
            ["runs.csv holds other bytes than the runs give"]
        );
    }

    proptest! {
        /// Any changed byte is reported, and nothing panics.
        #[test]
        fn no_change_goes_unseen(at in 0usize..26, byte in any::<u8>()) {
            let table = b"study,nll\na,1.5\nb,2\nc,\"3\"\n";
            let mut changed = table.to_vec();
            changed[at] = byte;
            prop_assert_eq!(between("runs.csv", Some(&changed), Some(table)).is_empty(), changed == table);
        }
    }
}
