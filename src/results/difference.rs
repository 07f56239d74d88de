//! Comparison of two versions of a table, cell by cell: tables are what people cite, so a check of
//! results must include them.

use csv::{ByteRecord, ReaderBuilder};

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
    #[error("{file}: {found} rows, the runs give {expected}")]
    Rows {
        /// Name of the table.
        file: &'static str,
        /// Number of rows on disk, without the header.
        found: usize,
        /// Expected number of rows.
        expected: usize,
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
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        for i in (0..found.len().max(expected.len())).filter(|&i| found.get(i) != expected.get(i)) {
            differences.push(Difference::Cell {
                file,
                row: row + 1,
                column: text(columns, i),
                found: text(found, i),
                expected: text(expected, i),
            });
        }
    }
    differences
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
            ["runs.csv: 1 rows, the runs give 2"]
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
