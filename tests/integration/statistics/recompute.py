"""Every number of ablation.csv and effects.csv, computed again with scipy and numpy.

    python recompute.py golden          prints made-up studies with their tables as JSON
    python recompute.py check RESULTS   compares the tables of every experiment below RESULTS with its runs.csv

Nothing here is taken from the program: intervals and correlations are scipy's, the sign-flip test is scipy's permutation
test over all flips, max-T is written as Westfall and Young's definition over all sign vectors, contrasts are means over axes
of an array, mean squares of crossed differences are least squares over an explicit design.
"""

import csv
import itertools
import json
import math
import pathlib
import sys

import numpy as np
from scipy import stats

TOLERANCE = 1e-9

def estimate(sample, level):
    """n, mean, sd, low, high; None where not defined."""
    n = len(sample)
    if n == 0:
        return 0, None, None, None, None
    mean = float(np.mean(sample))
    if n == 1:
        return n, mean, None, None, None
    sd = float(np.std(sample, ddof=1))
    low, high = stats.t.interval(level, n - 1, loc=mean, scale=stats.sem(sample)) if sd > 0 else (mean, mean)
    return n, mean, sd, float(low), float(high)


def sign_flip(differences):
    if len(differences) < 2:
        return 1.0
    test = stats.permutation_test((np.array(differences),), np.mean, permutation_type="samples", n_resamples=np.inf)
    return float(test.pvalue)


def max_t(differences):
    """Step-down max-T by joint sign flips: differences[i][seed], nan where a comparison lacks the seed.

    p[i] is the largest, over the comparisons j that are at least as extreme as i, of the share of sign vectors under which
    some comparison that is at most as extreme as j reaches j's statistic. None without a pair.
    """
    d = np.nan_to_num(np.array(differences, dtype=float).reshape(len(differences), -1))
    paired = [any(not math.isnan(x) for x in own) for own in differences]
    signs = np.array(list(itertools.product([1.0, -1.0], repeat=d.shape[1])))
    size = np.sqrt((d**2).sum(axis=1))
    t = np.abs(signs @ d.T) / np.where(size > 0, size, 1.0)
    seen = t[0]
    share = [np.mean((t[:, seen <= seen[j] + 1e-9] >= seen[j] - 1e-9).any(axis=1)) for j in range(len(seen))]
    step = lambda i: max(share[j] for j in range(len(seen)) if seen[j] >= seen[i] - 1e-9)
    return [float(step(i)) if paired[i] else None for i in range(len(seen))]


def t_test(differences):
    return float(stats.ttest_1samp(differences, 0).pvalue) if len(differences) > 1 else 1.0


def holm(p):
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        adjusted[i] = largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
    return adjusted


def equivalence(differences, margin, level):
    """Interval and p of two one-sided t tests; None below three pairs."""
    if len(differences) < 3:
        return None, None, None
    alpha = min(1 - level, 0.05)
    low, high = stats.t.interval(
        1 - 2 * alpha, len(differences) - 1, loc=np.mean(differences), scale=stats.sem(differences)
    )
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    return float(low), float(high), float(max(above, below))


def crossed(differences, level):
    """df, low, high of the mean of differences[seed][example], both of them random."""
    d = np.array(differences, dtype=float)
    n, m = d.shape
    if n < 2 or m < 2:
        return None, None, None
    y, seed, example = d.ravel(), np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
    # Projections on the seeds, the examples and both together are means; the residual sums of squares of nested models
    # differ by the sum of squares of the factor that the smaller one lacks.
    by = lambda factor: np.array([y[factor == k].mean() for k in range(factor.max() + 1)])[factor]
    rss = lambda fitted: ((y - fitted) ** 2).sum()
    full = rss(by(seed) + by(example) - y.mean())
    of_seeds = (rss(by(example)) - full) / (n - 1)
    of_examples = (rss(by(seed)) - full) / (m - 1)
    rest = full / ((n - 1) * (m - 1))
    seeds, examples = max(0.0, (of_seeds - rest) / m), max(0.0, (of_examples - rest) / n)
    variance = seeds / n + examples / m + rest / (n * m)
    parts = [(of_seeds, n - 1, seeds > 0), (of_examples, m - 1, examples > 0)]
    parts.append((rest, (n - 1) * (m - 1), None))
    weight = lambda kept: (1 if kept else 0) if kept is not None else 1 - (seeds > 0) - (examples > 0)
    below = sum((weight(kept) * square / (n * m)) ** 2 / df for square, df, kept in parts)
    df = max(variance**2 / below, min(n, m) - 1)
    half = max(
        stats.t.ppf((1 + level) / 2, df) * math.sqrt(variance),
        stats.t.ppf((1 + level) / 2, n - 1) * stats.sem(d.mean(axis=1)),
        stats.t.ppf((1 + level) / 2, m - 1) * stats.sem(d.mean(axis=0)),
    )
    return float(df), float(d.mean() - half), float(d.mean() + half)


