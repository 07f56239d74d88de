"""The study of examples/program/ablation.toml as a user of Hydra writes it: multirun over joblib, one folder a run.

    hydra_classifier.py -m variant=all,standardise,momentum,jitter,decay seed=1,2,3,4,5,6,7,8

A variant is the part that is left out. `short_runs.py` times it next to `ablade sweep`.
"""

import os

import classifier_without
import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

LAUNCHER = {"launcher": {"n_jobs": os.cpu_count()}}
DEFAULTS = ["_self_", {"override hydra/launcher": "joblib"}]
CONFIG = {"variant": "all", "seed": 1, "hydra": LAUNCHER, "defaults": DEFAULTS}
ConfigStore.instance().store("config", OmegaConf.create(CONFIG))


@hydra.main(version_base=None, config_name="config")
def main(cfg):
    classifier_without.run(cfg.variant, cfg.seed, HydraConfig.get().runtime.output_dir)


if __name__ == "__main__":
    main()
