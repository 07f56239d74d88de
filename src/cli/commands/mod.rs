//! Subcommands, one file each: arguments, one call, one print.

pub(crate) mod adopt;
pub(crate) mod cancel;
pub(crate) mod clean;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod data;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod freeze;
pub(crate) mod gather;
pub(crate) mod init;
pub(crate) mod inpaint;
pub(crate) mod masks;
pub(crate) mod plan;
pub(crate) mod plots;
pub(crate) mod register;
pub(crate) mod sample;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod sweep;
pub(crate) mod tables;
pub(crate) mod task;
pub(crate) mod verify;
pub(crate) mod why;
