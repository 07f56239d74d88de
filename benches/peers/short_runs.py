"""40 short runs: `ablade sweep examples/program/ablation.toml` next to Hydra with its joblib launcher and Guild AI.

    short_runs.py ABLADE PYTHON [ROUNDS]

PYTHON has hydra-core, hydra-joblib-launcher and guildai. The three alternate; medians of the whole commands are printed.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEERS = Path(__file__).resolve().parent
STUDIES = ["classifier_without.py", "hydra_classifier.py", "guild_classifier.py", "guild.yml"]
PARTS, SEEDS = "all,standardise,momentum,jitter,decay", "1,2,3,4,5,6,7,8"
ablade, python, rounds = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), int((sys.argv[3:] or [5])[0])
guild = str(Path(python).with_name("guild"))


def with_guild(run):
    """Stages the runs, then as many queues as there are processors work on them."""
    run([guild, "run", "train", f"variant=[{PARTS}]", f"seed=[{SEEDS}]", "--stage-trials", "--yes"])
    queue = [guild, "run", "queue", "run-once=yes", "--yes"]
    queues = [subprocess.Popen(queue, **quiet) for _ in range(os.cpu_count())]
    assert not any([q.wait() for q in queues]), "a queue failed"
    run([guild, "compare", "--csv", "runs.csv"])


COMMANDS = {
    "ablade": lambda run: run([ablade, "sweep", "ablation.toml"]),
    "Hydra": lambda run: run([python, "hydra_classifier.py", "-m", f"variant={PARTS}", f"seed={SEEDS}"]),
    "Guild": with_guild,
}
seconds = {name: [] for name in COMMANDS}
for _ in range(rounds):
    for name, command in COMMANDS.items():
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(PEERS.parents[1] / "examples" / "program", folder, dirs_exist_ok=True)
            for file in STUDIES:
                shutil.copy(PEERS / file, folder)
            home = Path(folder, "home")
            home.mkdir()
            # The same interpreter in all of them.
            path = os.pathsep.join([str(Path(python).parent), os.environ["PATH"]])
            env = dict(os.environ, HOME=folder, GUILD_HOME=str(home), PATH=path)
            quiet = {"cwd": folder, "env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            begun = time.perf_counter()
            command(lambda words: subprocess.run(words, check=True, **quiet))
            seconds[name].append(time.perf_counter() - begun)
medians = {name: statistics.median(times) for name, times in seconds.items()}
for name, median in medians.items():
    each = " ".join(f"{t:.2f}" for t in seconds[name])
    print(f"{name:7} {median:6.2f} s, {median / medians['ablade']:.2f} of ablade's   {each}")
