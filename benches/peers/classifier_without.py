"""Runs classifier.py of examples/program without one of its parts: what the studies of other tools here have in common.

`short_runs.py` puts both into one folder.
"""

import runpy
import sys
from pathlib import Path

CLASSIFIER = Path(__file__).with_name("classifier.py")
PARTS = {"standardise": [], "momentum": ["0.9"], "jitter": ["0.2"], "decay": ["0.001"]}


def run(variant, seed, out):
    """Trains `variant`, the part that is left out or `all`; files go to the folder `out`."""
    arguments = [CLASSIFIER.name, "--seed", str(seed), "--save-every", "10", "--out", out]
    for part, value in PARTS.items():
        if part != variant:
            arguments += [f"--{part}", *value]
    sys.argv = arguments
    runpy.run_path(str(CLASSIFIER), run_name="__main__")
