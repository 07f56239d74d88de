#!/usr/bin/env python3
"""Scores a run again from its directory alone, with NumPy: python3 rescore.py RUN_DIRECTORY --images TEST.npy [--labels LABELS.npy]

Reads model.safetensors, masks.npz, run.toml and the scores that the run left (test_nll.npy, test_nll_mixture.npy,
test_nll_averaged.npy), computes the scores by the formula of docs/reference/output.md in double precision, and compares image by image.
Of a model that is told the class it also compares the NLL without the class (summary.toml) and the images whose class is the likeliest
by Bayes' rule (test_correct.npy), with the shares of the classes in class_counts.npy. Rows of a table are standardised by standardisation.csv.
Exit code 0: they agree; 1: they differ; 2: something cannot be read.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np

ACTIVATIONS = {
    "relu": lambda a: np.maximum(a, 0),
    "softplus": lambda a: np.logaddexp(0, a),
    "tanh": np.tanh,
    "sigmoid": lambda a: np.exp(-np.logaddexp(0, -a)),
    "softsign": lambda a: a / (1 + np.abs(a)),
}
# Smaller log scales of a logistic count as this one.
MIN_LOG_SCALE = -7.0
# The standard deviation of a Gaussian is exp(log scale) + MIN_DEVIATION; larger log scales count as MOST_LOG_SCALE,
# and numbers further from the mean as MOST_DEVIATIONS.
MIN_DEVIATION, MOST_LOG_SCALE, MOST_DEVIATIONS = 1e-3, 20.0, 1e6


def read_safetensors(path):
    """Tensors by name: eight bytes of header length, a JSON header, the data."""
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    types = {"F32": "<f4", "U32": "<u4"}
    tensors = {}
    for name, entry in json.loads(raw[8:start]).items():
        if name != "__metadata__":
            first, end = entry["data_offsets"]
            data = np.frombuffer(raw[start + first : start + end], types[entry["dtype"]])
            tensors[name] = data.reshape(entry["shape"])
    return tensors


def read_settings(path):
    """`section.key` to text, for the plain keys and values of run.toml."""
    settings, section = {}, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]") + "."
        elif " = " in line:
            key, value = line.split(" = ", 1)
            settings[section + key] = value.strip('"')
    return settings


def read_standardisation(path):
    """Mean and standard deviation of each column of a table."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return np.array([float(row[1]) for row in rows]), np.array([float(row[2]) for row in rows])


def read_masks(run, tensors, archive):
    """A list of (ordering, degrees of each hidden layer)."""
    path = archive or run / "masks.npz"
    layers = sum(name.startswith("degrees.") for name in tensors)
    if path.exists():
        arrays = np.load(path)
    else:
        print(f"no {path}: only the mask in model.safetensors is scored")
        arrays = {name: tensors[name][None] for name in ["ordering"] + [f"degrees.{l}" for l in range(layers)]}
    degrees = [arrays[f"degrees.{l}"].astype(np.int64) for l in range(layers)]
    return [(ordering, [layer[k] for layer in degrees]) for k, ordering in enumerate(arrays["ordering"].astype(np.int64))]


