//! Laws of MADE, each with a control that violates it. The doc comment of each test states its law.

mod cases;
mod densities;
mod gradients;
mod likelihood;
mod masks;
mod outputs;
mod sampling;
mod training;
