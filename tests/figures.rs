//! Figures of made-up studies: what charts claim, and that their pictures repeat.

mod common;

use std::path::PathBuf;

use ablade::figures::draw_all;
use ablade::record::RunStatus;
use common::{Recipe, artefacts, strings};

/// Pictures land here, for people to look at.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("figures").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(name: &str, recipe: &Recipe) {
    let study = recipe.study();
    for figure in draw_all(&study, &artefacts(&study)) {
        let stem = folder(name).join(&figure.name);
        std::fs::write(stem.with_extension("png"), &figure.pictures.png).unwrap();
        std::fs::write(stem.with_extension("svg"), &figure.pictures.svg).unwrap();
        std::fs::write(stem.with_extension("pdf"), &figure.pictures.pdf).unwrap();
    }
}

#[test]
fn every_kind_of_study_gives_pictures() {
    write("grid", &Recipe::default());
    write(
        "many",
        &Recipe {
            axes: vec![
                ("ordering", strings(&["raster", "columns", "reverse", "snake", "spiral"])),
                ("depth", strings(&["1", "2"])),
                ("skip", strings(&["off", "on"])),
            ],
            epochs: 200,
            status: |v, s| match (v, s) {
                (3, 1) => RunStatus::Diverged,
                (5, _) => RunStatus::Failed,
                (7, 2) => RunStatus::Outstanding,
                _ => RunStatus::Finished,
            },
            ..Recipe::default()
        },
    );
}