def ablation(values, baseline, level, negligible=None, test="sign-flip"):
    """Rows of ablation.csv from values[variant][seed], None where a run is missing."""
    planned = len(values[baseline])
    rows, tests = [], []
    for v, own in enumerate(values):
        n, mean, sd, low, high = estimate([x for x in own if x is not None], level)
        row = dict(n=n, mean=mean, sd=sd, low=low, high=high, n_planned=planned)
        rows.append(row)
        if v == baseline:
            continue
        pairs = [(a, b) for a, b in zip(own, values[baseline]) if a is not None and b is not None]
        differences = [a - b for a, b in pairs]
        p = (t_test if test == "t" else sign_flip)(differences)
        tests.append((row, [math.nan if a is None or b is None else a - b for a, b in zip(own, values[baseline])]))
        if not pairs:
            continue
        n, mean, sd, low, high = estimate(differences, level)
        treated, control = zip(*pairs)
        varies = n > 1 and np.std(treated) > 0 and np.std(control) > 0
        row |= dict(
            n_pairs=n,
            delta_nats=mean,
            delta_low=low,
            delta_high=high,
            effect_dz=mean / sd if sd else None,
            p=p,
            wins=sum(d < 0 for d in differences),
            losses=sum(d > 0 for d in differences),
            pair_correlation=float(stats.pearsonr(treated, control).statistic) if varies else None,
            smallest_p=2.0 ** (1 - n) if test == "sign-flip" else float(n < 2),
        )
        if negligible:
            low, high, p = equivalence(differences, negligible, level)
            row |= dict(negligible_nats=negligible, equivalence_low=low, equivalence_high=high, p_equivalence=p)
    if test == "t":
        corrected = holm([row.get("p", 1.0) for row, _ in tests])
        smallest = holm([row.get("smallest_p", 1.0) for row, _ in tests])
    else:
        corrected = max_t([differences for _, differences in tests])
        smallest = [row.get("smallest_p") for row, _ in tests]
    for (row, _), p, floor in zip(tests, corrected, smallest):
        if "p" in row:
            row |= dict(p_corrected=p, smallest_p_corrected=floor)
    known = [row.get("p_equivalence") for row, _ in tests]
    for (row, _), p, corrected in zip(tests, known, holm([1.0 if p is None else p for p in known])):
        if "p_equivalence" in row:
            row |= dict(p_equivalence_corrected=None if p is None else corrected)
    return rows


def best(values, alpha=0.05):
    """For each variant, whether it may have the lowest mean; None without a value.

    Variant i is ruled out if the share of sign vectors under which the largest studentised sum of its differences from the
    others reaches the observed one is at most alpha. Only for up to 13 seeds, where every sign vector counts.
    """
    x = np.array([[math.nan if v is None else v for v in own] for own in values])
    there = [i for i in range(len(x)) if not np.isnan(x[i]).all()]
    if len(there) < 2:
        return [None] * len(x)
    signs = np.array(list(itertools.product([1.0, -1.0], repeat=x.shape[1])))
    p, seen = {}, {}
    for i in there:
        d = np.array([x[i] - x[j] for j in there if j != i])
        d = np.nan_to_num(d[~np.isnan(d).all(axis=1)])
        size = np.sqrt((d**2).sum(axis=1))
        t = (signs @ d.T) / np.where(size > 0, size, 1.0)
        seen[i] = t[0].max() if len(d) else 0.0
        p[i] = np.mean(t.max(axis=1) >= seen[i] - 1e-9) if len(d) else 1.0
    inside = {i for i in there if p[i] > alpha} or {min(there, key=seen.get)}
    return [i in inside if i in there else None for i in range(len(x))]


