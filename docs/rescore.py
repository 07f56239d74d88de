#!/usr/bin/env python3
"""Scores a run again from its directory alone, with NumPy: python3 rescore.py RUN_DIRECTORY --images BITS.npy

Reads model.safetensors, masks.npz, run.toml and the scores that the run left (test_nll.npy, test_nll_mixture.npy,
test_nll_averaged.npy), computes the scores by the formula of docs/reference/output.md in double precision, and compares image by image.
Exit code 0: they agree; 1: they differ; 2: something cannot be read.
"""

import argparse
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


def nll_by_pixel(tensors, activation, mask, images):
    """-log p(x_d | pixels before d) of every image and pixel, nats."""
    ordering, degrees = mask
    input_degrees = np.empty_like(ordering)
    input_degrees[ordering] = np.arange(len(ordering)) + 1

    def affine(name, h, open):
        a = h @ (tensors[f"{name}.weight"] * open).T + tensors[f"{name}.bias"]
        if f"{name}.condition" in tensors:
            a += (tensors[f"{name}.condition"] * open).sum(1)
        return a

    h, below = images, input_degrees
    for l, layer in enumerate(degrees):
        h = activation(affine(f"hidden.{l}", h, layer[:, None] >= below))
        below = layer
    if degrees:
        z = affine("output", h, input_degrees[:, None] > below)
    else:
        z = np.broadcast_to(tensors["output.bias"], images.shape)
    if "direct.weight" in tensors:
        z = z + images @ (tensors["direct.weight"] * (input_degrees[:, None] > input_degrees)).T
    return np.logaddexp(0, z) - images * z


def log_mean_exp(values):
    """log of the mean of exp over the first axis."""
    largest = values.max(0)
    return largest + np.log(np.exp(values - largest).mean(0))


def compare(name, computed, stored):
    """Prints the largest difference; true if rounding explains it: scores are stored in single precision."""
    if len(stored) != len(computed):
        sys.exit(f"{name} holds {len(stored)} scores, the images are {len(computed)}")
    apart = np.abs(computed - stored)
    good = bool(np.all(apart <= np.maximum(1e-5, 1e-6 * stored)))
    verdict = "agrees" if good else "DIFFERS"
    print(f"{name}: {verdict}; mean {computed.mean():.6f} nats over {len(stored)} images, largest difference {apart.max():.1e}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a directory below results/runs/")
    parser.add_argument("--images", type=Path, required=True, help="the test images, 0 and 1, as a .npy array")
    parser.add_argument("--masks", type=Path, help="masks.npz, where the run's directory has none")
    args = parser.parse_args()
    tensors = {
        name: tensor.astype(np.float64) if tensor.dtype == np.float32 else tensor
        for name, tensor in read_safetensors(args.run / "model.safetensors").items()
    }
    settings = read_settings(args.run / "run.toml")
    activation = ACTIVATIONS[settings["config.model.activation"]]
    masks = read_masks(args.run, tensors, args.masks)
    images = np.load(args.images)
    images = images.reshape(len(images), -1).astype(np.float64)
    if not np.isin(images, [0, 1]).all():
        sys.exit(f"{args.images} holds values other than 0 and 1")

    averaged_path = args.run / "test_nll_averaged.npy"
    averaged_masks = int(settings["config.sample.masks"]) if averaged_path.exists() else 0
    by_mask = np.empty((len(masks), len(images)))
    averaged = np.full(images.shape, -np.inf)
    for k, mask in enumerate(masks):
        pixels = nll_by_pixel(tensors, activation, mask, images)
        by_mask[k] = pixels.sum(1)
        if k < averaged_masks:
            averaged = np.logaddexp(averaged, -pixels)
    good = compare("test_nll.npy", by_mask[0], np.load(args.run / "test_nll.npy"))
    mixture_path = args.run / "test_nll_mixture.npy"
    if mixture_path.exists() and len(masks) > 1:
        good &= compare(mixture_path.name, -log_mean_exp(-by_mask), np.load(mixture_path))
    if averaged_masks and len(masks) >= averaged_masks:
        averaged = -(averaged - np.log(averaged_masks)).sum(1)
        good &= compare(averaged_path.name, averaged, np.load(averaged_path))
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
