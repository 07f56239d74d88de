//! The laws of MADE, each with a control that breaks it. Numbers in the names are those of no
//! document: the laws stand in the doc comment of each test.

mod cases;
mod gradients;
mod likelihood;
mod masks;
mod sampling;
mod training;
