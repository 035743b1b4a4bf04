#!/usr/bin/env python3
"""Judges what `selvage-bench anomaly` writes on labelled data, beside its plain detectors.

    anomaly_eval.py --bench PROGRAM --data FOLDER [--detectors model,int8,robust-z,cusum] [--json]

FOLDER has nab/*.csv.gz (value,in_window), servers/NAME_{train,test}.csv.gz with NAME_blame.json
([first row, last row, [columns to blame]] of the test part; its label is the last column) and
links/*.csv.gz (name, then RSSI of each packet; empty: lost). What is missing is skipped. No label
reaches the detectors; train and test are one stream, and only test is scored. No point adjustment.

- NAB: the standard profile of the Numenta Anomaly Benchmark v1.1 (Lavin and Ahmad, 2015): one
  threshold for all files, the best; sigmoid by position in the window; false positive 0.11.
- VUS-PR: volume under the precision-recall surface (Paparrizos et al., VLDB 2022), buffers of 0 to
  --vus-window rows, 250 thresholds.
- HitRate@100%: of the N columns to blame, how many are among the N with the highest sum of blame.
- Trace F1: a third of the link traces get a fault; a trace counts as found by its highest score
  (best threshold) and, beside it, by the alarm column as it is.
"""

import argparse
import bisect
import glob
import gzip
import json
import math
import os
import random
import subprocess
import sys
import tempfile


def sigmoid(position):
    return -1.0 if position >= 3 else 2 / (1 + math.exp(5 * position)) - 1


def nab_points(labels, scores):
    """(points, windows): points are (score, credit, window or -1), probation left out."""
    rows = len(labels)
    probation = min(math.floor(0.15 * rows), 750)
    points, windows = [], 0
    right = width = None  # of the window last entered
    inside = False
    for i in range(rows):
        if labels[i] and not inside:
            end = i
            while end + 1 < rows and labels[end + 1]:
                end += 1
            right, width, windows, inside = end, end - i + 1, windows + 1, True
        if inside:
            credit = sigmoid(-(right - i + 1) / width) / sigmoid(-1)
            window = windows - 1
        else:
            past = 3 if right is None else (i - right) / max(width - 1, 1)
            credit, window = 0.11 * sigmoid(past), -1
        if i >= probation:
            points.append((scores[i], credit, window))
        if inside and i == right:
            inside = False
    return points, windows


def nab_score(series):
    """Normalised NAB score of [(labels, scores)], standard profile, at the best threshold."""
    points, windows = [], 0
    for labels, scores in series:
        found, count = nab_points(labels, scores)
        points += [(s, c, w + windows if w >= 0 else -1) for s, c, w in found]
        windows += count
    points.sort(key=lambda p: -p[0])
    best = [-1.0] * windows
    total = top = -float(windows)
    for i, (score, credit, window) in enumerate(points):
        if window < 0:
            total += credit
        elif credit > best[window]:
            total += credit - best[window]
            best[window] = credit
        if i + 1 == len(points) or points[i + 1][0] != score:
            top = max(top, total)
    return 100 * (top + windows) / (2 * windows)


def segments(labels):
    found = []
    for i, label in enumerate(labels):
        if label and (i == 0 or not labels[i - 1]):
            found.append([i, i])
        if label:
            found[-1][1] = i
    return found