def effects(values, shape, reference, level, test="sign-flip"):
    """Rows of effects.csv: the factors' levels, then the pairs of factors' pairs of levels."""
    seeds = len(values[0])
    cube = np.array([[math.nan if x is None else x for x in own] for own in values]).reshape(*shape, seeds)

    def at(levels):
        index = [slice(None)] * len(shape) + [slice(None)]
        for axis, chosen in levels:
            index[axis] = slice(chosen, chosen + 1)
        return np.mean(cube[tuple(index)], axis=tuple(range(len(shape))))

    def whole(sample):
        return [float(x) for x in sample if not math.isnan(x)]

    factors = [axis for axis, size in enumerate(shape) if size > 1]
    places = [[(axis, i)] for axis in factors for i in range(shape[axis])]
    for a, b in itertools.combinations(factors, 2):
        places += [[(a, i), (b, j)] for i in range(shape[a]) for j in range(shape[b])]
    rows, tests = [], []
    for place in places:
        n, mean, _, low, high = estimate(whole(at(place)), level)
        row = dict(n=n, mean=mean, low=low, high=high, n_planned=seeds)
        rows.append(row)
        if any(reference[axis] == chosen for axis, chosen in place):
            continue
        home = [(axis, reference[axis]) for axis, _ in place]
        if len(place) == 1:
            contrast = at(place) - at(home)
        else:
            (a, b), (a0, b0) = place, home
            contrast = (at([a, b]) - at([a0, b])) - (at([a, b0]) - at([a0, b0]))
        differences = whole(contrast)
        n, mean, _, low, high = estimate(differences, level)
        p = (t_test if test == "t" else sign_flip)(differences)
        tests.append((row, p, [float(x) for x in contrast.reshape(-1)]))
        row |= dict(n_effect=n, effect_nats=mean, effect_low=low, effect_high=high)
    together = holm([t[1] for t in tests]) if test == "t" else max_t([t[2] for t in tests])
    for (row, p, _), corrected in zip(tests, together):
        if row["n_effect"]:
            row |= dict(p=p, p_corrected=corrected)
    if len(factors) >= 3 and all(shape[axis] == 2 for axis in factors):
        for place, row in zip(places, rows):
            (axis, chosen), *others = place
            means = [None, None, None]
            if not others and chosen != reference[axis]:
                _, mean, _, low, high = estimate(whole(shapley(cube, factors, reference, axis)), level)
                means = [mean, low, high]
            row |= dict(zip(["shapley_nats", "shapley_low", "shapley_high"], means))
    return rows


def shapley(cube, factors, reference, axis):
    """Shapley value of changing an axis by seed: the mean over all orders, as in the definition."""
    values = []
    for order in itertools.permutations(factors):
        before = list(reference)
        for changed in order[: order.index(axis)]:
            before[changed] = 1 - reference[changed]
        after = list(before)
        after[axis] = 1 - reference[axis]
        values.append(cube[tuple(after)] - cube[tuple(before)])
    # A seed that lacks any run of the grid has no value, also where no order needs that run.
    complete = ~np.isnan(cube).any(axis=tuple(range(cube.ndim - 1)))
    return np.where(complete, np.mean(values, axis=0), np.nan)


def columns(row, metric, level):
    """Short keys as the columns of the tables are called."""
    ci = f"ci{level * 100:g}".replace(".", "_")
    inside = f"ci{(1 - 2 * min(1 - level, 0.05)) * 100:g}".replace(".", "_")
    names = dict(
        equivalence_low=f"equivalence_{inside}_low_nats",
        equivalence_high=f"equivalence_{inside}_high_nats",
        mean=f"{metric}_mean_nats",
        sd=f"{metric}_sd_nats",
        low=f"{metric}_{ci}_low_nats",
        high=f"{metric}_{ci}_high_nats",
        delta_low=f"delta_{ci}_low_nats",
        delta_high=f"delta_{ci}_high_nats",
        effect_low=f"effect_{ci}_low_nats",
        effect_high=f"effect_{ci}_high_nats",
        shapley_low=f"shapley_{ci}_low_nats",
        shapley_high=f"shapley_{ci}_high_nats",
    )
    return {names.get(key, key): value for key, value in row.items()}


