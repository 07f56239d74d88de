"""The study of examples/program/ablation.toml as a user of Hydra writes it: multirun over joblib, one folder a run.

    hydra_classifier.py -m variant=all,standardise,momentum,jitter,decay seed=1,2,3,4,5,6,7,8

A variant is the part that is left out. `short_runs.py` times it next to `ablade sweep`.
"""

import os
import runpy
import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

CLASSIFIER = Path(__file__).resolve().parents[2] / "examples" / "program" / "classifier.py"
LAUNCHER = {"launcher": {"n_jobs": os.cpu_count()}}
DEFAULTS = ["_self_", {"override hydra/launcher": "joblib"}]
CONFIG = {"variant": "all", "seed": 1, "hydra": LAUNCHER, "defaults": DEFAULTS}
PARTS = {"standardise": [], "momentum": ["0.9"], "jitter": ["0.2"], "decay": ["0.001"]}
ConfigStore.instance().store("config", OmegaConf.create(CONFIG))


@hydra.main(version_base=None, config_name="config")
def main(cfg):
    arguments = [CLASSIFIER.name, "--seed", str(cfg.seed), "--save-every", "10"]
    for part, value in PARTS.items():
        if part != cfg.variant:
            arguments += [f"--{part}", *value]
    arguments += ["--out", HydraConfig.get().runtime.output_dir]
    sys.argv = arguments
    runpy.run_path(str(CLASSIFIER), run_name="__main__")


if __name__ == "__main__":
    main()
