#!/usr/bin/env python3
"""Trains a small classifier on two moons, with four parts that can be left out. Needs the standard library alone.

    python3 classifier.py --standardise --momentum 0.9 --jitter 0.2 --decay 1e-3 --seed 1

The model has one hidden layer of tanh units and is trained by minibatch SGD with the logistic loss. The task is made
hard on purpose: the second coordinate has another scale than the first, and some labels of the training set are wrong.
Files go to the directory in $ABLADE_RUN, or to --out.
"""

import argparse
import json
import os
import random
from math import cos, exp, log1p, pi, sin, sqrt, tanh
from pathlib import Path

N_VALID, N_TEST = 100, 400


def two_moons(rng, n, label_noise):
    """`n` examples (x1, x2, label -1 or 1) of two interleaved half circles; the second coordinate is stretched."""
    examples = []
    for i in range(n):
        angle, label = pi * rng.random(), 1 if i % 2 else -1
        x1 = cos(angle) if label < 0 else 1 - cos(angle)
        x2 = sin(angle) if label < 0 else 0.5 - sin(angle)
        x1, x2 = x1 + rng.gauss(0, 0.15), 3 * (x2 + rng.gauss(0, 0.15)) + 3
        examples.append((x1, x2, -label if rng.random() < label_noise else label))
    return examples


def standardised(examples, like):
    """`examples` with the coordinates shifted and scaled to mean 0 and standard deviation 1 in the set `like`."""
    means = [sum(e[k] for e in like) / len(like) for k in (0, 1)]
    scales = [sqrt(sum((e[k] - means[k]) ** 2 for e in like) / len(like)) for k in (0, 1)]
    return [((x1 - means[0]) / scales[0], (x2 - means[1]) / scales[1], label) for x1, x2, label in examples]


def forward(weights, x1, x2):
    """Hidden activations and the logit. `weights`: four for each unit (x1, x2, bias, output), then the output bias."""
    hidden, logit = [], weights[-1]
    for k in range(0, len(weights) - 1, 4):
        activation = tanh(weights[k] * x1 + weights[k + 1] * x2 + weights[k + 2])
        hidden.append(activation)
        logit += weights[k + 3] * activation
    return hidden, logit


def gradient(weights, batch):
    """Mean gradient of the logistic loss over a batch."""
    total = [0.0] * len(weights)
    for x1, x2, label in batch:
        hidden, logit = forward(weights, x1, x2)
        slope = -label / (1 + exp(min(label * logit, 500))) / len(batch)
        total[-1] += slope
        for unit, activation in enumerate(hidden):
            k = 4 * unit
            inner = slope * weights[k + 3] * (1 - activation * activation)
            total[k] += inner * x1
            total[k + 1] += inner * x2
            total[k + 2] += inner
            total[k + 3] += slope * activation
    return total


def evaluate(weights, examples):
    """Mean logistic loss, and for each example 100 if its class is correct, else 0: their mean is the accuracy in %."""
    margins = [label * forward(weights, x1, x2)[1] for x1, x2, label in examples]
    losses = [log1p(exp(-min(abs(margin), 500))) + max(-margin, 0) for margin in margins]
    return sum(losses) / len(losses), [100 if margin > 0 else 0 for margin in margins]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=200, help="training examples")
    parser.add_argument("--label-noise", type=float, default=0.2, help="share of wrong labels in the training set")
    parser.add_argument("--hidden", type=int, default=16, help="hidden units")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--lr", type=float, default=0.04, help="learning rate")
    parser.add_argument("--standardise", action="store_true", help="inputs of mean 0 and variance 1")
    parser.add_argument("--momentum", type=float, default=0.0)
    parser.add_argument("--jitter", type=float, default=0.0, help="sd of noise on training inputs")
    parser.add_argument("--decay", type=float, default=0.0, help="weight decay")
    parser.add_argument("--seed", type=int, default=0, help="training set, initial weights, order and jitter")
    parser.add_argument("--save-every", type=int, default=0, metavar="EPOCHS", help="write checkpoint/state.json")
    parser.add_argument("--resume", action="store_true", help="continue from checkpoint/state.json")
    parser.add_argument("--out", type=Path, default=os.environ.get("ABLADE_RUN", "run"))
    args = parser.parse_args()

    rng = random.Random(args.seed)
    train = two_moons(rng, args.train, args.label_noise)
    fixed = random.Random("validation and test set, the same for every seed")
    valid, test = two_moons(fixed, N_VALID, 0), two_moons(fixed, N_TEST, 0)
    if args.standardise:
        valid, test, train = (standardised(examples, like=train) for examples in (valid, test, train))
    weights = [rng.gauss(0, 0.5) for _ in range(4 * args.hidden + 1)]
    velocity = [0.0] * len(weights)

    for folder in ("scores", "checkpoint"):
        (args.out / folder).mkdir(parents=True, exist_ok=True)
    state, first = args.out / "checkpoint" / "state.json", 1
    if args.resume:
        first, weights, velocity, (version, internal, spare) = json.loads(state.read_text())
        rng.setstate((version, tuple(internal), spare))
    with open(args.out / "metrics.csv", "a" if args.resume else "w") as table:
        if not args.resume:
            print("epoch,train_loss,valid_loss,test_accuracy", file=table)
        for epoch in range(first, args.epochs + 1):
            order = rng.sample(train, len(train))
            order = [(x1 + rng.gauss(0, args.jitter), x2 + rng.gauss(0, args.jitter), label) for x1, x2, label in order]
            for start in range(0, len(order), args.batch):
                step = gradient(weights, order[start : start + args.batch])
                step = [g + args.decay * w for g, w in zip(step, weights)]
                velocity = [args.momentum * v - args.lr * g for v, g in zip(velocity, step)]
                weights = [w + v for w, v in zip(weights, velocity)]
            (train_loss, _), (valid_loss, _) = evaluate(weights, train), evaluate(weights, valid)
            _, correct = evaluate(weights, test)
            accuracy = sum(correct) / len(correct)
            print(epoch, train_loss, valid_loss, accuracy, sep=",", file=table, flush=True)
            if args.save_every and epoch % args.save_every == 0:
                state.with_suffix(".new").write_text(json.dumps([epoch + 1, weights, velocity, rng.getstate()]))
                state.with_suffix(".new").replace(state)

    (args.out / "scores.json").write_text(json.dumps({"test_accuracy": accuracy}))
    (args.out / "scores" / "test_accuracy.txt").write_text("".join(f"{c}\n" for c in correct))
    print(f"test accuracy {accuracy:.1f} %")


if __name__ == "__main__":
    main()