class Model:
    """The settings of a run that the formula needs, and its tensors."""

    def __init__(self, tensors, settings, dim):
        setting = lambda name, default: settings.get(f"config.{name}", default)
        self.tensors, self.dim = tensors, dim
        self.activation = ACTIVATIONS[settings["config.model.activation"]]
        self.output = setting("model.output", "bernoulli")
        self.levels = int(setting("data.levels", 2))
        self.is_density = self.output in ("gaussian", "gaussian-mixture")
        self.is_one_hot = setting("model.input", "scaled") == "one-hot"
        self.n_inputs = dim * (self.levels - 1 if self.is_one_hot else 1)
        self.n_classes = 0
        if setting("model.classes", "false") == "true":
            of_pixels = self.n_inputs if setting("model.skip", "false") == "true" else 0
            self.n_classes = tensors["direct.weight"].shape[1] - of_pixels

    def inputs(self, images, labels):
        """Inputs [images x (classes + pixels x Q)]: one for each class, then those of the pixels."""
        if self.is_density:
            pixels = images
        elif self.is_one_hot:
            pixels = (images[:, :, None] == np.arange(1, self.levels)).reshape(len(images), -1)
        else:
            pixels = images / (self.levels - 1)
        if self.n_classes == 0:
            return pixels
        return np.hstack([labels[:, None] == np.arange(self.n_classes), pixels])

    def network(self, mask):
        """Function from inputs to the parameters of the pixels [images x pixels x P], under one mask."""
        ordering, degrees = mask
        of_pixels = np.empty_like(ordering)
        of_pixels[ordering] = np.arange(self.dim) + 1
        # A class has degree 0: every unit and output is connected to it.
        of_inputs = np.append(np.zeros(self.n_classes), np.repeat(of_pixels, self.n_inputs // self.dim))
        of_outputs = np.repeat(of_pixels, len(self.tensors["output.bias"]) // self.dim)

        def affine(name, open):
            bias, condition = self.tensors[f"{name}.bias"], self.tensors.get(f"{name}.condition")
            offset = bias if condition is None else bias + (condition * open).sum(1)
            weight = (self.tensors[f"{name}.weight"] * open).T
            return lambda h: h @ weight + offset

        hidden, below = [], of_inputs
        for l, layer in enumerate(degrees):
            hidden.append(affine(f"hidden.{l}", layer[:, None] >= below))
            below = layer
        output = affine("output", of_outputs[:, None] > below) if degrees else lambda h: self.tensors["output.bias"]
        direct = self.tensors.get("direct.weight")
        if direct is not None:
            seen = of_inputs[: direct.shape[1]]
            direct = (direct * (of_outputs[:, None] > seen)).T

        def run(x):
            h = x
            for layer in hidden:
                h = self.activation(layer(h))
            z = np.broadcast_to(output(h), (len(x), len(of_outputs)))
            if direct is not None:
                z = z + x[:, : len(direct)] @ direct
            return z.reshape(len(x), self.dim, -1)

        return run

    def nll_of_parameters(self, z, images):
        """-log p of every pixel [images x pixels] from its parameters, nats."""
        if self.output == "bernoulli":
            return np.logaddexp(0, z[:, :, 0]) - images * z[:, :, 0]
        if self.output == "categorical":
            own = np.take_along_axis(z, images[:, :, None].astype(np.int64), 2)[:, :, 0]
            return np.logaddexp.reduce(z, 2) - own
        if self.output == "gaussian":
            return -self.log_density(images[:, :, None], *np.split(z, 2, 2))[:, :, 0]
        logits, means, log_scales = np.split(z, 3, 2)
        of_component = self.log_density if self.is_density else self.log_mass
        joint = logits + of_component(images[:, :, None], means, log_scales)
        return np.logaddexp.reduce(logits, 2) - np.logaddexp.reduce(joint, 2)

    def log_mass(self, level, means, log_scales):
        """log(sigmoid(upper) - sigmoid(lower)) for the ends of a level's interval, in scales from the mean."""
        half = 1 / (self.levels - 1)
        inverse = np.exp(-np.maximum(log_scales, MIN_LOG_SCALE))
        upper = (2 * half * level - 1 + half - means) * inverse
        lower = upper - 2 * half * inverse
        below_upper, above_lower = -np.logaddexp(0, -upper), -np.logaddexp(0, lower)
        inside = below_upper + above_lower + np.log(-np.expm1(-2 * half * inverse))
        return np.where(level == 0, below_upper, np.where(level == self.levels - 1, above_lower, inside))

    def log_density(self, x, means, log_scales):
        """Logarithm of the normal density at standardised numbers."""
        deviations = np.exp(np.clip(log_scales, -MOST_LOG_SCALE, MOST_LOG_SCALE)) + MIN_DEVIATION
        distances = np.clip((x - means) / deviations, -MOST_DEVIATIONS, MOST_DEVIATIONS)
        return -(distances**2) / 2 - np.log(deviations) - np.log(2 * np.pi) / 2

    def nll_by_pixel(self, mask, images, labels):
        """-log p(x_d | class, pixels before d) of every image and pixel, nats."""
        run = self.network(mask)
        parts = np.array_split(np.arange(len(images)), -(-len(images) // 100))
        of = lambda part: (images[part], None if labels is None else labels[part])
        return np.concatenate([self.nll_of_parameters(run(self.inputs(*of(part))), images[part]) for part in parts])


def log_mean_exp(values):
    """log of the mean of exp over the first axis."""
    largest = values.max(0)
    return largest + np.log(np.exp(values - largest).mean(0))


def compare(name, computed, stored, sizes, n_inputs_per_pixel):
    """Prints the largest difference; true if rounding explains it: runs compute and store scores in single precision, whose
    error grows as the root of the number of terms of a sum, and with their sizes, the sums of the absolute values."""
    if len(stored) != len(computed):
        sys.exit(f"{name} holds {len(stored)} scores, the images are {len(computed)}")
    apart = np.abs(computed - stored)
    good = bool(np.all(apart <= np.maximum(1e-5, 1e-6 * n_inputs_per_pixel**0.5 * sizes)))
    verdict = "agrees" if good else "DIFFERS"
    print(f"{name}: {verdict}; mean {computed.mean():.6f} nats over {len(stored)} images, largest difference {apart.max():.1e}")
    return good


def compare_without_class(run, joint, labels, stored_nll, size, n_inputs_per_pixel):
    """The same for the NLL without the class and the likeliest classes, from -log p(image, class) [classes x images]."""
    nll = -np.logaddexp.reduce(-joint, 0)
    apart = abs(nll.mean() - stored_nll)
    good = bool(apart <= max(1e-5, 1e-6 * n_inputs_per_pixel**0.5 * size))
    verdict = "agrees" if good else "DIFFERS"
    print(f"NLL without the class: {verdict}; mean {nll.mean():.6f} nats over {len(nll)} images, difference {apart:.1e}")
    correct, stored = joint.argmin(0) == labels, np.load(run / "test_correct.npy")
    first, second = np.partition(joint, 1, 0)[:2]
    # Of two classes that are as likely up to rounding, either may be the likeliest.
    wrong = int(np.sum((correct != stored) & (second - first > np.maximum(1e-4, 1e-5 * np.abs(first)))))
    verdict = "agrees" if wrong == 0 else "DIFFERS"
    print(f"test_correct.npy: {verdict}; accuracy {correct.mean():.4f}, images that differ {wrong}")
    return good and wrong == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a directory below results/runs/")
    parser.add_argument("--images", type=Path, required=True, help="the test images as a .npy array, 0 to data.levels - 1, or test rows in the units of their table")
    parser.add_argument("--labels", type=Path, help="their classes from 0 as a .npy array, for a model that is told the class")
    parser.add_argument("--masks", type=Path, help="masks.npz, where the run's directory has none")
    args = parser.parse_args()
    tensors = {
        name: tensor.astype(np.float64) if tensor.dtype == np.float32 else tensor
        for name, tensor in read_safetensors(args.run / "model.safetensors").items()
    }
    settings = read_settings(args.run / "run.toml")
    masks = read_masks(args.run, tensors, args.masks)
    images = np.load(args.images)
    images = images.reshape(len(images), -1).astype(np.float64)
    model = Model(tensors, settings, images.shape[1])
    if model.is_density:
        means, deviations = read_standardisation(args.run / "standardisation.csv")
        # Runs read standardised numbers in single precision.
        images = ((images - means) / deviations).astype(np.float32).astype(np.float64)
    if not model.is_density and not np.isin(images, np.arange(model.levels)).all():
        sys.exit(f"{args.images} holds values other than 0 to {model.levels - 1}")
    labels = None
    if model.n_classes > 0:
        if args.labels is None:
            sys.exit("the model is told the class: --labels gives those of the images")
        labels = np.load(args.labels)
        if labels.shape != (len(images),) or not np.isin(labels, np.arange(model.n_classes)).all():
            sys.exit(f"{args.labels} does not hold a class from 0 to {model.n_classes - 1} for each of {len(images)} images")

    averaged_path = args.run / "test_nll_averaged.npy"
    averaged_masks = int(settings["config.sample.masks"]) if averaged_path.exists() else 0
    by_mask = np.empty((len(masks), len(images)))
    averaged = np.full(images.shape, -np.inf)
    for k, mask in enumerate(masks):
        pixels = model.nll_by_pixel(mask, images, labels)
        by_mask[k] = pixels.sum(1)
        if k == 0:
            sizes = np.abs(pixels).sum(1)
        if k < averaged_masks:
            averaged = np.logaddexp(averaged, -pixels)
    per_pixel = model.n_inputs // model.dim
    good = compare("test_nll.npy", by_mask[0], np.load(args.run / "test_nll.npy"), sizes, per_pixel)
    mixture_path = args.run / "test_nll_mixture.npy"
    if mixture_path.exists() and len(masks) > 1:
        good &= compare(mixture_path.name, -log_mean_exp(-by_mask), np.load(mixture_path), sizes, per_pixel)
    if averaged_masks and len(masks) >= averaged_masks:
        averaged = -(averaged - np.log(averaged_masks)).sum(1)
        good &= compare(averaged_path.name, averaged, np.load(averaged_path), sizes, per_pixel)
    counts_path = args.run / "class_counts.npy"
    if model.n_classes > 0 and counts_path.exists():
        with np.errstate(divide="ignore"):
            log_prior = np.log(np.load(counts_path).astype(np.float64))
        log_prior -= np.logaddexp.reduce(log_prior)
        given = lambda c: model.nll_by_pixel(masks[0], images, np.full(len(images), c)).sum(1)
        joint = np.stack([given(c) - log_prior[c] for c in range(model.n_classes)])
        stored = float(read_settings(args.run / "summary.toml")["test_nll_without_class_nats"])
        good &= compare_without_class(args.run, joint, labels, stored, sizes.mean(), per_pixel)
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SystemExit as end:
        if isinstance(end.code, str):
            print(f"rescore: {end.code}", file=sys.stderr)
            sys.exit(2)
        raise
    except (OSError, KeyError, ValueError) as error:
        print(f"rescore: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)
