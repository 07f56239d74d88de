//! Formats that are recognised but not read, by their first bytes or, if these are not specific, by
//! the file name's ending; each with the command that converts it.

use std::path::Path;

use crate::data::library::file_name;

/// Remedy for formats whose arrays a short Python program can save as .npy.
macro_rules! python {
    ($line:literal) => {
        concat!("convert it once in Python: import numpy as np; ", $line)
    };
}

const PICTURES: &str = "convert each once in Python: from PIL import Image; Image.open(\"in\").convert(\"L\").save(\"out.png\")";
const UNPACK: &str = "unpack it, and give the path of what was in it";
const HDF5: &str =
    python!("import h5py; np.save(\"images.npy\", h5py.File(\"in.h5\")[\"KEY\"][()])");
const TABLE: &str = python!(
    "import pandas as pd; np.save(\"images.npy\", pd.read_parquet(\"in.parquet\").select_dtypes(\"number\"))"
);
const FEATHER: &str = python!(
    "import pandas as pd; np.save(\"images.npy\", pd.read_feather(\"in.feather\").select_dtypes(\"number\"))"
);
const PICKLE: &str = "loading one can run any program, so none is loaded here: if you trust its source, convert it once in Python: \
                      import numpy as np, pickle; np.save(\"images.npy\", pickle.load(open(\"in.pkl\", \"rb\"), encoding=\"latin1\"))";
const TORCH: &str = python!(
    "import torch; np.save(\"images.npy\", torch.load(\"in.pt\")) (of a dictionary, the tensor of images)"
);
const NETCDF: &str =
    python!("import xarray; np.save(\"images.npy\", xarray.open_dataset(\"in.nc\")[\"KEY\"])");
const SHEET: &str = "save the sheet of values as CSV (UTF-8)";
const AGAIN: &str = "the download has failed: fetch it again";

/// First bytes, name of the format, and the remedy.
const MAGIC: [(&[u8], &str, &str); 37] = [
    (b"MATLAB 5.0 MAT-file", "a MATLAB file (.mat)", MATLAB),
    (b"MATLAB 7.3 MAT-file", "a MATLAB 7.3 file (.mat), which is HDF5", HDF5),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", HDF5),
    (b"PAR1", "a Parquet file", TABLE),
    (b"ARROW1", "an Arrow or Feather file", FEATHER),
    (b"FEA1", "a Feather file", FEATHER),
    (b"\x80\x02", "a Python pickle", PICKLE),
    (b"\x80\x03", "a Python pickle", PICKLE),
    (b"\x80\x04", "a Python pickle", PICKLE),
    (b"\x80\x05", "a Python pickle", PICKLE),
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the file itself",
        "run `git lfs pull` in its repository",
    ),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz file", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", UNPACK),
    (b"BZh", "a bzip2 file", UNPACK),
    (b"\x04\x22\x4d\x18", "an LZ4 file", UNPACK),
    (b"\x1f\x9d", "a file of compress (.Z)", UNPACK),
    (b"%PDF-", "a PDF", "a data set is not a document"),
    (b"SQLite format 3\0", "an SQLite database", "export the table of values as CSV"),
    (b"CDF\x01", "a NetCDF file", NETCDF),
    (b"CDF\x02", "a NetCDF file", NETCDF),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word file", SHEET),
    (b"RDX", "an R workspace", RDATA),
    (b"X\n\0\0\0", "an R object (.rds)", RDATA),
    (b"GIF8", "a GIF picture", PICTURES),
    (b"II*\0", "a TIFF picture", PICTURES),
    (b"MM\0*", "a TIFF picture", PICTURES),
    (b"P1\n", "a PBM picture", PICTURES),
    (b"P2\n", "a PGM picture", PICTURES),
    (b"P3\n", "a PPM picture", PICTURES),
    (b"P4\n", "a PBM picture", PICTURES),
    (b"P5\n", "a PGM picture", PICTURES),
    (b"P6\n", "a PPM picture", PICTURES),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture", PICTURES),
    (b"%%MatrixMarket", "a MatrixMarket file", MARKET),
    (b"{\\rtf", "an RTF document", "save it as plain text"),
];

const SPARSE: &str = python!(
    "import scipy.sparse; np.save(\"images.npy\", scipy.sparse.load_npz(\"in.npz\").toarray())"
);
const MARKET: &str = python!(
    "import scipy.io, scipy.sparse; np.save(\"images.npy\", scipy.sparse.coo_array(scipy.io.mmread(\"in.mtx\")).toarray())"
);
const MATLAB: &str =
    python!("import scipy.io; np.save(\"images.npy\", scipy.io.loadmat(\"in.mat\")[\"KEY\"])");
