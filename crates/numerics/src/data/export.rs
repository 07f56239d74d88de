//! The pixels of a data set as files that other programs read, and this one reads back as the same
//! set: 0 and 1, or levels from 0 to `data.levels` - 1. Real numbers are written in the units of their
//! table, labels next to the images.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Dataset, Images, Part, Standardisation};
use crate::npy;

/// File name endings that select the format.
const ENDINGS: [&str; 4] = [".npz", ".npy", ".csv", ".idx"];

/// Files of a set, with their bytes: for `set.npz` one file with the arrays `train`, `valid` and
/// `test`; for `set.npy`, `set.csv` and `set.idx`, optionally followed by `.gz`, the files
/// `set-train.npy` and so on. Labels are the arrays `train_labels` ..., or the files
/// `set-train-labels.npy` .... Error: any other ending, and values that the format does not hold.
pub fn export(data: &Dataset, out: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, String> {
    let name = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (plain, packed) =
        name.strip_suffix(".gz").map_or((name.as_str(), false), |plain| (plain, true));
    let ending = ENDINGS
        .into_iter()
        .find(|ending| plain.ends_with(ending) && !(packed && *ending == ".npz"));
    let Some(ending) = ending else {
        return Err(format!(
            "{}: expected a name that ends in .npz, or in .npy, .csv or .idx, each of these with .gz or not",
            out.display()
        ));
    };
    let mut arrays = Vec::new();
    for (part, images) in Part::ALL.into_iter().zip([&data.train, &data.valid, &data.test]) {
        arrays.push((part.to_string(), values(data, images, ending)?));
        if let Some(labels) = images.labels() {
            let separator = if ending == ".npz" { '_' } else { '-' };
            let bytes = label_values(&labels.of, labels.names.len(), ending)?;
            arrays.push((format!("{part}{separator}labels"), bytes));
        }
    }
    if ending == ".npz" {
        let bytes = archive(&arrays).map_err(|error| error.to_string())?;
        return Ok(vec![(out.to_owned(), bytes)]);
    }
    let stem = plain.strip_suffix(ending).unwrap_or(plain);
    let file = |(array, bytes): (String, Vec<u8>)| {
        let name = format!("{stem}-{array}{ending}{}", if packed { ".gz" } else { "" });
        let bytes = if packed { gzip(&bytes).map_err(|error| error.to_string())? } else { bytes };
        Ok((out.with_file_name(name), bytes))
    };
    arrays.into_iter().map(file).collect()
}

/// The labels of a part in one format, of this many classes; an .npz holds .npy.
fn label_values(labels: &[u16], classes: usize, ending: &str) -> Result<Vec<u8>, String> {
    match ending {
        ".csv" => {
            let lines = labels.iter().map(|label| format!("{label}\n"));
            Ok(format!("label\n{}", lines.collect::<String>()).into_bytes())
        }
        ".idx" if classes > 256 => {
            Err(format!("{classes} classes, where idx has labels up to 255: .npy has more"))
        }
        ".idx" => {
            let header = [0, 0, 8, 1].into_iter().chain((labels.len() as u32).to_be_bytes());
            Ok(header.chain(labels.iter().map(|&label| label as u8)).collect())
        }
        _ => Ok(npy::encode(&[labels.len()], labels)),
    }
}

/// The rows of a table in its own units, in one format.
fn real_values(
    data: &Dataset,
    by: &Standardisation,
    values: &[f32],
    ending: &str,
) -> Result<Vec<u8>, String> {
    let own = by.to_own_units(values);
    match ending {
        ".csv" => {
            let names: Vec<String> =
                data.variables().into_iter().map(|variable| variable.name).collect();
            let row = |row: &[f64]| {
                let values = row.iter().enumerate().map(|(column, &value)| by.text(column, value));
                values.collect::<Vec<_>>().join(",") + "\n"
            };
            let mut text = String::new();
            if data.origin.columns.is_some() {
                let quoted = names.iter().map(|name| match name.contains([',', '"', ';', '\t']) {
                    true => format!("\"{}\"", name.replace('"', "\"\"")),
                    false => name.clone(),
                });
                text = quoted.collect::<Vec<_>>().join(",") + "\n";
            }
            text.extend(own.chunks_exact(by.dim()).map(row));
            Ok(text.into_bytes())
        }
        ".idx" => {
            Err("idx holds bytes, and these are real numbers: .npy, .npz and .csv hold them".into())
        }
        _ => Ok(npy::encode(&[own.len() / by.dim(), by.dim()], &own)),
    }
}

/// The values of a part in one format; an .npz holds .npy.
fn values(data: &Dataset, images: &Images, ending: &str) -> Result<Vec<u8>, String> {
    if let (Some(by), Some(values)) = (&data.standardisation, images.real_values()) {
        return real_values(data, by, values, ending);
    }
    let sizes = match data.shape.height {
        1 => vec![images.count(), data.shape.width],
        height => vec![images.count(), height, data.shape.width],
    };
    Ok(match ending {
        ".csv" => {
            let row =
                |row: &[u8]| row.iter().map(u8::to_string).collect::<Vec<_>>().join(",") + "\n";
            images
                .pixels()
                .chunks_exact(images.dim())
                .map(row)
                .collect::<String>()
                .into_bytes()
        }
        ".idx" => {
            let sizes_in_words = sizes.iter().flat_map(|&size| (size as u32).to_be_bytes());
            let header = [0, 0, 8, sizes.len() as u8].into_iter().chain(sizes_in_words);
            header.chain(images.pixels().iter().copied()).collect()
        }
        _ => npy::encode(&sizes, images.pixels()),
    })
}

fn archive(arrays: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    // No time stamp, so that equal sets are equal bytes.
    let options =
        zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    for (name, bytes) in arrays {
        writer.start_file(format!("{name}.npy"), options)?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}
