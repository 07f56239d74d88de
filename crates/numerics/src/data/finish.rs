//! Last step of loading: three sets of images are made binary or quantised, and observations on them
//! are collected.

use super::binarize::{Binarization, Levels, binarize};
use super::brightness::{Brightness, correlation};
use super::divided::Divided;
use super::origin::Origin;
use super::part::Part;
use super::read::Pool;
use super::{DataConfig, DataError, Dataset, Images, variables};

/// Makes the images of a division binary, or quantises them; real numbers are standardised.
pub(super) fn finish(divided: &Divided, config: &DataConfig) -> Result<Dataset, DataError> {
    if config.values.is_real() {
        return variables::finish(divided, config);
    }
    let levels = divided.pools.iter().map(Pool::levels).reduce(Levels::and);
    let levels = levels.unwrap_or(Levels::Binary);
    levels.check(config, &config.name)?;
    let binarization = Binarization::of(levels, config);
    let mut brightness = [Brightness::default(); 3];
    let (mut seen, mut train_sums) = ([false; 256], Vec::new());
    let [train, valid, test] = Part::ALL.map(|part| {
        let (pool, images) = &divided.parts[part as usize];
        let pool = &divided.pools[*pool];
        let dim = pool.shape.dim();
        let mut pixels = vec![0; images.len() * dim];
        let (mut counts, mut on) = ([0; 256], Vec::with_capacity(images.len()));
        let white = match binarization {
            Binarization::Dynamic if part == Part::Train => 255,
            _ => config.levels.get() - 1,
        };
        let mut sums = vec![0; dim];
        for (&i, image) in images.iter().zip(pixels.chunks_exact_mut(dim)) {
            image.copy_from_slice(pool.image(i));
            for &level in image.iter() {
                counts[usize::from(level)] += 1;
            }
            binarize(image, levels, config, part, i as usize);
            let sum: usize = image.iter().map(|&level| usize::from(level)).sum();
            sums.iter_mut()
                .zip(&*image)
                .for_each(|(sum, &level)| *sum += usize::from(level));
            on.push(sum as f64 / (white * dim) as f64);
        }
        if part == Part::Train {
            train_sums.clone_from(&sums);
        }
        brightness[part as usize] = Brightness {
            likeness: correlation(&sums, &train_sums),
            ..Brightness::new(&counts, &on, levels.white(config.levels))
        };
        seen.iter_mut().zip(counts).for_each(|(seen, count)| *seen |= count > 0);
        let labelled = Images::new(pixels, dim);
        match divided.labels(part) {
            Some(labels) => labelled.with_labels(labels),
            None => labelled,
        }
    });
    let seen: Vec<u8> = (0..=255).filter(|&level| seen[usize::from(level)]).collect();
    let two_levels = match seen[..] {
        [low, high] if levels != Levels::Binary => Some([low, high]),
        _ => None,
    };
    let origin = Origin {
        brightness,
        two_levels,
        shared: divided.shared(),
        ..Origin::default()
    };
    Ok(Dataset {
        name: config.name.clone(),
        shape: divided.pools[0].shape,
        train,
        valid,
        test,
        levels: config.levels.get(),
        binarization,
        standardisation: None,
        left_out: divided.left_out.clone(),
        origin,
    })
}
