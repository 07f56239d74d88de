//! Trainers of the program: each joins a model with the harness.

pub mod made;
