//! Ctrl-C, SIGTERM, and SIGHUP (a closed terminal, a lost connection): the first asks for a clean
//! stop, the second ends the process at once. SIGQUIT keeps its meaning: it ends the process
//! without saving anything.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2, SIGXFSZ};
use signal_hook::flag;

use crate::session::Interruption;

/// Signal handlers, active from the first call of [`Interrupt::listen`].
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
    /// Installs the handlers: signals raise [`Interrupt::flag`].
    pub(crate) fn listen() -> io::Result<Self> {
        if let Some(listening) = LISTENING.get() {
            listening.interruption.at_rest.store(false, Ordering::SeqCst);
            return Ok(listening.clone());
        }
        let interrupt = Self { interruption: Interruption::default() };
        let Interruption { requested, at_rest } = &interrupt.interruption;
        let hangup = Some(SIGHUP).filter(|_| !is_ignored(SIGHUP));
        for signal in [SIGINT, SIGTERM].into_iter().chain(hangup) {
            // In this order: on the first signal the flag is not raised yet, so that the process
            // continues, and then the flag is raised.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(at_rest))?;
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(requested))?;
            flag::register_usize(signal, &SIGNAL, signal as usize)?;
            flag::register(signal, Arc::clone(requested))?;
        }
        // A write beyond the limit of the file size must be an error of that write, not the end of
        // the process.
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(LISTENING.get_or_init(|| interrupt).clone())
    }

    /// Treats SIGUSR2, with which a scheduler announces the end of the time limit, as a first
    /// signal; the returned flag is raised as well.
    pub(crate) fn listen_for_notice(&self) -> io::Result<Arc<AtomicBool>> {
        let notice = Arc::default();
        flag::register(SIGUSR2, Arc::clone(&notice))?;
        flag::register(SIGUSR2, Arc::clone(&self.interruption.requested))?;
        Ok(notice)
    }

    /// Requests made by signals.
    pub(crate) fn interruption(&self) -> &Interruption {
        &self.interruption
    }

    /// Flag raised by the first signal.
    pub(crate) fn flag(&self) -> &Arc<AtomicBool> {
        &self.interruption.requested
    }

    /// True once a signal has arrived.
    pub(crate) fn raised(&self) -> bool {
        self.interruption.is_requested()
    }
}

/// True if this process was started with a signal ignored, as by `nohup`: then it is not handled.
/// Also true if the system does not tell.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}
