#!/usr/bin/env python3
"""The protocol of experiments/paper/uci.toml in eager PyTorch, on the same data, as a program of an experiment.

    uci_torch.py --data DIR/adult --masks 16 --recipe adam --seed 1

DIR/adult is the common beginning of adult.train.data.gz and so on (0 and 1, comma-separated), or a folder of them. Each
minibatch takes the next of `--masks` sets of orderings and masks. Stops after `--patience` epochs without a better
validation NLL of the first set, and scores the test set as the mixture of all sets. Files go to $ABLADE_RUN, or to --out.
"""

import argparse
import copy
import csv
import gzip
import json
import os
from pathlib import Path

import numpy as np
import torch
from made_torch import Made, mask_set
from torch import nn
from torch.nn import functional as F

RECIPES = {
    "Adam": (F.relu, nn.init.xavier_uniform_, lambda p: torch.optim.Adam(p, lr=1e-3)),
    "slower Adam": (F.relu, nn.init.orthogonal_, lambda p: torch.optim.Adam(p, lr=3e-4)),
    "AdaDelta": (F.relu, nn.init.orthogonal_, lambda p: torch.optim.Adadelta(p, lr=1.0, rho=0.95, eps=1e-5)),
    "AdaGrad": (F.relu, nn.init.orthogonal_, lambda p: torch.optim.Adagrad(p, lr=0.01)),
    "SGD": (torch.tanh, nn.init.orthogonal_, lambda p: torch.optim.SGD(p, lr=0.01)),
}


class RecipeMade(Made):
    """MADE of made_torch.py with another activation."""

    def __init__(self, n_inputs, hidden, activation):
        super().__init__(n_inputs, hidden, True)
        self.activation = activation

    def forward(self, x, masks):
        _, between, skip = masks
        h = x
        for k, (layer, mask) in enumerate(zip(self.layers, between)):
            h = F.linear(h if k == 0 else self.activation(h), layer.weight * mask, layer.bias)
        return h + F.linear(x, self.skip.weight * skip)


def load(stem, part):
    """Rows of 0 and 1 [n x n_inputs] of one of the three sets."""
    folder, begin = (stem, "") if stem.is_dir() else (stem.parent, stem.name)
    (path,) = sorted(folder.glob(f"{begin}*.{part}.data*"))[:1]
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as file:
        return torch.from_numpy(np.loadtxt(file, delimiter=",", dtype=np.float32))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--hidden", type=int, nargs="+", default=[500])
    parser.add_argument("--masks", type=int, default=1)
    parser.add_argument("--recipe", choices=RECIPES, default="Adam")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--patience", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=os.environ.get("ABLADE_RUN", "run"))
    args = parser.parse_args()

    torch.set_num_threads(int(os.environ.get("ABLADE_CPUS", 1)))
    torch.manual_seed(args.seed)
    train, valid, test = (load(args.data, part) for part in ("train", "valid", "test"))
    rng = np.random.default_rng(args.seed)
    sets = [mask_set(rng, train.shape[1], args.hidden, "random") for _ in range(args.masks)]
    activation, init, optimizer = RECIPES[args.recipe]
    net = RecipeMade(train.shape[1], args.hidden, activation)
    for layer in [*net.layers, net.skip]:
        init(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    optimizer = optimizer(net.parameters())

    best, step = (np.inf, 0, None), 0
    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "metrics.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["epoch", "train_nll", "valid_nll"])
        for epoch in range(1, args.epochs + 1):
            total = 0.0
            for batch in torch.randperm(len(train)).split(args.batch):
                loss = net.nll(train[batch], sets[step % args.masks]).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(batch)
                step += 1
            with torch.no_grad():
                valid_nll = net.nll(valid, sets[0]).mean().item()
            table.writerow([epoch, total / len(train), valid_nll])
            if valid_nll < best[0]:
                best = (valid_nll, epoch, copy.deepcopy(net.state_dict()))
            if epoch - best[1] >= args.patience:
                break
    net.load_state_dict(best[2])
    with torch.no_grad():
        nll = torch.stack([net.nll(test, masks) for masks in sets]).double()  # [n_masks x n_images]
    mixture = np.log(len(sets)) - torch.logsumexp(-nll, 0)
    scores = {"test_nll": nll[0], "mixture_nll": mixture}
    values = {name: of.mean().item() for name, of in scores.items()}
    (args.out / "scores.json").write_text(json.dumps({**values, "valid_nll": best[0], "best_epoch": best[1]}))
    (args.out / "scores").mkdir(exist_ok=True)
    for name, of in scores.items():
        np.save(args.out / "scores" / f"{name}.npy", of.numpy())


if __name__ == "__main__":
    main()