def vus_pr(labels, scores, window, thresholds=250):
    rows = len(labels)
    ranked = sorted(scores, reverse=True)
    cuts = [ranked[int((rows - 1) * k / (thresholds - 1))] for k in range(thresholds)]
    negative = [-c for c in cuts]
    order = [-s for s in ranked]
    predicted = [bisect.bisect_right(order, -c) for c in cuts]
    # First threshold at which each row is predicted.
    first = [bisect.bisect_left(negative, -s) for s in scores]
    events = segments(labels)
    positives = sum(labels)
    hits = [0] * (thresholds + 1)
    for i in range(rows):
        if labels[i]:
            hits[first[i]] += 1
    for k in range(1, thresholds):
        hits[k] += hits[k - 1]
    total = 0.0
    for w in range(window + 1):
        near = {}
        for start, end in events:
            for x in range(end + 1, min(end + w // 2 + 1, rows)):
                near[x] = near.get(x, 0) + math.sqrt(1 - (x - end) / w)
            for x in range(max(start - w // 2, 0), start):
                near[x] = near.get(x, 0) + math.sqrt(1 - (start - x) / w)
        soft = [0.0] * (thresholds + 1)
        for x, value in near.items():
            if not labels[x]:
                soft[first[x]] += min(1.0, value)
        merged = []
        for start, end in events:
            a, z = max(start - w // 2, 0), min(end + w // 2, rows - 1)
            if merged and end + w // 2 >= start and merged[-1][1] >= a:
                merged[-1][1] = z
            else:
                merged.append([a, z])
        seen = [0] * (thresholds + 1)
        for a, z in merged:
            seen[min(first[a:z + 1])] += 1
        recall_before = area = run_soft = 0.0
        run_seen = 0
        for k in range(thresholds):
            run_soft += soft[k]
            run_seen += seen[k]
            true = hits[k] + run_soft
            recall = min(true / (positives + run_soft / 2), 1) * run_seen / len(merged)
            area += (recall - recall_before) * true / predicted[k]
            recall_before = recall
        total += area
    return total / (window + 1)


def hit_rate(blames, events):
    """Mean share of the columns to blame that are ranked among as many."""
    total = 0.0
    for start, end, columns in events:
        sums = [sum(column) for column in zip(*blames[start:end + 1])]
        ranked = sorted(range(len(sums)), key=lambda f: -sums[f])
        total += len(set(ranked[:len(columns)]) & set(columns)) / len(columns)
    return total / len(events)


def best_f1(pairs):
    """Best F1 over thresholds of [(score, faulty)]."""
    pairs = sorted(pairs, key=lambda p: -p[0])
    faulty = sum(f for _, f in pairs)
    true = best = 0.0
    for i, (score, is_faulty) in enumerate(pairs):
        true += is_faulty
        if i + 1 == len(pairs) or pairs[i + 1][0] != score:
            best = max(best, 2 * true / (faulty + i + 1))
    return best


class Bench:
    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.nanoseconds = []

    def run(self, lines, detector, schema="generic"):
        """[(score, alarm, [blame])] for CSV lines without a header."""
        source = os.path.join(self.folder, "in.csv")
        target = os.path.join(self.folder, "out.csv")
        with open(source, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        done = subprocess.run(
            [self.program, "anomaly", "--input", source, "--out", target, "--schema", schema,
             "--detector", detector, "--json"], check=True, capture_output=True, text=True)
        self.nanoseconds.append(json.loads(done.stdout)["ns_per_sample"])
        rows = []
        with open(target, encoding="ascii") as file:
            next(file)
            for line in file:
                cells = [float(c) for c in line.split(",")]
                rows.append((cells[0], cells[1] > 0, cells[2:]))
        return rows


def read(path):
    with gzip.open(path, "rt", encoding="ascii") as file:
        return file.read().split()


def judge_nab(bench, data, detector):
    series = []
    for path in sorted(glob.glob(os.path.join(data, "nab", "*.csv.gz"))):
        cells = [line.split(",") for line in read(path)[1:]]
        rows = bench.run([c[0] for c in cells], detector)
        series.append(([int(c[1]) for c in cells], [r[0] for r in rows]))
    return {"nab": nab_score(series)} if series else {}


def judge_servers(bench, data, detector, window):
    out = {}
    for path in sorted(glob.glob(os.path.join(data, "servers", "*_test.csv.gz"))):
        name = os.path.basename(path)[:-len("_test.csv.gz")]
        group = "asd" if name.startswith("omi") else "smd"
        train = read(path.replace("_test", "_train"))
        cells = [line.rsplit(",", 1) for line in read(path)]
        rows = bench.run(train + [c[0] for c in cells], detector)[len(train):]
        with open(path.replace("_test.csv.gz", "_blame.json"), encoding="utf-8") as file:
            events = json.load(file)
        out.setdefault(group + "_vus_pr", {})[name] = vus_pr(
            [int(float(c[1])) for c in cells], [r[0] for r in rows], window)
        out.setdefault(group + "_hits", {})[name] = (
            hit_rate([r[2] for r in rows], events), len(events))
    summary = {}
    for key, values in out.items():
        if key.endswith("_hits"):
            weight = sum(n for _, n in values.values())
            summary[key[:4] + "hit_rate"] = sum(h * n for h, n in values.values()) / weight
        else:
            summary[key] = sum(values.values()) / len(values)
            summary[key + "_files"] = values
    return summary


def inject(trace, kind, depth, rng):
    """The trace with a fault: depth in dB; a drop below the register's 0 stays below it."""
    trace = list(trace)
    start = rng.randint(150, 200 if kind == "slow" else 280)
    length = {"sudden": 300, "recovering": rng.randint(5, 20), "spike": 1, "slow": 300}[kind]
    fall = rng.randint(40, 90)  # packets over which a slow fault reaches its depth
    for t in range(start, min(start + length, len(trace))):
        if trace[t] is not None:
            share = min(1.0, (t - start + 1) / fall) if kind == "slow" else 1
            trace[t] = round(trace[t] - depth * share)
    return trace


def judge_links(bench, data, detector, seed):
    traces = []
    for path in sorted(glob.glob(os.path.join(data, "links", "*.csv.gz"))):
        for line in read(path):
            cells = line.split(",")[1:]
            # 128 and 255 stand for "not measured" in these registers.
            trace = [int(c) if c and int(c) < 128 else None for c in cells]
            if len(trace) == 300 and trace.count(None) <= 15:
                traces.append(trace)
    out = {}
    for soft in (False, True):
        for kind in ("sudden", "recovering", "slow", "spike"):
            rng = random.Random("%s %s %d" % (kind, soft, seed))
            pairs, true, false = [], 0, 0
            for trace in traces:
                faulty = rng.random() < 1 / 3
                if faulty:
                    depth = rng.uniform(4, 12) if soft else rng.uniform(12, 40)
                    trace = inject(trace, kind, depth, rng)
                # A lost packet is an empty line.
                rows = bench.run(["" if v is None else str(v) for v in trace], detector, "link")
                pairs.append((max(r[0] for r in rows), faulty))
                alarmed = any(r[1] for r in rows)
                true += alarmed and faulty
                false += alarmed and not faulty
            name = kind + ("_soft" if soft else "")
            out[name] = best_f1(pairs)
            out[name + "_alarm"] = 2 * true / max(
                true + false + sum(f for _, f in pairs), 1)
    return {"trace_f1": out, "traces": len(traces)} if traces else {}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bench", required=True, help="the selvage-bench program")
    parser.add_argument("--data", required=True, help="folder with nab/, servers/, links/")
    parser.add_argument("--detectors", default="model,int8,robust-z,cusum")
    parser.add_argument("--parts", default="nab,servers,links")
    parser.add_argument("--vus-window", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="of the injected faults")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = {}
    parts = arguments.parts.split(",")
    with tempfile.TemporaryDirectory() as folder:
        for detector in arguments.detectors.split(","):
            bench = Bench(arguments.bench, folder)
            result = {}
            if "nab" in parts:
                result.update(judge_nab(bench, arguments.data, detector))
            if "servers" in parts:
                result.update(judge_servers(bench, arguments.data, detector,
                                            arguments.vus_window))
            if "links" in parts:
                result.update(judge_links(bench, arguments.data, detector, arguments.seed))
            results[detector] = result
            if not arguments.json:
                for key, value in result.items():
                    items = value.items() if isinstance(value, dict) else [("", value)]
                    for name, figure in items:
                        print("%-9s %-18s %-18s %8.3f" % (detector, key, name, figure))
                sys.stdout.flush()
    if arguments.json:
        json.dump(results, sys.stdout, indent=2)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
