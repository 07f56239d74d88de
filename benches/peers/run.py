"""The same work here and in peers, interleaved: `just bench-peers [ROUNDS]`. Prints the table of docs/dev/performance.md.

One thread each. Every line runs both sides alternately; the ratio is the median over rounds of images a second of processor
time, which neighbours on a shared machine disturb less than the clock. Needs a folder with the peers (PEERS, by default
../shared/peers), a Python with PyTorch, such as `setup` there prepares (PEERS_PYTHON, by default python3) and MNIST's training images (MNIST).
"""
import json, os, statistics, subprocess, sys

PEERS = os.environ.get("PEERS", "../shared/peers")
PYTHON = os.environ.get("PEERS_PYTHON", "python3")
MNIST = os.environ.get("MNIST", "../shared/data/mnist/train-images-idx3-ubyte.gz")
BENCHES = os.environ.get("BENCHES")  # a folder of built benches, for when cargo is not to be asked
PLAIN = os.environ.get("PLAIN", "target/plain-candle/release/plain-candle")
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
ONE = {**os.environ, "RAYON_NUM_THREADS": "1", "CANDLE_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def bench(name, *arguments):
    cargo = [f"{BENCHES}/{name}"] if BENCHES else ["cargo", "bench", "--quiet", "--bench", name, "--"]
    return cargo + [str(a) for a in arguments]


def ours(hidden, optimizer, masks=1):
    return bench("training", hidden, optimizer, masks, 1, 4, MNIST)


def torch(hidden, optimizer, variant="eager", masks=1):
    return [PYTHON, "benches/peers/train.py", "--peers", PEERS, "--data", MNIST, "--hidden", hidden, "--epochs", "1",
            "--optimizer", optimizer, "--variant", variant, "--masks", str(masks)]


LINES = [
    ("784-500-784, Adam", "PyTorch, eager", ours("500", "adam"), torch("500", "adam")),
    ("", "PyTorch, fused optimiser", ours("500", "adam"), torch("500", "adam", "fused")),
    ("", "PyTorch, fused, masked weights kept zero", ours("500", "adam"), torch("500", "adam", "tuned")),
    ("", "candle as it ships", ours("500", "adam"), [PLAIN, "500", "adam", "1", MNIST]),
    ("", "candle, with AVX-512 products and mimalloc", ours("500", "adam"), bench("candle", "500", "adam", 1, MNIST)),
    ("784-500-784, SGD", "PyTorch, eager", ours("500", "sgd"), torch("500", "sgd")),
    ("784-500-500-784, Adam", "PyTorch, eager", ours("500,500", "adam"), torch("500,500", "adam")),
    ("784-2000-784, Adam", "PyTorch, eager", ours("2000", "adam"), torch("2000", "adam")),
    ("32 masks, 784-500-784, Adam", "ablade, one mask", ours("500", "adam", 32), ours("500", "adam")),
]


def rate(command):
    out = subprocess.run(command, env=ONE, capture_output=True, text=True, check=True).stdout
    return json.loads(out.strip().splitlines()[-1])["images_per_processor_second"]


print("| work | against | ablade, images/s | other, images/s | ratio | ratios |\n|---|---|---|---|---|---|")
for work, against, here, there in LINES:
    a, b = zip(*((rate(here), rate(there)) for _ in range(ROUNDS)))
    ratios = sorted(x / y for x, y in zip(a, b))
    print(f"| {work} | {against} | {statistics.median(a):,.0f} | {statistics.median(b):,.0f} | "
          f"{statistics.median(ratios):.2f} | {', '.join(f'{r:.2f}' for r in ratios)} |", flush=True)
