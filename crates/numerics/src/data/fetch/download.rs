//! Download of one file over HTTP, resumed where an earlier attempt stopped.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

use crate::data::DataError;
use crate::data::catalog::Bytes;

/// Consecutive attempts without a new byte after which an address is given up.
const FRUITLESS: u32 = 3;

/// Reason why an attempt ended before the file was complete.
enum Stop {
    /// The connection broke; the next attempt resumes.
    Cut(String),
    /// The server refused; further attempts at this address are useless.
    Refused(String),
    /// The local disk failed.
    Disk(DataError),
}

/// Downloads `url` to `part`, which may hold the beginning of the file already.
pub(super) fn to_file(
    url: &str,
    part: &Path,
    bytes: Bytes,
    progress: &mut dyn FnMut(u64),
) -> Result<(), DataError> {
    let failed = |problem: String| DataError::Fetch { url: url.to_owned(), problem };
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(part)
        .map_err(DataError::io(part))?;
    if file.try_lock().is_err() {
        return Err(failed(format!("another download is writing {}", part.display())));
    }
    let agent = agent(url);
    let mut fruitless = 0;
    loop {
        let have = length(&file, part)?;
        match attempt(&agent, url, &mut file, part, have, bytes, progress) {
            Ok(()) => return file.sync_all().or_else(ignore_devices).map_err(DataError::io(part)),
            Err(Stop::Disk(error)) => return Err(error),
            Err(Stop::Refused(problem)) => {
                // No byte arrived: an empty file must not remain, because it looks like a partial
                // download.
                if length(&file, part)? == 0 {
                    std::fs::remove_file(part).map_err(DataError::io(part))?;
                }
                return Err(failed(problem));
            }
            Err(Stop::Cut(problem)) => {
                fruitless = if length(&file, part)? > have { 0 } else { fruitless + 1 };
                if fruitless == FRUITLESS {
                    let kept = length(&file, part)?;
                    let problem = format!(
                        "{problem}; {kept} bytes are kept, and the same command continues from there"
                    );
                    return Err(failed(problem));
                }
                std::thread::sleep(Duration::from_millis(200 * u64::from(fruitless)));
            }
        }
    }
}

fn ignore_devices(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::InvalidInput { Ok(()) } else { Err(error) }
}

fn length(file: &File, part: &Path) -> Result<u64, DataError> {
    Ok(file.metadata().map_err(DataError::io(part))?.len())
}

fn agent(url: &str) -> ureq::Agent {
    let mut config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("ablade/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_per_read(Some(Duration::from_secs(60)));
    // A proxy must not be used for the machine itself.
    if ["http://127.0.0.1", "http://localhost", "http://[::1]"]
        .iter()
        .any(|local| url.starts_with(local))
    {
        config = config.proxy(None);
    }
    config.build().into()
}

fn attempt(
    agent: &ureq::Agent,
    url: &str,
    file: &mut File,
    part: &Path,
    have: u64,
    bytes: Bytes,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Stop> {
    let restart =
        |file: &File| file.set_len(0).map_err(|error| Stop::Disk(DataError::io(part)(error)));
    if matches!(bytes, Bytes::Exactly(whole) if have == whole) {
        progress(have);
        return Ok(());
    }
    if have > bytes.most() {
        restart(file)?;
        return Err(Stop::Cut(format!("{} was longer than the file", part.display())));
    }
    let mut request = agent.get(url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let mut response = request.call().map_err(|error| match error {
        ureq::Error::BadUri(_) | ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => {
            Stop::Refused(error.to_string())
        }
        error => Stop::Cut(error.to_string()),
    })?;
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let start = match (response.status().as_u16(), header("content-range")) {
        (200, _) => 0,
        (206, Some(range)) if range.starts_with(&format!("bytes {have}-")) => have,
        (206, _) => {
            return Err(Stop::Refused("the server sends another range than was asked for".into()));
        }
        // The server has no further bytes: the file is complete, and the check decides.
        (416, Some(range)) if range == format!("bytes */{have}") => return Ok(()),
        (416, _) => {
            restart(file)?;
            return Err(Stop::Cut("the server does not continue this file".into()));
        }
        (status @ 500.., _) => return Err(Stop::Cut(format!("the server answers {status}"))),
        (status, _) => return Err(Stop::Refused(format!("the server answers {status}"))),
    };
    if start != have {
        restart(file)?;
    }
    let promised = header("content-length")
        .and_then(|length| length.parse::<u64>().ok())
        .map(|length| start + length);
    if let (Bytes::Exactly(whole), Some(promised)) = (bytes, promised)
        && whole != promised
    {
        return Err(Stop::Refused(format!(
            "the server offers {promised} bytes, the file has {whole}"
        )));
    }
    if let Some(promised) = promised.filter(|promised| *promised > bytes.most()) {
        let about = bytes.about();
        return Err(Stop::Refused(format!(
            "the server offers {promised} bytes, the file has about {about}"
        )));
    }
    let mut body = response.body_mut().as_reader();
    let mut block = vec![0; 1 << 16];
    let mut have = start;
    progress(have);
    loop {
        let read = match body.read(&mut block) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(Stop::Cut(format!("the connection broke after {have} bytes: {error}")));
            }
        };
        have += read as u64;
        if have > bytes.most() {
            restart(file)?;
            let about = if matches!(bytes, Bytes::Exactly(_)) { "" } else { "about " };
            let problem = format!(
                "the server sends more than the {about}{} bytes of the file",
                bytes.about()
            );
            return Err(Stop::Refused(problem));
        }
        file.write_all(&block[..read])
            .map_err(|error| Stop::Disk(full(error, url, part)))?;
        progress(have);
    }
    let whole = if let Bytes::Exactly(whole) = bytes { Some(whole) } else { promised };
    match whole {
        Some(whole) if have < whole => {
            Err(Stop::Cut(format!("the connection closed after {have} of {whole} bytes")))
        }
        _ => Ok(()),
    }
}

fn full(error: std::io::Error, url: &str, part: &Path) -> DataError {
    if error.kind() != ErrorKind::StorageFull {
        return DataError::io(part)(error);
    }
    let folder = part.parent().unwrap_or(part).display();
    let problem = format!("no space left in {folder}; make room, and the same command continues");
    DataError::Fetch { url: url.to_owned(), problem }
}