const RDATA: &str = "in R: write.csv(DATA, \"images.csv\", row.names = FALSE)";
const ARFF: &str = python!(
    "from scipy.io import arff; np.savetxt(\"images.csv\", arff.loadarff(\"in.arff\")[0].tolist(), \"%s\", \",\")"
);

/// Refusal of a Weka (ARFF) file; its first line that is not a comment may be anywhere.
pub(super) fn arff() -> String {
    format!("this is an ARFF file (Weka), which is not read: {ARFF}")
}

/// Endings of formats whose first bytes are not specific, name of the format, and the remedy.
const ENDINGS: [(&str, &str, &str); 9] = [
    (".mat", "a MATLAB file", MATLAB),
    (".pkl", "a Python pickle", PICKLE),
    (".pickle", "a Python pickle", PICKLE),
    (".pt", "a PyTorch file", TORCH),
    (".pth", "a PyTorch file", TORCH),
    (
        ".tfrecord",
        "a TFRecord file",
        "read it with TensorFlow and save the images with numpy.save",
    ),
    (
        ".tfrecords",
        "a TFRecord file",
        "read it with TensorFlow and save the images with numpy.save",
    ),
    (
        ".safetensors",
        "a file of weights",
        python!(
            "from safetensors.numpy import load_file; np.save(\"images.npy\", load_file(\"in\")[\"KEY\"])"
        ),
    ),
    (
        ".bin",
        "a binary file without a header",
        python!("np.save(\"images.npy\", np.fromfile(\"in.bin\", \"u1\").reshape(-1, 28, 28))"),
    ),
];

/// Refusal of a file that begins with `start`, with the remedy, if it is of a known other format or
/// is not text.
pub(super) fn refusal(path: &Path, start: &[u8]) -> Option<String> {
    let say =
        |what: &str, way_out: &str| Some(format!("this is {what}, which is not read: {way_out}"));
    let name = file_name(path);
    if let Some((_, what, way_out)) = MAGIC.iter().find(|(magic, ..)| start.starts_with(magic)) {
        return say(what, way_out);
    }
    if start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP") {
        return say("a WebP picture", PICTURES);
    }
    if start.get(4..8) == Some(b"ftyp") {
        return say("an AVIF or HEIF picture, or a film", PICTURES);
    }
    // "BM" alone could be the beginning of a word.
    if start.starts_with(b"BM") && start.get(6..10) == Some(&[0; 4]) {
        return say("a BMP picture", PICTURES);
    }
    let words = String::from_utf8_lossy(start)
        .trim_start_matches('\u{feff}')
        .trim_start()
        .to_lowercase();
    if words.starts_with("<!doctype html") || words.starts_with("<html") {
        return say("a web page (HTML)", AGAIN);
    }
    if words.starts_with("<?xml") || words.starts_with("<svg") {
        return say("an XML file", "a data set is a table of values, arrays or pictures");
    }
    let first_line = words.lines().next().unwrap_or_default();
    if words.starts_with("[[")
        && !first_line.contains(',')
        && first_line.contains(char::is_whitespace)
    {
        return say(
            "a NumPy array as it is printed, of which much is left out",
            "save it with np.save(\"images.npy\", images)",
        );
    }
    if words.starts_with('{') || words.starts_with("[[") || words.starts_with("[{") || words == "["
    {
        return say(
            "a JSON file",
            python!("import json; np.save(\"images.npy\", json.load(open(\"in.json\")))"),
        );
    }
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return say("a text in UTF-16", "save it as CSV UTF-8");
    }
    let is_text = start
        .iter()
        .all(|&byte| byte >= 32 || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c));
    let ending = ENDINGS
        .iter()
        .find(|(ending, ..)| name.trim_end_matches(".gz").ends_with(ending));
    match ending {
        // A pickle of the oldest protocol is text; other endings may belong to a table of values.
        Some((_, what, way_out)) if !is_text || what.ends_with("pickle") => say(what, way_out),
        None if !is_text => say(
            "a binary file of an unknown format",
            "docs/reference/data.md has the formats that are read",
        ),
        _ => None,
    }
}

/// Refusal of a zip archive with these members, if it is of a known other format.
pub(super) fn zip_refusal(names: &[String]) -> Option<String> {
    let has = |test: &dyn Fn(&str) -> bool| names.iter().any(|name| test(name));
    let (what, way_out) = if has(&|name| name.starts_with("xl/")) {
        ("an Excel workbook (.xlsx)", SHEET)
    } else if has(&|name| name == "indptr.npy") && has(&|name| name == "indices.npy") {
        ("a sparse matrix of SciPy", SPARSE)
    } else if has(&|name| name.ends_with("data.pkl")) {
        ("a PyTorch file", TORCH)
    } else if has(&|name| name == "mimetype" || name == "[Content_Types].xml") {
        ("an office document", SHEET)
    } else {
        return None;
    };
    Some(format!("this is {what}, which is not read: {way_out}"))
}
