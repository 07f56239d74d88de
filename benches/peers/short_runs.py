"""40 short runs: `ablade sweep examples/program/ablation.toml` next to Hydra with its joblib launcher.

    short_runs.py ABLADE PYTHON [ROUNDS]

PYTHON has hydra-core and hydra-joblib-launcher. The two alternate; medians of the whole commands are printed.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ablade, python, rounds = sys.argv[1], sys.argv[2], int((sys.argv[3:] or [5])[0])


def timed(command, env):
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


seconds = {"ablade": [], "hydra": []}
for _ in range(rounds):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "examples" / "program", folder, dirs_exist_ok=True)
        # The same interpreter on both sides.
        path = os.pathsep.join([str(Path(python).parent), os.environ["PATH"]])
        env = dict(os.environ, HOME=folder, PATH=path)
        seconds["ablade"].append(timed([os.path.abspath(ablade), "sweep", "ablation.toml"], env))
        multirun = ["-m", "variant=all,standardise,momentum,jitter,decay", "seed=1,2,3,4,5,6,7,8"]
        script = str(Path(__file__).with_name("hydra_classifier.py"))
        seconds["hydra"].append(timed([python, script, *multirun], env))
medians = {name: statistics.median(times) for name, times in seconds.items()}
for name, median in medians.items():
    print(f"{name:7} {median:6.2f} s   {' '.join(f'{t:.2f}' for t in seconds[name])}")
print(f"hydra / ablade {medians['hydra'] / medians['ablade']:.2f}")
