//! Fuzzing of the readers of data files with arbitrary, truncated and damaged ones: the result is
//! an error or a data set, never a panic, and never an allocation that only a header accounts for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::io::Write;

use ablade::data::{DataConfig, Library, ValueKind, fingerprint, load};
use proptest::prelude::*;

/// The system's allocator, which records the largest block that each thread has requested.
struct Watched;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator can only be watched from inside one")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.set(LARGEST.get().max(layout.size()));
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Largest block that a file of a few kilobytes can account for: compressed data may expand a
/// thousandfold.
const EXPLAINED: usize = 24 << 20;

/// Loads a file of these bytes, by itself, as part of a folder, and as train and test. Every load
/// must end, and errors must name a place.
fn survives(bytes: &[u8], name: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, pair) = (folder.path().join("one").join(name), folder.path().join("pair"));
    for path in [
        path.clone(),
        pair.join(format!("train-{name}")),
        pair.join(format!("test-{name}")),
    ] {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
    LARGEST.set(0);
    let places = [path.as_path(), path.parent().expect("a folder"), &pair];
    let kinds = [ValueKind::Pixels, ValueKind::Real];
    for (place, values) in places.into_iter().flat_map(|place| kinds.map(|kind| (place, kind))) {
        let default = DataConfig::default();
        let config = DataConfig {
            name: place.to_str().expect("UTF-8").into(),
            size: if values.is_real() { default.size } else { 5 },
            values,
            ..default
        };
        match load(&config, &Library::at("/nonexistent")) {
            Ok(data) => match data.train.real_values() {
                Some(values) => assert!(values.iter().all(|value| value.is_finite())),
                None => assert!(data.train.pixels().iter().all(|&bit| bit <= 1)),
            },
            Err(error) => {
                let message = error.to_string();
                assert!(message.contains(folder.path().to_str().expect("UTF-8")), "{message}");
                assert!(message.len() < 1000, "{message}");
            }
        }
        fingerprint(&config, &Library::at("/nonexistent")).ok();
    }
    let largest = LARGEST.get();
    assert!(largest <= EXPLAINED, "{largest} bytes for a file of {}", bytes.len());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn png(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgba);
    let pixels = vec![77; (4 * side * side) as usize];
    encoder
        .write_header()
        .expect("memory")
        .write_image_data(&pixels)
        .expect("memory");
    bytes
}

fn npy() -> Vec<u8> {
    npy_of([0.0, 1.0, 0.5])
}

/// Four images of these values, repeated.
fn npy_of(values: [f32; 3]) -> Vec<u8> {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 5, 5), }\n";
    let values = values.iter().cycle().take(100).flat_map(|value| value.to_le_bytes());
    [
        b"\x93NUMPY\x01\x00",
        &(header.len() as u16).to_le_bytes()[..],
        header.as_bytes(),
    ]
    .concat()
    .into_iter()
    .chain(values)
    .collect()
}

fn npz() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, values) in [("train.npy", [0.0, 1.0, 0.5]), ("../test.npy", [1.0, 0.0, 0.5])] {
        writer
            .start_file(name, zip::write::SimpleFileOptions::default())
            .expect("memory");
        writer.write_all(&npy_of(values)).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

fn tar() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, side) in [("a/1.png", 5), ("a/2.png", 3), ("b/../../3.png", 9)] {
        let bytes = png(side);
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, bytes.as_slice()).expect("memory");
    }
    builder.into_inner().expect("memory")
}

fn idx() -> Vec<u8> {
    let header = [0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 5];
    header.into_iter().chain((0..100).map(|i| (i * 50) as u8)).collect()
}

/// An intact file of each format, with its name.
fn sound() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a-ubyte", idx()),
        ("a-ubyte.gz", gzip(&idx())),
        ("a.npy", npy()),
        ("a.npz", npz()),
        ("a.tar", tar()),
        ("a.tgz", gzip(&tar())),
        ("a.png", png(6)),
        ("a.csv", b"0,1,1\n1,0,0\n0,0,1\n1,1,1\n".to_vec()),
        ("a.data.gz", gzip(b"0 1\n1 1\n0 0\n")),
    ]
}

#[test]
fn sound_files_load() {
    for (name, bytes) in sound().into_iter().filter(|(name, _)| *name != "a.png") {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        let config = DataConfig {
            name: path.to_str().expect("UTF-8").into(),
            size: 5,
            ..DataConfig::default()
        };
        let loaded = load(&config, &Library::at("/nonexistent"))
            .map(|_| ())
            .map_err(|error| error.to_string());
        // Vectors of another length than 5 squared: no other error is allowed.
        assert!(
            loaded.is_ok() || loaded.as_ref().is_err_and(|error| error.contains("data.size")),
            "{name}: {loaded:?}"
        );
    }
}

#[test]
fn the_watch_sees_a_large_block() {
    LARGEST.set(0);
    drop(std::hint::black_box(vec![1u8; EXPLAINED + 1]));
    assert!(LARGEST.get() > EXPLAINED);
}

/// Inputs per property: a few hundred, or the number in `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(format in 0usize..9, magic in any::<bool>(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (name, sound) = &sound()[format];
        let start = if magic { &sound[..sound.len().min(6)] } else { &[] };
        survives(&[start, &bytes].concat(), name);
    }

    #[test]
    fn truncated(format in 0usize..9, part in 0.0..1.0f64) {
        let (name, bytes) = &sound()[format];
        survives(&bytes[..(bytes.len() as f64 * part) as usize], name);
    }

    #[test]
    fn damaged(format in 0usize..9, places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let (name, mut bytes) = sound().swap_remove(format);
        for (place, value) in places {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        survives(&bytes, name);
    }

    #[test]
    fn promised_sizes(sizes in prop::collection::vec(prop::sample::select(vec![0u32, 1, 5, 28, 1 << 16, 1 << 31, u32::MAX]), 1..5), packed in any::<bool>()) {
        let mut bytes = vec![0, 0, 8, sizes.len() as u8];
        bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        bytes.extend([9; 40]);
        survives(&if packed { gzip(&bytes) } else { bytes }, "a-ubyte");
    }

    #[test]
    fn lines_of_text(text in "[01,; \\t\\n\\rxe.+-]{0,80}") {
        survives(text.as_bytes(), "a.csv");
    }
}
