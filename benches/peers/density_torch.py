#!/usr/bin/env python3
"""MADE of real vectors in eager PyTorch, on the same data as an experiment here, as a program of an experiment.

    density_torch.py --data tables/breast-cancer --components 5 --seed 1

--data is the common beginning of three tables with a header, breast-cancer-train.csv and so on, as `ablade data export`
writes them. Columns are standardised by the training set. A conditional is a mixture of `--components` Gaussians; columns
condition on each other in their order. Stops after `--patience` epochs without a better validation NLL. NLLs are of standardised values. Files go to $ABLADE_RUN, or
to --out.
"""

import argparse
import copy
import csv
import json
import math
import os
from pathlib import Path

import numpy as np
import torch
from made_torch import mask_set
from torch import nn
from torch.nn import functional as F

MIN_DEVIATION = 1e-3


class GaussianMade(nn.Module):
    """Masked layers, and direct connections; outputs [n x n_columns x 3 x n_components]."""

    def __init__(self, n_columns, hidden, components):
        super().__init__()
        self.components = components
        widths = [n_columns, *hidden, 3 * components * n_columns]
        self.layers = nn.ModuleList(nn.Linear(below, above) for below, above in zip(widths, widths[1:]))
        self.skip = nn.Linear(n_columns, widths[-1], bias=False)
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.xavier_uniform_(self.skip.weight)

    def nll(self, x, masks):
        """Negative log density of each row [n], nats."""
        between, skip = masks
        h = x
        for k, (layer, mask) in enumerate(zip(self.layers, between)):
            h = F.linear(h if k == 0 else F.relu(h), layer.weight * mask, layer.bias)
        h = h + F.linear(x, self.skip.weight * skip)
        logits, means, log_scales = h.view(len(x), x.shape[1], 3, self.components).unbind(2)
        deviations = torch.exp(log_scales) + MIN_DEVIATION
        z = (x[..., None] - means) / deviations
        log_density = -0.5 * z * z - torch.log(deviations) - 0.5 * math.log(2 * math.pi)
        return -torch.logsumexp(F.log_softmax(logits, -1) + log_density, -1).sum(1)


def load(stem, part):
    """Rows [n x n_columns] of one of the three sets."""
    return np.loadtxt(stem.with_name(f"{stem.name}-{part}.csv"), delimiter=",", skiprows=1, ndmin=2)


def masks_of(rng, n_columns, hidden, components):
    """Masks of the layers and of the direct connections; those of a column are the masks of all its outputs."""
    _, between, skip = mask_set(rng, n_columns, hidden, "raster")
    rows = lambda mask: mask.repeat_interleave(3 * components, 0)
    return [*between[:-1], rows(between[-1])], rows(skip)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--hidden", type=int, nargs="+", default=[100])
    parser.add_argument("--components", type=int, default=1)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--patience", type=int, default=30)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=os.environ.get("ABLADE_RUN", "run"))
    args = parser.parse_args()

    torch.set_num_threads(int(os.environ.get("ABLADE_CPUS", 1)))
    torch.manual_seed(args.seed)
    parts = [load(args.data, part) for part in ("train", "valid", "test")]
    mean, deviation = parts[0].mean(0), parts[0].std(0)
    train, valid, test = (torch.from_numpy(((rows - mean) / deviation).astype(np.float32)) for rows in parts)
    n_columns = train.shape[1]
    masks = masks_of(np.random.default_rng(args.seed), n_columns, args.hidden, args.components)
    net = GaussianMade(n_columns, args.hidden, args.components)
    optimizer = torch.optim.Adam(net.parameters(), lr=args.lr)

    best = (np.inf, 0, None)
    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "metrics.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["epoch", "train_nll", "valid_nll"])
        for epoch in range(1, args.epochs + 1):
            total = 0.0
            for batch in torch.randperm(len(train)).split(args.batch):
                loss = net.nll(train[batch], masks).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(batch)
            with torch.no_grad():
                valid_nll = net.nll(valid, masks).mean().item()
            table.writerow([epoch, total / len(train), valid_nll])
            if valid_nll < best[0]:
                best = (valid_nll, epoch, copy.deepcopy(net.state_dict()))
            if epoch - best[1] >= args.patience:
                break
    net.load_state_dict(best[2])
    with torch.no_grad():
        nll = net.nll(test, masks).double()
    scores = {"test_nll": nll.mean().item(), "valid_nll": best[0], "best_epoch": best[1]}
    (args.out / "scores.json").write_text(json.dumps(scores))
    (args.out / "scores").mkdir(exist_ok=True)
    np.save(args.out / "scores" / "test_nll.npy", nll.numpy())


if __name__ == "__main__":
    main()
