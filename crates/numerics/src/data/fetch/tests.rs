//! `fetch` against a local server with scripted answers: the result is the right file, or a clear
//! error and no file.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use super::*;
use crate::data::Part;
use crate::data::catalog::Check;
use crate::data::catalog::{Bytes, Member};

/// Behaviour of the server on one request.
#[derive(Clone, Copy)]
enum Answer {
    /// The bytes requested, ranges included.
    Whole,
    /// The bytes requested, but the connection closes after this many.
    Cut(usize),
    /// The whole file, even if a range was requested.
    NoRanges,
    /// The whole file without a length, ended by closing after this many bytes.
    Unannounced(usize),
    Status(u16),
    /// A redirect to `/real/` and the same name.
    Redirect,
    /// The right length, but other bytes.
    Garbled,
}

struct Server {
    url: String,
    /// Path and range of every request.
    requests: Arc<Mutex<Vec<(String, Option<String>)>>>,
}

/// Serves `body` under every path with these answers in turn; the last answer repeats.
fn serve(body: &[u8], answers: &[Answer]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (body, answers) = (body.to_vec(), answers.to_vec());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&requests);
    std::thread::spawn(move || {
        for (i, stream) in listener.incoming().enumerate() {
            let answer = answers[i.min(answers.len() - 1)];
            // A client that hangs up early is part of the tests.
            let _ = stream.and_then(|stream| reply(stream, &body, answer, &log));
        }
    });
    Server { url, requests }
}

