//! Ctrl-C, SIGTERM, and SIGHUP (a closed terminal, a lost connection): the first asks for a clean
//! stop, the second ends the process at once. SIGQUIT keeps its meaning: it ends the process
//! without saving anything.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2, SIGXFSZ};
use signal_hook::flag;

use crate::session::Interruption;

/// What a signal does, from the first call of [`Interrupt::listen`] on.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    /// The first signal requests a stop; once at rest, it ends the process.
    interruption: Interruption,
}

static LISTENING: OnceLock<Interrupt> = OnceLock::new();

/// Number of the signal that has interrupted the process, and SIGINT's until then: a scheduler's
/// notice counts as Ctrl-C.
static SIGNAL: AtomicUsize = AtomicUsize::new(SIGINT as usize);

/// Exit code of an interrupted process: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.
pub(crate) fn exit_code() -> u8 {
    128 + SIGNAL.load(Ordering::SeqCst) as u8
}

impl Interrupt {
    /// Signals raise [`Interrupt::flag`] from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        if let Some(listening) = LISTENING.get() {
            listening.interruption.at_rest.store(false, Ordering::SeqCst);
            return Ok(listening.clone());
        }
        let interrupt = Self { interruption: Interruption::default() };
        let Interruption { requested, at_rest } = &interrupt.interruption;
        let hangup = Some(SIGHUP).filter(|_| !is_ignored(SIGHUP));
        for signal in [SIGINT, SIGTERM].into_iter().chain(hangup) {
            // In this order: when the first signal comes the flag is still down, and only then
            // raised.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(at_rest))?;
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(requested))?;
            flag::register_usize(signal, &SIGNAL, signal as usize)?;
            flag::register(signal, Arc::clone(requested))?;
        }
        // A limit on the size of files is an error of the write that meets it, and not the end of
        // the process.
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(LISTENING.get_or_init(|| interrupt).clone())
    }

    /// The notice of a scheduler that time is nearly over, SIGUSR2, is a first signal as well; and
    /// raises what this returns.
    pub(crate) fn listen_for_notice(&self) -> io::Result<Arc<AtomicBool>> {
        let notice = Arc::default();
        flag::register(SIGUSR2, Arc::clone(&notice))?;
        flag::register(SIGUSR2, Arc::clone(&self.interruption.requested))?;
        Ok(notice)
    }

    /// The requests that signals make.
    pub(crate) fn interruption(&self) -> &Interruption {
        &self.interruption
    }

    /// Raised by the first signal.
    pub(crate) fn flag(&self) -> &Arc<AtomicBool> {
        &self.interruption.requested
    }

    /// True once a signal has come.
    pub(crate) fn raised(&self) -> bool {
        self.interruption.is_requested()
    }
}

/// True if this process was started with a signal ignored, as `nohup` does: then it stays ignored.
/// Assumed where the system does not tell.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}
