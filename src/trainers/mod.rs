//! The trainers that the program has: each joins a model with the harness.

pub mod made;
