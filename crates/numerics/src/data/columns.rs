//! Columns of the tables of train, valid and test: matched by name, so that a pixel is the same one
//! in all three.

use std::collections::BTreeMap;

use super::read::Pool;
use super::{Images, Part, ValueKind};

/// Brings the columns of valid and test into the order of those of train, and returns sentences on
/// sets that have no names to match. Error: the names differ.
pub(super) fn match_by_name(pools: &mut [Option<Pool>; 3]) -> Result<Vec<String>, String> {
    let mut notes = Vec::new();
    let [Some(train), others @ ..] = pools else { return Ok(notes) };
    for (part, other) in [Part::Valid, Part::Test].into_iter().zip(others) {
        let Some(pool) = other else { continue };
        match (&train.columns, &pool.columns) {
            (Some(names), Some(own)) if names == own => {}
            (Some(names), Some(own)) => {
                let order = order(names, own, pool.kind())
                    .map_err(|problem| format!("its train and {part} tables {problem}"))?;
                pool.reorder(&order);
                // Notes on the order of its own columns no longer apply.
                pool.notes.clear();
                pool.columns.clone_from(&train.columns);
            }
            (Some(_), None) | (None, Some(_)) => {
                let [with, without] =
                    if train.columns.is_some() { [Part::Train, part] } else { [part, Part::Train] };
                notes.push(format!(
                    "the table of {with} names its columns, that of {without} does not: they are taken to be in one order"
                ));
            }
            (None, None) => {}
        }
    }
    Ok(notes)
}

/// Images of a table with columns `own`, their pixels in the order of `names`, and a sentence if
/// there are no names to match. Error: only some of the names are the same.
pub fn in_order_of(
    names: Option<&[String]>,
    images: Images,
    own: Option<&[String]>,
) -> Result<(Images, Option<String>), String> {
    let kind = if images.is_real() { ValueKind::Real } else { ValueKind::Pixels };
    Ok(match to_order_of(names, own, kind)? {
        (Some(order), note) => (images.reordered(&order), note),
        (None, note) => (images, note),
    })
}

/// Brings the columns of a pool into the order of `names`; a sentence if there are no names to match.
/// Error: only some of the names are the same.
pub(super) fn match_with(
    names: Option<&[String]>,
    pool: &mut Pool,
) -> Result<Option<String>, String> {
    let (order, note) = to_order_of(names, pool.columns.as_deref(), pool.kind())?;
    if let Some(order) = order {
        pool.reorder(&order);
    }
    Ok(note)
}

/// Order that brings columns `own` into that of `names`, unless they have it or there are no names to
/// match, for which there is a sentence. Error: only some of the names are the same.
fn to_order_of(
    names: Option<&[String]>,
    own: Option<&[String]>,
    kind: ValueKind,
) -> Result<(Option<Vec<usize>>, Option<String>), String> {
    let (Some(names), Some(own)) = (names, own) else {
        let note = match (names, own) {
            (Some(_), None) => Some(
                "it does not name its columns, as the training data do: they are taken to be in one order",
            ),
            (None, Some(_)) => Some(
                "it names its columns, the training data do not: they are taken to be in one order",
            ),
            _ => None,
        };
        return Ok((None, note.map(str::to_owned)));
    };
    if names == own {
        return Ok((None, None));
    }
    if !own.iter().any(|name| names.contains(name)) {
        let note = format!(
            "its columns, from `{}`, have other names than those of the training data, from `{}`: they are taken to be in one order",
            own.first().map_or("", String::as_str),
            names.first().map_or("", String::as_str)
        );
        return Ok((None, Some(note)));
    }
    let order = order(names, own, kind)
        .map_err(|problem| format!("the tables of the training data and of this {problem}"))?;
    Ok((Some(order), None))
}

/// Index among `own` of each of `names`; error: a sentence on the difference.
fn order(names: &[String], own: &[String], kind: ValueKind) -> Result<Vec<usize>, String> {
    let differ = |name: &str, which: &str| {
        let noun = kind.noun();
        format!(
            "have other columns: `{name}` is in the {which} alone. A column that is not a {noun} is left out if the header \
             calls it `label`; {noun}s need one name in all files"
        )
    };
    let places: BTreeMap<&str, usize> =
        own.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    if let Some(lacking) = names.iter().find(|name| !places.contains_key(name.as_str())) {
        return Err(differ(lacking, "first"));
    }
    if let Some(further) = own.iter().find(|name| !names.contains(name)) {
        return Err(differ(further, "second"));
    }
    if places.len() < own.len() || names.len() != own.len() {
        return Err(format!(
            "name columns twice, in another order: names tell which {} is which",
            kind.noun()
        ));
    }
    Ok(names.iter().map(|name| places[name.as_str()]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_columns_is_found_by_their_names_or_refused() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let of = |train: &str, test: &str| order(&names(train), &names(test), ValueKind::Pixels);
        assert_eq!(of("a b c", "c a b"), Ok(vec![1, 2, 0]));
        for (train, test, words) in [
            ("a b digit", "a b", "`digit` is in the first alone"),
            ("a b", "b a z", "`z` is in the second alone"),
            ("a a b", "a b a", "name columns twice"),
        ] {
            let problem = of(train, test).expect_err(words);
            assert!(problem.contains(words), "{problem}");
        }
    }
}
