#!/usr/bin/env python3
"""Trains a small convolutional network on MNIST with PyTorch, on a GPU if there is one.

    python3 mnist.py --data path/to/mnist --dropout 0.3 --batchnorm --weight-decay 1e-4 --seed 1

The folder holds the four files of MNIST in idx format, plain or .gz. The last 10,000 training images are the validation
set. Files go to the directory in $ABLADE_RUN, or to --out.
"""

import argparse
import csv
import gzip
import json
import os
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

N_VALID = 10_000


def read_idx(folder, name):
    """An array from an idx file: two zero bytes, the type 8 (bytes), number of dimensions, their sizes, the values."""
    path = folder / name
    raw = path.read_bytes() if path.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    if raw[:3] != b"\0\0\x08":
        raise SystemExit(f"{path} is no idx file of bytes")
    shape = np.frombuffer(raw, ">u4", count=raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape.tolist())


def load(folder, part, device):
    """Images [n x 1 x 28 x 28] from 0 to 1 and their digits [n]."""
    images = torch.from_numpy(read_idx(folder, f"{part}-images-idx3-ubyte").copy()).to(device)
    digits = torch.from_numpy(read_idx(folder, f"{part}-labels-idx1-ubyte").copy()).to(device)
    return images.unsqueeze(1).float() / 255, digits.long()


def network(args):
    def block(n_in, n_out):
        norm = [nn.BatchNorm2d(n_out)] if args.batchnorm else []
        return [nn.Conv2d(n_in, n_out, 3, padding=1), *norm, nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(1, args.width), *block(args.width, 2 * args.width), nn.Flatten(),
        nn.Linear(2 * args.width * 7 * 7, 128), nn.ReLU(), nn.Dropout(args.dropout), nn.Linear(128, 10),
    )  # fmt: skip


@torch.no_grad()
def evaluate(model, images, digits):
    """Mean loss in nats, and for each image 100 if its digit is correct, else 0."""
    model.eval()
    logits = torch.cat([model(batch) for batch in images.split(1000)])
    return F.cross_entropy(logits, digits).item(), 100.0 * (logits.argmax(1) == digits).cpu().numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the files of MNIST")
    parser.add_argument("--width", type=int, default=16, help="channels of the first layer")
    parser.add_argument("--batchnorm", action="store_true")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--train", type=int, default=50_000, help="number of training images")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="continue from checkpoint/state.pt")
    parser.add_argument("--out", type=Path, default=os.environ.get("ABLADE_RUN", "run"))
    args = parser.parse_args()

    torch.manual_seed(args.seed)  # of the GPU too
    torch.set_num_threads(int(os.environ.get("ABLADE_CPUS", 1)))
    torch.backends.cudnn.deterministic = True
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images, digits = load(args.data, "train", device)
    test_images, test_digits = load(args.data, "t10k", device)
    train_images, train_digits = images[: -N_VALID][: args.train], digits[: -N_VALID][: args.train]
    valid_images, valid_digits = images[-N_VALID:], digits[-N_VALID:]
    model = network(args).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)

    for folder in ("scores", "checkpoint"):
        (args.out / folder).mkdir(parents=True, exist_ok=True)
    state, done = args.out / "checkpoint" / "state.pt", 0
    if args.resume:
        saved = torch.load(state, map_location=device)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        torch.set_rng_state(saved["rng"].cpu())
        done = saved["epoch"]
    with open(args.out / "metrics.csv", "a" if done else "w", newline="") as file:
        table = csv.writer(file)
        if not done:
            table.writerow(["epoch", "train_loss", "valid_loss", "valid_accuracy"])
        for epoch in range(done + 1, args.epochs + 1):
            model.train()
            total = 0.0
            for batch in torch.randperm(len(train_digits)).to(device).split(args.batch):
                loss = F.cross_entropy(model(train_images[batch]), train_digits[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(batch)
            valid_loss, correct = evaluate(model, valid_images, valid_digits)
            table.writerow([epoch, total / len(train_digits), valid_loss, float(correct.mean())])
            file.flush()
            saved = {"epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**saved, "rng": torch.get_rng_state()}, state.with_suffix(".new"))
            state.with_suffix(".new").replace(state)

    _, correct = evaluate(model, test_images, test_digits)
    (args.out / "scores.json").write_text(json.dumps({"test_accuracy": float(correct.mean())}))
    np.save(args.out / "scores" / "test_accuracy.npy", correct)


if __name__ == "__main__":
    main()