def golden():
    random = np.random.default_rng(20261125)
    cases = []
    for n, level, shape, lost in [
        (3, 0.95, [2, 2], []),
        (5, 0.95, [3], []),
        (6, 0.9, [2, 3], []),
        (8, 0.95, [2, 2, 2], [(1, 0), (1, 5), (6, 2)]),
        (10, 0.99, [4], [(0, 3)]),
        (12, 0.95, [2, 1, 3], []),
        (1, 0.95, [2], []),
        (2, 0.95, [2], [(0, 0), (1, 1)]),
    ]:
        seeds = random.normal(0, 0.6, n)
        variants = math.prod(shape)
        values = [[float(95 + 0.4 * v + s + e) for s, e in zip(seeds, random.normal(0, 0.5, n))] for v in range(variants)]
        for v, s in lost:
            values[v][s] = None
        negligible = 0.7
        name = lambda row: columns(row, "test_nll", level)
        tables = {}
        for test, suffix in [("sign-flip", ""), ("t", "_t")]:
            tables["ablation" + suffix] = list(map(name, ablation(values, 0, level, negligible, test)))
            tables["effects" + suffix] = list(map(name, effects(values, shape, [0] * len(shape), level, test)))
        may_be_best = best(values, min(0.05, 1 - level))
        cases.append(
            dict(level=level, negligible=negligible, shape=shape, values=values, best=may_be_best, **tables)
        )
    json.dump(cases, sys.stdout)
    print()


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def compare(found, expected, where, seen):
    for column, value in expected.items():
        cell = found[column]
        if (cell == "") != (value is None):
            raise SystemExit(f"{where}: {column} is {cell!r}, expected {value!r}")
        if value is not None:
            deviation = abs(float(cell) - value) / max(1.0, abs(value))
            if not deviation <= TOLERANCE:
                raise SystemExit(f"{where}: {column} is {cell}, expected {value!r}")
            seen.append(deviation)


def images(folder, metric, runs, baseline, variant, level):
    """The difference image by image, each averaged over the seeds that both sides have."""
    name = {"test-nll": "test_nll", "test-nll-mixture": "test_nll_mixture"}[metric]
    rows = []
    for a, b in zip(runs[variant], runs[baseline]):
        if a["status"] == b["status"] == "finished":
            load = lambda run: np.load(
                next(p for p in (folder / run["run"] / f"{name}.npy", folder / run["run"] / "test_nll.npy") if p.exists())
            ).astype(np.float64)
            rows.append(load(a) - load(b))
    n, mean, _, low, high = estimate(np.mean(rows, axis=0), level)
    df, both_low, both_high = crossed(rows, level)
    ci = f"ci{level * 100:g}".replace(".", "_")
    return {
        "images": n,
        "delta_images_nats": mean,
        f"delta_images_{ci}_low_nats": low,
        f"delta_images_{ci}_high_nats": high,
        f"delta_crossed_{ci}_low_nats": both_low,
        f"delta_crossed_{ci}_high_nats": both_high,
        "crossed_df": df,
    }


def check(results):
    results, seen = pathlib.Path(results), []
    for path in sorted(results.glob("*/plan.json")):
        plan = json.loads(path.read_text())["plan"]
        metric, level = plan["compare"]["metric"], plan["compare"]["level"]
        column = metric.replace("-", "_")
        of_study = lambda name, file: [row for row in read(path.parent / file) if row["study"] == name]
        for study in plan["studies"]:
            name, runs = study["name"], {}
            for row in of_study(study["name"], "runs.csv"):
                runs.setdefault(row["variant"], []).append(row)
            number = lambda row: float(row[f"{column}_nats"]) if row["status"] == "finished" else None
            values = [[number(row) for row in rows] for rows in runs.values()]
            variants, baseline = list(runs), study["baseline"]
            table = of_study(name, "ablation.csv")
            told = [{"yes": True, "no": False, "": None}[row["may_be_best"]] for row in table]
            if told != best(values, min(0.05, 1 - level)):
                raise SystemExit(f"{name}: may_be_best is {told}, expected {best(values)}")
            for v, (found, expected) in enumerate(zip(table, ablation(values, baseline, level), strict=True)):
                compare(found, columns(expected, column, level), f"{name}, {found['variant']}", seen)
                if v != baseline and found["images"]:
                    again = images(results / "runs", metric, runs, variants[baseline], variants[v], level)
                    compare(found, again, f"{name}, {found['variant']}, over images", seen)
            shape = [len(axis["levels"]) for axis in study["axes"]]
            if (path.parent / "effects.csv").exists() and math.prod(shape) == len(values) > 1:
                home = study["variants"][baseline]["levels"]
                reference = [axis["levels"].index(at_home) for axis, at_home in zip(study["axes"], home)]
                table = of_study(name, "effects.csv")
                for found, expected in zip(table, effects(values, shape, reference, level), strict=True):
                    compare(found, columns(expected, column, level), f"{name}, effects, {found}", seen)
    if not seen:
        raise SystemExit(f"nothing to compare in {results}")
    print(f"{len(seen)} numbers, largest deviation {max(seen):.1e}")


if __name__ == "__main__":
    {"golden": golden, "check": check}[sys.argv[1]](*sys.argv[2:])
