"""Many simulations, each a process with a directory of its own: what the scripts here share.

Finished runs are kept, so that an interrupted set goes on where it stopped.
"""

import csv
import json
import math
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))

# Two-sided 95 % points of Student's t by degrees of freedom; beyond them the normal's.
STUDENT = [math.nan, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201,
           2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069,
           2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]


def find_program(given):
    built = os.path.join(os.path.dirname(HERE), "build", "release", "bin", "selvage-sim")
    for candidate in (given, built, shutil.which("selvage-sim")):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    sys.exit("no selvage-sim found: run tools/build, or give --program")


class Run:
    """One simulation. `settings`: list of KEY=VALUE. `limit_s`: it may not take longer."""

    limit_s = None

    def __init__(self, directory, scenario, protocol, seed, settings):
        self.directory, self.protocol, self.seed = directory, protocol, seed
        self.command = ["run", scenario, "--protocol", protocol, "--seed", str(seed), "--out",
                        directory] + [w for s in settings for w in ("--set", s)]

    def done(self):
        return os.path.exists(os.path.join(self.directory, "manifest.json"))

    def execute(self, program):
        """Returns "" or what went wrong. Leaves nothing half finished behind."""
        shutil.rmtree(self.directory, ignore_errors=True)
        try:
            result = subprocess.run([program] + self.command, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                    timeout=self.limit_s, check=False)
        except subprocess.TimeoutExpired:
            shutil.rmtree(self.directory, ignore_errors=True)
            return f"stopped after {self.limit_s:g} s"
        if result.returncode == 0:
            return ""
        shutil.rmtree(self.directory, ignore_errors=True)
        return f"exit {result.returncode}: {result.stderr.decode(errors='replace').strip()[-300:]}"

    def row(self):
        return read(os.path.join(self.directory, "runs.csv"))[-1]

    def flows(self):
        return read(os.path.join(self.directory, "flows.csv"))

    def manifest(self):
        with open(os.path.join(self.directory, "manifest.json"), encoding="utf-8") as file:
            return json.load(file)


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def execute_all(program, jobs, runs):
    """Runs what has not run, `jobs` at a time, with progress on stderr. Returns whether all went
    well."""
    program = find_program(program)
    waiting = [r for r in runs if not r.done()]
    started, lock, finished, failures = time.monotonic(), threading.Lock(), [0], []

    def one(run):
        problem = run.execute(program)
        with lock:
            finished[0] += 1
            if problem:
                failures.append(f"{run.directory}: {problem}")
            spent = time.monotonic() - started
            left = spent / finished[0] * (len(waiting) - finished[0])
            print(f"\r{len(runs) - len(waiting) + finished[0]}/{len(runs)} runs, "
                  f"{len(failures)} failed, {spent / 60:.1f} min, {left / 60:.1f} min left  ",
                  end="", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        list(pool.map(one, waiting))
    if waiting:
        print(file=sys.stderr)
    for failure in failures:
        print("failed: " + failure, file=sys.stderr)
    return not failures


def median(values):
    values = sorted(values)
    if not values:
        return math.nan
    middle = len(values) // 2
    if len(values) % 2 or math.isinf(values[middle]):
        return values[middle]
    return (values[middle - 1] + values[middle]) / 2


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else math.nan


def half_width(values):
    """Half of the 95 % confidence interval of the mean; nan for fewer than two values."""
    values = list(values)
    if len(values) < 2:
        return math.nan
    centre = mean(values)
    variance = sum((v - centre) ** 2 for v in values) / (len(values) - 1)
    degrees = len(values) - 1
    factor = STUDENT[degrees] if degrees < len(STUDENT) else 1.96
    return factor * math.sqrt(variance / len(values))


def growth(points):
    """Exponent b of y = a x^b through (x, y), least squares of logarithms; nan below two points."""
    points = [(math.log(x), math.log(y)) for x, y in points if x > 0 and y > 0]
    if len({x for x, _ in points}) < 2:
        return math.nan
    mx, my = mean(x for x, _ in points), mean(y for _, y in points)
    return (sum((x - mx) * (y - my) for x, y in points) /
            sum((x - mx) ** 2 for x, _ in points))
