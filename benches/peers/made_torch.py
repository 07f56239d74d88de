#!/usr/bin/env python3
"""Trains MADE on MNIST with PyTorch and argparse alone: the training of Hydra's study, as a program of an experiment.

    made_torch.py --data train-images-idx3-ubyte.gz --masks 4 --skip --seed 1

Training takes another of `--masks` sets of masks at each minibatch; the test NLL is the mean over the sets. The last
fifth of the images are the validation set and the test set. Files go to the directory in $ABLADE_RUN, or to --out.
"""

import argparse
import csv
import gzip
import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def load(path, limit):
    """Binary images [n x n_pixels] from an idx file, plain or .gz, and their side in pixels."""
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    _, _, height, width = struct.unpack(">4I", raw[:16])
    pixels = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, height * width)[:limit]
    return torch.from_numpy((pixels > 127).astype(np.float32)), width


def mask_set(rng, n_pixels, hidden, ordering):
    """Position of each pixel in the ordering, the masks from layer to layer, and that from the input to the output."""
    position = 1 + (np.arange(n_pixels) if ordering == "raster" else rng.permutation(n_pixels))
    degrees = [position]
    for width in hidden:
        degrees.append(rng.integers(degrees[-1].min(), n_pixels, size=width))
    masks = [above[:, None] >= below[None, :] for below, above in zip(degrees, degrees[1:])]
    masks.append(position[:, None] > degrees[-1][None, :])
    skip = position[:, None] > position[None, :]
    return position, [torch.from_numpy(m.astype(np.float32)) for m in masks], torch.from_numpy(skip.astype(np.float32))


class Made(nn.Module):
    def __init__(self, n_pixels, hidden, skip):
        super().__init__()
        widths = [n_pixels, *hidden, n_pixels]
        self.layers = nn.ModuleList(nn.Linear(below, above) for below, above in zip(widths, widths[1:]))
        self.skip = nn.Linear(n_pixels, n_pixels, bias=False) if skip else None

    def forward(self, x, masks):
        """Logits of the pixels, each given those before it in the ordering."""
        _, between, skip = masks
        h = x
        for k, (layer, mask) in enumerate(zip(self.layers, between)):
            h = F.linear(h if k == 0 else F.relu(h), layer.weight * mask, layer.bias)
        return h if self.skip is None else h + F.linear(x, self.skip.weight * skip)

    def nll(self, x, masks):
        """Negative log-likelihood of each image [n], nats."""
        return F.binary_cross_entropy_with_logits(self(x, masks), x, reduction="none").sum(1)


@torch.no_grad()
def sample(net, masks, count, n_pixels):
    x = torch.zeros(count, n_pixels)
    for d in np.argsort(masks[0]):
        x[:, d] = torch.bernoulli(torch.sigmoid(net(x, masks)[:, d]))
    return x


def write_png(path, images, side):
    """Ten images a row, one bit a pixel made a byte."""
    rows = images.reshape(-1, 10, side, side).permute(0, 2, 1, 3).reshape(-1, 10 * side)
    grey = (255 * rows).numpy().astype(np.uint8)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 0)
    lines = b"".join(b"\0" + line.tobytes() for line in grey)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="idx file of MNIST's training images")
    parser.add_argument("--limit", type=int, default=10_000, help="number of images, all three sets together")
    parser.add_argument("--hidden", type=int, nargs="+", default=[500])
    parser.add_argument("--ordering", choices=["raster", "random"], default="raster")
    parser.add_argument("--masks", type=int, default=1, help="number of mask sets")
    parser.add_argument("--skip", action="store_true", help="direct connections from the input to the output")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--samples", type=int, default=100, help="number of images to draw, a multiple of ten")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="continue from checkpoint/state.pt")
    parser.add_argument("--out", type=Path, default=os.environ.get("ABLADE_RUN", "run"))
    args = parser.parse_args()

    torch.set_num_threads(int(os.environ.get("ABLADE_CPUS", 1)))
    torch.manual_seed(args.seed)
    images, side = load(args.data, args.limit)
    n_valid = len(images) // 10
    train, valid, test = images.split([len(images) - 2 * n_valid, n_valid, n_valid])
    rng = np.random.default_rng(args.seed)
    sets = [mask_set(rng, images.shape[1], args.hidden, args.ordering) for _ in range(args.masks)]
    net = Made(images.shape[1], args.hidden, args.skip)
    optimizer = torch.optim.Adam(net.parameters(), lr=args.lr)

    for folder in ("scores", "files", "checkpoint"):
        (args.out / folder).mkdir(parents=True, exist_ok=True)
    state, done, step = args.out / "checkpoint" / "state.pt", 0, 0
    if args.resume:
        saved = torch.load(state)
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        torch.set_rng_state(saved["rng"])
        done, step = saved["epoch"], saved["step"]
    with open(args.out / "metrics.csv", "a" if done else "w", newline="") as file:
        table = csv.writer(file)
        if not done:
            table.writerow(["epoch", "train_nll", "valid_nll"])
        for epoch in range(done + 1, args.epochs + 1):
            total = 0.0
            for batch in torch.randperm(len(train)).split(args.batch):
                loss = net.nll(train[batch], sets[step % args.masks]).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(batch)
                step += 1
            with torch.no_grad():
                valid_nll = torch.stack([net.nll(valid, masks).mean() for masks in sets]).mean()
            table.writerow([epoch, total / len(train), valid_nll.item()])
            file.flush()
            saved = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "rng": torch.get_rng_state()}
            torch.save({**saved, "epoch": epoch, "step": step}, state.with_suffix(".new"))
            state.with_suffix(".new").replace(state)

    with torch.no_grad():
        nll = torch.stack([net.nll(test, masks) for masks in sets]).double()  # [n_masks x n_images]
    mixture = np.log(len(sets)) - torch.logsumexp(-nll, 0)
    scores = {"test_nll": nll.mean(0), "mixture_nll": mixture}
    (args.out / "scores.json").write_text(json.dumps({name: of.mean().item() for name, of in scores.items()}))
    for name, of in scores.items():
        np.save(args.out / "scores" / f"{name}.npy", of.numpy())
    write_png(args.out / "files" / "samples.png", sample(net, sets[0], args.samples, images.shape[1]), side)


if __name__ == "__main__":
    main()
