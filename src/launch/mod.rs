//! Where runs go that this process does not do itself: tasks of a scheduler. It gets one script and
//! is asked what waits; what a task does, and whether it is done, is the business of `store` and
//! `cli` and the same for every scheduler.

pub mod pack;
pub mod script;
pub mod slurm;
