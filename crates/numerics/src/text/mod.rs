//! Quantities, numbers and names as every message, table, figure and page writes them: one rule
//! for each.
//!
//! | what | function | looks like |
//! |---|---|---|
//! | things counted | [`count`] | `1 run`, `2,000 studies` |
//! | a whole number in a sentence | [`thousands`] | `1,234` |
//! | a time | [`duration`] | `0.25 s`, `6 m 12 s` |
//! | memory and disk | [`bytes`] | `3.1 GiB` |
//! | a download | [`megabytes`] | `12 MB` |
//! | a p value | [`p_value`] | `0.031` |
//! | a level of confidence | [`percent`] | `95` |
//! | a share | [`share`] | `13 %`, `under 0.1 %` |
//! | a ratio | [`factor`] | `7.2`, `15` |
//! | a size or a setting, short | [`short`] | `0.001`, `63.5k`, `1.57M` |
//! | decimals of a value with an interval | [`decimals_for`] | two digits of the interval |
//! | a value in a terminal or message | [`fixed`], [`signed`] | `-0.52`, `+0.52` |
//! | a value in a figure or page | [`typeset`], [`estimate`], [`difference`] | `−12,345.6`, `93.5 ± 1.7` |
//! | a value in a file | [`exact`] | `95.625` |

mod exact;
mod name;
mod number;
mod quantity;

pub use exact::exact;
pub use name::{brief, capitalised, nearest, some_of};
pub use number::{
    decimals_for, difference, estimate, factor, fixed, p_value, percent, share, short, signed,
    typeset,
};
pub use quantity::{bytes, count, duration, megabytes, thousands};
