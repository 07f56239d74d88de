//! Masks with the names under which figures show them.

use crate::made::masks::MaskSet;

/// A mask with its name.
#[derive(Debug, Clone)]
pub(crate) struct NamedMask {
    pub(crate) name: String,
    pub(crate) mask: MaskSet,
}

/// The names of masks, for captions.
pub(crate) fn names(masks: &[NamedMask]) -> String {
    masks.iter().map(|named| named.name.as_str()).collect::<Vec<_>>().join("; ")
}