fn reply(
    mut stream: TcpStream,
    body: &[u8],
    answer: Answer,
    log: &Mutex<Vec<(String, Option<String>)>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let path = lines
        .next()
        .transpose()?
        .unwrap_or_default()
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let mut range = None;
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        range = line.strip_prefix("range: bytes=").map(str::to_owned).or(range);
    }
    log.lock().expect("a log").push((path.clone(), range.clone()));
    let start = range
        .as_deref()
        .and_then(|range| range.trim_end_matches('-').parse::<usize>().ok());
    let mut send = |head: String, bytes: &[u8]| {
        stream.write_all(format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes())?;
        stream.write_all(bytes)
    };
    let length = body.len();
    match answer {
        Answer::Status(status) => send(format!("{status} No\r\nContent-Length: 0"), &[]),
        Answer::Redirect => {
            send(format!("302 Found\r\nLocation: /real{path}\r\nContent-Length: 0"), &[])
        }
        Answer::NoRanges => send(format!("200 OK\r\nContent-Length: {length}"), body),
        Answer::Unannounced(stop) => send("200 OK".into(), &body[..stop]),
        Answer::Garbled => send(
            format!("200 OK\r\nContent-Length: {length}"),
            &body.iter().map(|b| b ^ 1).collect::<Vec<_>>(),
        ),
        Answer::Whole | Answer::Cut(_) => {
            let stop = if let Answer::Cut(stop) = answer { stop } else { usize::MAX };
            match start {
                Some(start) if start >= length => send(
                    format!("416 No\r\nContent-Range: bytes */{length}\r\nContent-Length: 0"),
                    &[],
                ),
                Some(start) => {
                    let rest = &body[start..];
                    let range = format!("Content-Range: bytes {start}-{}/{length}", length - 1);
                    send(
                        format!("206 Partial\r\n{range}\r\nContent-Length: {}", rest.len()),
                        &rest[..stop.min(rest.len())],
                    )
                }
                None => {
                    send(format!("200 OK\r\nContent-Length: {length}"), &body[..stop.min(length)])
                }
            }
        }
    }
}

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn digest(bytes: &[u8]) -> &'static str {
    leaked(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

fn content() -> Vec<u8> {
    (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn plain(body: &[u8]) -> Download {
    Download {
        file: "set.gz",
        urls: &[],
        bytes: Bytes::Exactly(body.len() as u64),
        check: Check::Sha256(digest(body)),
    }
}

/// Result of fetching `download` from a server with these answers, and the names of the files in
/// the folder afterwards.
fn outcome(
    download: &Download,
    body: &[u8],
    answers: &[Answer],
    folder: &Path,
) -> (Result<(), String>, Vec<String>, Server) {
    let server = serve(body, answers);
    let fetched =
        one(download, folder, Some(&server.url), &mut |_| {}).map_err(|error| error.to_string());
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    (fetched, names, server)
}

#[test]
fn a_file_arrives_whole_under_its_name_and_is_not_fetched_twice() {
    let (folder, body) = (tempfile::tempdir().expect("a folder"), content());
    let (fetched, names, _) = outcome(&plain(&body), &body, &[Answer::Whole], folder.path());
    assert_eq!((fetched, names), (Ok(()), vec!["set.gz".to_owned()]));
    assert_eq!(fs::read(folder.path().join("set.gz")).expect("the file"), body);
    let (again, _, server) = outcome(&plain(&body), &body, &[Answer::Status(500)], folder.path());
    assert_eq!(again, Ok(()));
    assert!(server.requests.lock().expect("a log").is_empty());
}

#[test]
fn a_cut_connection_is_continued_where_it_broke() {
    let (folder, body) = (tempfile::tempdir().expect("a folder"), content());
    let answers = [Answer::Cut(70_000), Answer::Cut(30_000), Answer::Whole];
    let (fetched, names, server) = outcome(&plain(&body), &body, &answers, folder.path());
    assert_eq!((fetched, names), (Ok(()), vec!["set.gz".to_owned()]));
    assert_eq!(fs::read(folder.path().join("set.gz")).expect("the file"), body);
    let ranges: Vec<_> = server
        .requests
        .lock()
        .expect("a log")
        .iter()
        .map(|(_, range)| range.clone())
        .collect();
    assert_eq!(ranges, [None, Some("70000-".into()), Some("100000-".into())]);
}

#[test]
fn an_address_that_never_delivers_keeps_what_came_for_the_next_time() {
    let (folder, body) = (tempfile::tempdir().expect("a folder"), content());
    let (fetched, names, _) =
        outcome(&plain(&body), &body, &[Answer::Cut(1000), Answer::Cut(0)], folder.path());
    let error = fetched.expect_err("nothing whole came");
    assert!(error.contains("1000 bytes are kept, and the same command continues"), "{error}");
    assert_eq!(names, ["set.gz.part"]);
    let (fetched, names, server) = outcome(&plain(&body), &body, &[Answer::Whole], folder.path());
    assert_eq!((fetched, names), (Ok(()), vec!["set.gz".to_owned()]));
    assert_eq!(server.requests.lock().expect("a log")[0].1.as_deref(), Some("1000-"));
}

#[test]
fn a_server_without_ranges_starts_again() {
    let (folder, body) = (tempfile::tempdir().expect("a folder"), content());
    fs::write(folder.path().join("set.gz.part"), &body[..500]).expect("a beginning");
    let (fetched, ..) = outcome(&plain(&body), &body, &[Answer::NoRanges], folder.path());
    assert_eq!(fetched, Ok(()));
    assert_eq!(fs::read(folder.path().join("set.gz")).expect("the file"), body);
}

#[test]
fn an_end_without_a_length_is_a_cut_when_bytes_lack() {
    let (folder, body) = (tempfile::tempdir().expect("a folder"), content());
    let (fetched, ..) =
        outcome(&plain(&body), &body, &[Answer::Unannounced(1234), Answer::Whole], folder.path());
    assert_eq!(fetched, Ok(()));
    assert_eq!(fs::read(folder.path().join("set.gz")).expect("the file"), body);
}

#[test]
fn a_wrong_checksum_leaves_nothing() {
    let (folder, body) = (tempfile::tempdir().expect("a folder"), content());
    let (fetched, names, _) = outcome(&plain(&body), &body, &[Answer::Garbled], folder.path());
    let error = fetched.expect_err("other bytes");
    assert!(
        error.contains(&format!("expected {}", digest(&body))) && error.contains("removed"),
        "{error}"
    );
    assert_eq!(names, Vec::<String>::new());
}

#[test]
fn a_wrong_beginning_from_before_is_found_out() {
    let (folder, body) = (tempfile::tempdir().expect("a folder"), content());
    fs::write(folder.path().join("set.gz.part"), [7; 500]).expect("a beginning");
    let (fetched, names, _) = outcome(&plain(&body), &body, &[Answer::Whole], folder.path());
    assert!(fetched.expect_err("a wrong beginning").contains("SHA-256"));
    assert_eq!(names, Vec::<String>::new());
}

#[test]
fn a_file_of_another_length_is_refused_before_it_is_read() {
    let (folder, body) = (tempfile::tempdir().expect("a folder"), content());
    let (fetched, ..) = outcome(&plain(&body), &body[..1000], &[Answer::Whole], folder.path());
    assert!(
        fetched
            .expect_err("another file")
            .contains("offers 1000 bytes, the file has 200000")
    );
}

#[test]
fn redirects_are_followed_with_the_range() {
    let (folder, body) = (tempfile::tempdir().expect("a folder"), content());
    fs::write(folder.path().join("set.gz.part"), &body[..500]).expect("a beginning");
    let (fetched, _, server) =
        outcome(&plain(&body), &body, &[Answer::Redirect, Answer::Whole], folder.path());
    assert_eq!(fetched, Ok(()));
    let requests = server.requests.lock().expect("a log").clone();
    assert_eq!(requests[1], ("/real/set.gz".into(), Some("500-".into())));
}

#[test]
fn refusals_and_absences_say_so() {
    let (folder, body) = (tempfile::tempdir().expect("a folder"), content());
    let (fetched, names, _) = outcome(&plain(&body), &body, &[Answer::Status(404)], folder.path());
    assert!(fetched.expect_err("absent").ends_with("set.gz: the server answers 404"));
    assert_eq!(names, Vec::<String>::new());
    let (fetched, ..) = outcome(&plain(&body), &body, &[Answer::Redirect], folder.path());
    assert!(fetched.expect_err("a circle of redirects").contains("redirect"));
    let nobody = one(&plain(&body), folder.path(), Some("http://127.0.0.1:1"), &mut |_| {});
    assert!(
        nobody
            .expect_err("no server")
            .to_string()
            .contains("fetching http://127.0.0.1:1/set.gz")
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_leaves_no_file() {
    let (folder, body) = (tempfile::tempdir().expect("a folder"), content());
    // Every write to this device fails for lack of space.
    std::os::unix::fs::symlink("/dev/full", folder.path().join("set.gz.part")).expect("a link");
    let (fetched, names, _) = outcome(&plain(&body), &body, &[Answer::Whole], folder.path());
    let error = fetched.expect_err("a full disk");
    assert!(error.contains("no space left in") && error.contains("make room"), "{error}");
    assert_eq!(names, ["set.gz.part"]);
}

#[test]
fn a_file_that_is_there_and_wrong_is_left_alone() {
    let (folder, body) = (tempfile::tempdir().expect("a folder"), content());
    fs::write(folder.path().join("set.gz"), b"mine").expect("a file");
    let (fetched, ..) = outcome(&plain(&body), &body, &[Answer::Whole], folder.path());
    assert!(fetched.expect_err("another file").contains("is not the official file"));
    assert_eq!(fs::read(folder.path().join("set.gz")).expect("the file"), b"mine");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .expect("memory");
        writer.write_all(bytes).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

const MEMBER: &str = "letters-ubyte.gz";

fn archive(body: &[u8], unpacked: &[u8]) -> Download {
    let sha256 = Some((2, unpacked.len() as u64, digest(&unpacked[2..])));
    let member = Member { name: MEMBER, unpacked: unpacked.len() as u64, sha256 };
    let check = Check::Members(Box::leak(Box::new([member])));
    Download {
        file: "all.zip",
        urls: &[],
        bytes: Bytes::About(body.len() as u64),
        check,
    }
}

#[test]
fn what_has_about_a_length_has_a_limit_all_the_same() {
    let body = content();
    let about = |bytes| Download { bytes: Bytes::About(bytes), ..plain(&body) };
    for (bytes, answer, expected) in [
        (150_000, Answer::Whole, None),
        (
            80_000,
            Answer::Unannounced(200_000),
            Some("sends more than the about 80000 bytes"),
        ),
        (80_000, Answer::Whole, Some("offers 200000 bytes, the file has about 80000")),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (fetched, names, _) = outcome(&about(bytes), &body, &[answer], folder.path());
        match expected {
            None => assert_eq!(fetched, Ok(())),
            Some(expected) => {
                let error = fetched.expect_err(expected);
                assert!(error.contains(expected), "{error}");
                assert_eq!(names, Vec::<String>::new(), "nothing stays");
            }
        }
    }
}

#[test]
fn a_tar_that_unpacks_to_far_more_is_refused_before_it_takes_memory() {
    let picture = vec![0; 1 << 20];
    let names: Vec<String> = (0..60).map(|i| format!("x/star/{i}.png")).collect();
    let entries: Vec<(&str, &[u8])> =
        names.iter().map(|name| (name.as_str(), picture.as_slice())).collect();
    let body = tarred(&entries);
    let download = |count| Download {
        file: "snapshot.tar.gz",
        urls: &[],
        bytes: Bytes::About(body.len() as u64),
        check: Check::Pictures {
            file: "shapes.tar.gz",
            classes: &["star"],
            count,
            sha256: digest(b""),
        },
    };
    for (count, expected) in [(60, "unpacks to more than"), (0, "more than 0 pictures")] {
        let folder = tempfile::tempdir().expect("a folder");
        let (fetched, names, _) = outcome(&download(count), &body, &[Answer::Whole], folder.path());
        let error = fetched.expect_err(expected);
        assert!(error.contains(expected), "{error}");
        assert_eq!(names, Vec::<String>::new());
    }
}

#[test]
fn a_zip_gives_the_wanted_member_and_nothing_else() {
    let (outside, unpacked) = (tempfile::tempdir().expect("a folder"), content());
    let folder = outside.path().join("set");
    fs::create_dir(&folder).expect("a folder");
    let body = zipped(&[
        ("../escaped", b"x"),
        ("gzip/letters-ubyte.gz", &gzip(&unpacked)),
        ("/etc/escaped", b"x"),
    ]);
    let (fetched, names, _) = outcome(&archive(&body, &unpacked), &body, &[Answer::Whole], &folder);
    assert_eq!((fetched, names), (Ok(()), vec![MEMBER.to_owned()]));
    assert_eq!(
        fs::read_dir(outside.path()).expect("a folder").count(),
        1,
        "something left the folder"
    );
    let mut back = Vec::new();
    let file = fs::File::open(folder.join(MEMBER)).expect("the member");
    flate2::read::GzDecoder::new(file).read_to_end(&mut back).expect("gzip");
    assert_eq!(back, unpacked);
}

#[test]
fn a_zip_with_another_member_is_refused_whole() {
    let unpacked = content();
    let mut other = unpacked.clone();
    other[1000] ^= 1;
    let bomb = gzip(&vec![0; 50 << 20]);
    let cases: [(&[u8], &str); 4] = [
        (&zipped(&[("gzip/letters-ubyte.gz", &gzip(&other))]), "SHA-256"),
        (&zipped(&[("gzip/letters-ubyte.gz", &bomb)]), "unpacks to"),
        (
            &zipped(&[("gzip/digits-ubyte.gz", &gzip(&unpacked))]),
            "holds no letters-ubyte.gz",
        ),
        (b"PK\x03\x04 but no zip", "no readable zip"),
    ];
    for (body, expected) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let (fetched, names, _) =
            outcome(&archive(body, &unpacked), body, &[Answer::Whole], folder.path());
        let error = fetched.expect_err(expected);
        assert!(error.contains(expected), "{error}");
        assert_eq!(names, Vec::<String>::new());
    }
}

/// A tar.gz with entries of any name, even ones that climb out.
fn tarred(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, *bytes).expect("memory");
    }
    gzip(&builder.into_inner().expect("memory"))
}

#[test]
fn a_tar_gives_its_pictures_and_nothing_else() {
    let outside = tempfile::tempdir().expect("a folder");
    let folder = outside.path().join("set");
    fs::create_dir(&folder).expect("a folder");
    let body = tarred(&[
        ("x/shapes/star/10.png", b"ten"),
        ("x/shapes/star/2.png", b"two"),
        ("../../escaped", b"x"),
        ("x/plot.png", b"x"),
    ]);
    let listing = [
        b"star/2.png\0\x03\0\0\0\0\0\0\0two".as_slice(),
        b"star/10.png\0\x03\0\0\0\0\0\0\0ten",
    ]
    .concat();
    let download = |count| Download {
        file: "snapshot.tar.gz",
        urls: &[],
        bytes: Bytes::About(body.len() as u64),
        check: Check::Pictures {
            file: "shapes.tar.gz",
            classes: &["star"],
            count,
            sha256: digest(&listing),
        },
    };
    let (fetched, names, _) = outcome(&download(3), &body, &[Answer::Whole], &folder);
    assert!(fetched.expect_err("a picture lacks").contains("2 pictures, expected 3"));
    assert_eq!(names, Vec::<String>::new());
    let (fetched, names, _) = outcome(&download(2), &body, &[Answer::Whole], &folder);
    assert_eq!((fetched, names), (Ok(()), vec!["shapes.tar.gz".to_owned()]));
    assert_eq!(
        fs::read_dir(outside.path()).expect("a folder").count(),
        1,
        "something left the folder"
    );
}

/// An archive as `numpy.savez` writes it: the arrays of these numbers of vectors, and numbers.
fn vectors(dim: usize, sizes: [usize; 3], value: impl Fn(usize) -> f32) -> Vec<u8> {
    let npy = |kind: &str, shape: String, values: Vec<u8>| {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = u16::try_from(header.len()).expect("short").to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &values].concat()
    };
    let number = |n: usize| npy("<i4", "()".into(), (n as u32).to_le_bytes().to_vec());
    let array = |count: usize| {
        let values = (0..count * dim).flat_map(|i| value(i).to_le_bytes()).collect();
        npy("<f4", format!("({count}L, {dim}L)"), values)
    };
    let mut members = vec![("inputsize.npy", number(dim))];
    for (count, data, length) in [
        (sizes[0], "train_data.npy", "train_length.npy"),
        (sizes[1], "valid_data.npy", "valid_length.npy"),
        (sizes[2], "test_data.npy", "test_length.npy"),
    ] {
        members.push((length, number(count)));
        if count > 0 {
            members.push((data, array(count)));
        }
    }
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in members {
        writer.start_file(name, stored).expect("memory");
        writer.write_all(&bytes).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

#[test]
fn an_archive_of_vectors_is_checked_by_its_content() {
    let bit = |i: usize| f32::from(u8::from((i % 7).is_multiple_of(3)));
    let (dim, sizes) = (12, [30, 5, 9]);
    let right = vectors(dim, sizes, bit);
    let download = |bytes| Download {
        file: "set.npz",
        urls: &[],
        bytes: Bytes::About(bytes),
        check: Check::Vectors { dim, sizes },
    };
    let mut flipped = right.clone();
    let ones = right.windows(4).rposition(|bytes| bytes == 1f32.to_le_bytes()).expect("a one");
    flipped[ones..ones + 4].fill(0);
    let cases = [
        (right.clone(), None),
        (
            vectors(11, sizes, bit),
            Some("of 11 values and not 30 / 5 / 9 vectors of 12 values"),
        ),
        (
            vectors(dim, [30, 6, 9], bit),
            Some("it has 30 / 6 / 9 vectors of 12 values and not 30 / 5 / 9"),
        ),
        (vectors(dim, [30, 0, 9], bit), Some("it has 30 / 0 / 9 vectors")),
        (vectors(dim, sizes, |i| bit(i) / 2.0), Some("not all 0 or 1")),
        (vectors(dim, sizes, |i| 3.5 * bit(i)), Some("is 3.5")),
        (flipped, Some("CRC-32")),
        (right[..right.len() / 2].to_vec(), Some("zip directory")),
        (b"<html>not found</html>".to_vec(), Some("byte 0")),
    ];
    for (body, expected) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let download = download(body.len() as u64);
        let (fetched, names, _) = outcome(&download, &body, &[Answer::Whole], folder.path());
        let Some(expected) = expected else {
            assert_eq!((fetched, names), (Ok(()), vec!["set.npz".to_owned()]));
            assert_eq!(fs::read(folder.path().join("set.npz")).expect("the file"), body);
            continue;
        };
        let error = fetched.expect_err(expected);
        assert!(error.contains(expected) && error.contains("removed"), "{error}: {expected}");
        assert_eq!(names, Vec::<String>::new());
        // Of a file that is there already the same is said, and it stays.
        fs::write(folder.path().join("set.npz"), &body).expect("a file");
        let (fetched, names, _) = outcome(&download, &body, &[Answer::Whole], folder.path());
        let error = fetched.expect_err(expected);
        assert!(
            error.contains(expected) && error.contains("move it away"),
            "{error}: {expected}"
        );
        assert_eq!(names, ["set.npz"]);
    }
}

#[test]
fn what_cannot_be_fetched_says_why() {
    let library = Library::at("unused");
    let error = |name| fetch(name, &library, |_, _| {}).expect_err("nothing to fetch").to_string();
    assert!(error("digits").contains("drawn by the program"));
    assert!(error("mnits").contains("did you mean `mnist`?"));
}

#[test]
fn every_known_set_has_a_safe_name_a_source_and_a_checksum() {
    for known in &KNOWN {
        assert!(
            !known.downloads.is_empty() && known.parts.iter().all(|part| Part::ALL.contains(part))
        );
        for download in known.downloads {
            assert!(!download.urls.is_empty() && download.bytes.about() > 0);
            let hashes: Vec<&str> = match download.check {
                Check::Sha256(hash) | Check::Pictures { sha256: hash, .. } => vec![hash],
                Check::Members(members) => {
                    members.iter().filter_map(|m| m.sha256.map(|(_, _, hash)| hash)).collect()
                }
                Check::Vectors { dim, sizes } => {
                    assert_eq!((dim, sizes), (known.shape.dim(), known.sizes), "{}", known.name);
                    continue;
                }
            };
            assert!(
                !hashes.is_empty() && hashes.iter().all(|hash| hash.len() == 64),
                "{}",
                download.file
            );
            assert!(download.files().iter().all(|file| !file.contains('/')));
        }
    }
}
