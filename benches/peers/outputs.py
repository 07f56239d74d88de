"""Grey levels here and in eager PyTorch, interleaved: outputs.py [ROUNDS]. Prints the table of docs/dev/performance.md.

One thread each, processor time. Training: 784-500, batch 100, Adam, the first 10,000 grey images of MNIST; of this program three
epochs are the difference between a run of four and a run of one. Sampling: 100 images, by a pass for each pixel there; here a
fortieth of the difference between 4,100 images and 100. Needs a folder with the peers (PEERS, by default ../shared/peers), a
Python with PyTorch (PEERS_PYTHON), a data folder with MNIST (DATA, by default ../shared/data) and a release build (ABLADE).
"""
import json, os, pathlib, resource, statistics, subprocess, sys, tempfile

PEERS = os.environ.get("PEERS", "../shared/peers")
PYTHON = os.environ.get("PEERS_PYTHON", "python3")
DATA = os.path.abspath(os.environ.get("DATA", "../shared/data"))
ABLADE = os.path.abspath(os.environ.get("ABLADE", "target/release/ablade"))
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
ONE = {**os.environ, "RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
IMAGES = os.path.join(DATA, "mnist", "train-images-idx3-ubyte.gz")
STUDY = """seeds = 1
data = {{ name = "mnist", train = 10000, valid = 10, test = 10, levels = {levels} }}
model = {{ hidden = [500], output = "{output}" }}
train = {{ epochs = {epochs}, batch = 100 }}
sample.count = 0
"""
# The peer's clock is replaced by processor time.
CLOCK = ("import runpy, sys, time; sys.path.insert(0, sys.argv[1]); time.perf_counter = time.process_time; sys.argv = sys.argv[1:]; "
         "runpy.run_path(sys.argv[0] + '/torch_outputs.py', run_name='__main__')")


def seconds(*command, cwd):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, cwd=cwd, env=ONE, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def ours(output, levels):
    """Images a second of training, and seconds of drawing 100 images."""
    with tempfile.TemporaryDirectory() as folder:
        def trained(epochs):
            text = STUDY.format(output=output, levels=levels, epochs=epochs)
            (pathlib.Path(folder) / f"e{epochs}.toml").write_text(text)
            return seconds(ABLADE, "--data-dir", DATA, "sweep", f"e{epochs}.toml", "--jobs", "1", cwd=folder)

        def drawn(count):
            return seconds(ABLADE, "sample", "e1/baseline/1", "--jobs", "1", "--count", str(count), "--out", f"{count}.npy",
                           cwd=folder)

        first = trained(1)
        return 30000 / (trained(4) - first), (drawn(4100) - drawn(100)) / 40


def theirs(output, levels):
    def run(*arguments):
        command = [PYTHON, "-c", CLOCK, PEERS, *arguments, "--output", output, "--levels", str(levels)]
        return json.loads(subprocess.run(command, env=ONE, check=True, capture_output=True, text=True).stdout)

    rate = run("train", "--data", IMAGES, "--epochs", "1")["images_per_second"]
    return rate, run("sample", "--count", "100")["seconds"]


print("| output | training, images/s: ablade | PyTorch, eager | ratio (rounds) | 100 samples, ms: ablade | PyTorch, s | ratio (rounds) |")
print("|---|---|---|---|---|---|---|")
for output, levels in [("bernoulli", 2), ("categorical", 16), ("logistic-mixture", 256)]:
    rounds = [(ours(output, levels), theirs(output, levels)) for _ in range(ROUNDS)]
    trained = [a[0] / b[0] for a, b in rounds]
    drawn = [b[1] / a[1] for a, b in rounds]
    median = lambda values: statistics.median(values)
    print(f"| {output}, {levels} levels | {median([a[0] for a, _ in rounds]):,.0f} | {median([b[0] for _, b in rounds]):,.0f} | "
          f"{median(trained):.1f} ({', '.join(f'{r:.1f}' for r in sorted(trained))}) | {median([a[1] for a, _ in rounds]) * 1e3:.1f} | "
          f"{median([b[1] for _, b in rounds]):.1f} | {median(drawn):,.0f} ({', '.join(f'{r:,.0f}' for r in sorted(drawn))}) |", flush=True)
