//! The pixels of a data set as files that other programs read, and this one reads back as the same
//! set: 0 and 1, or levels from 0 to `data.levels` - 1.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Dataset, Images, Part};
use crate::npy;

/// File name endings that select the format.
const ENDINGS: [&str; 4] = [".npz", ".npy", ".csv", ".idx"];

/// Files of a set, with their bytes: for `set.npz` one file with the arrays `train`, `valid` and
/// `test`; for `set.npy`, `set.csv` and `set.idx`, optionally followed by `.gz`, the files
/// `set-train.npy` and so on. Error: any other ending.
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
    let arrays = Part::ALL.map(|part| (part, values(data, part, ending)));
    if ending == ".npz" {
        let bytes = archive(&arrays).map_err(|error| error.to_string())?;
        return Ok(vec![(out.to_owned(), bytes)]);
    }
    let stem = plain.strip_suffix(ending).unwrap_or(plain);
    let file = |(part, bytes): (Part, Vec<u8>)| {
        let name = format!("{stem}-{part}{ending}{}", if packed { ".gz" } else { "" });
        let bytes = if packed { gzip(&bytes).map_err(|error| error.to_string())? } else { bytes };
        Ok((out.with_file_name(name), bytes))
    };
    arrays.into_iter().map(file).collect()
}

/// The pixels of a part in one format; an .npz holds .npy.
fn values(data: &Dataset, part: Part, ending: &str) -> Vec<u8> {
    let images: &Images = match part {
        Part::Train => &data.train,
        Part::Valid => &data.valid,
        Part::Test => &data.test,
    };
    let sizes = match data.shape.height {
        1 => vec![images.count(), data.shape.width],
        height => vec![images.count(), height, data.shape.width],
    };
    match ending {
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
    }
}

fn archive(arrays: &[(Part, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    // No time stamp, so that equal sets are equal bytes.
    let options =
        zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    for (part, bytes) in arrays {
        writer.start_file(format!("{part}.npy"), options)?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}
