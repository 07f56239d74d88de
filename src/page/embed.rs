//! Files within the page: `data:` addresses and the hashes of the content security policy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A PNG as a `data:` address.
pub(crate) fn png_address(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}

/// An SVG as a `data:` address. Only the characters that end or change an address are encoded,
/// because most of the page consists of drawings.
pub(super) fn svg_address(svg: &str) -> String {
    let mut address = String::from("data:image/svg+xml,");
    for c in svg.chars() {
        match c {
            '%' => address.push_str("%25"),
            '#' => address.push_str("%23"),
            '\'' => address.push_str("%27"),
            '\n' => {}
            c => address.push(c),
        }
    }
    address
}

/// `sha256-...` of a script or style sheet, as content security policies name it.
pub(super) fn policy_hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}
