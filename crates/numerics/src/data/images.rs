//! A set of examples in memory: images of one byte per pixel, or vectors of real numbers.
//!
//! Values are shared by all runs of a process. Those that read levels alone (pictures, binarisation,
//! nearest neighbours) ask for [`Images::row`]; a model takes either as a [`Row`].

use std::sync::Arc;

/// A set of images or of real vectors, `count` x D, row-major.
#[derive(Clone)]
pub struct Images {
    values: Values,
    dim: usize,
    labels: Option<Labels>,
}

// Not `Arc<[_]>`: making one would copy all values again.
#[derive(Clone)]
enum Values {
    Levels(Arc<Vec<u8>>),
    Real(Arc<Vec<f32>>),
}

/// Values of one example.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Row<'a> {
    /// Level of each pixel [D].
    Levels(&'a [u8]),
    /// Real numbers [D].
    Real(&'a [f32]),
}

/// An example with its class, if it has one.
#[derive(Debug, Clone, Copy)]
pub struct Example<'a> {
    /// Its values.
    pub values: Row<'a>,
    /// Index of its class.
    pub class: Option<u16>,
}

impl<'a> From<&'a [u8]> for Example<'a> {
    fn from(levels: &'a [u8]) -> Self {
        Self { values: Row::Levels(levels), class: None }
    }
}

impl<'a> From<&'a [f32]> for Example<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self { values: Row::Real(values), class: None }
    }
}

/// Classes of a set of examples, for pictures of the data and models that are told the class.
#[derive(Debug, Clone)]
pub struct Labels {
    /// Class of every example, an index into `names`.
    pub of: Arc<[u16]>,
    /// Names of the classes.
    pub names: Arc<[String]>,
}

impl std::fmt::Debug for Images {
    /// Prints the size alone: no message may hold millions of values.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Images({} x {})", self.count(), self.dim)
    }
}

impl Images {
    /// Wraps the levels of `count * dim` pixels.
    ///
    /// # Panics
    /// If the pixels are not a whole number of images.
    pub fn new(pixels: impl Into<Vec<u8>>, dim: usize) -> Self {
        Self::of_values(Values::Levels(Arc::new(pixels.into())), dim)
    }

    /// Wraps `count * dim` real numbers.
    ///
    /// # Panics
    /// If the numbers are not a whole number of vectors.
    pub fn real(values: Vec<f32>, dim: usize) -> Self {
        Self::of_values(Values::Real(Arc::new(values)), dim)
    }

    fn of_values(values: Values, dim: usize) -> Self {
        let len = values.len();
        assert!(
            dim > 0 && len.is_multiple_of(dim),
            "{len} values are not a whole number of examples of {dim}"
        );
        Self { values, dim, labels: None }
    }

    /// The same examples with their classes.
    ///
    /// # Panics
    /// If there is not one class per example, each with a name.
    #[must_use]
    pub fn with_labels(self, labels: Labels) -> Self {
        assert_eq!(labels.of.len(), self.count(), "one class per example");
        assert!(
            labels.of.iter().all(|&class| usize::from(class) < labels.names.len()),
            "every class has a name"
        );
        Self { labels: Some(labels), ..self }
    }

    /// Classes, if the source has them.
    pub fn labels(&self) -> Option<&Labels> {
        self.labels.as_ref()
    }

    /// Number of examples.
    pub fn count(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Values per example, D.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// True if the examples are vectors of real numbers, not levels of pixels.
    pub fn is_real(&self) -> bool {
        matches!(self.values, Values::Real(_))
    }

    /// Levels of the pixels of image `i`.
    ///
    /// # Panics
    /// If the examples are real vectors.
    pub fn row(&self, i: usize) -> &[u8] {
        &self.pixels()[i * self.dim..(i + 1) * self.dim]
    }

    /// Values of example `i`.
    pub fn values(&self, i: usize) -> Row<'_> {
        let range = i * self.dim..(i + 1) * self.dim;
        match &self.values {
            Values::Levels(levels) => Row::Levels(&levels[range]),
            Values::Real(values) => Row::Real(&values[range]),
        }
    }

    /// Example `i` with its class.
    pub fn example(&self, i: usize) -> Example<'_> {
        let class = self.labels.as_ref().map(|labels| labels.of[i]);
        Example { values: self.values(i), class }
    }

    /// The first `count` examples, or all if there are fewer, with their classes.
    #[must_use]
    pub fn leading(&self, count: usize) -> Self {
        let count = count.min(self.count());
        self.selected(0..count)
    }

    /// Examples with these indices, with their classes.
    #[must_use]
    pub fn selected(&self, indices: impl IntoIterator<Item = usize> + Clone) -> Self {
        let labels = self.labels.as_ref().map(|Labels { of, names }| Labels {
            of: indices.clone().into_iter().map(|i| of[i]).collect(),
            names: Arc::clone(names),
        });
        let values = match &self.values {
            Values::Levels(levels) => Values::Levels(self.rows_of(levels, indices)),
            Values::Real(values) => Values::Real(self.rows_of(values, indices)),
        };
        Self { labels, ..Self::of_values(values, self.dim) }
    }

    fn rows_of<T: Copy>(
        &self,
        values: &[T],
        indices: impl IntoIterator<Item = usize>,
    ) -> Arc<Vec<T>> {
        let rows = indices.into_iter().map(|i| &values[i * self.dim..(i + 1) * self.dim]);
        Arc::new(rows.flatten().copied().collect())
    }

    /// Examples with their values in another order: value `order[0]` becomes the first.
    ///
    /// # Panics
    /// If the order is not one of D values.
    #[must_use]
    pub fn reordered(&self, order: &[usize]) -> Self {
        assert_eq!(order.len(), self.dim, "an order of all values");
        let values = match &self.values {
            Values::Levels(levels) => Values::Levels(Arc::new(in_order(levels, order))),
            Values::Real(values) => Values::Real(Arc::new(in_order(values, order))),
        };
        Self {
            labels: self.labels.clone(),
            ..Self::of_values(values, self.dim)
        }
    }

    /// As many images of other pixels, with the same classes.
    #[must_use]
    pub fn with_pixels(&self, pixels: Vec<u8>) -> Self {
        let other = Self::new(pixels, self.dim);
        assert_eq!(other.count(), self.count(), "as many images as there are classes");
        Self { labels: self.labels.clone(), ..other }
    }

    /// Levels of all pixels, image after image.
    ///
    /// # Panics
    /// If the examples are real vectors.
    pub fn pixels(&self) -> &[u8] {
        match &self.values {
            Values::Levels(levels) => levels,
            Values::Real(_) => panic!("real vectors have no levels"),
        }
    }

    /// All real numbers, vector after vector; `None` for images.
    pub fn real_values(&self) -> Option<&[f32]> {
        match &self.values {
            Values::Levels(_) => None,
            Values::Real(values) => Some(values),
        }
    }
}

fn in_order<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
    let rows = values.chunks_exact(order.len());
    rows.flat_map(|row| order.iter().map(|&from| row[from])).collect()
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Levels(levels) => levels.len(),
            Self::Real(values) => values.len(),
        }
    }
}
