"""The study of examples/program/ablation.toml as a user of Guild AI writes it; `guild.yml` declares it.

    guild run train variant='[all,standardise,momentum,jitter,decay]' seed='[1,2,3,4,5,6,7,8]'

A variant is the part that is left out. `short_runs.py` times it next to `ablade sweep`.
"""

import argparse

import classifier_without

parser = argparse.ArgumentParser()
parser.add_argument("--variant", default="all")
parser.add_argument("--seed", type=int, default=1)

if __name__ == "__main__":
    options = parser.parse_args()
    classifier_without.run(options.variant, options.seed, ".")
