#!/usr/bin/env python3
"""Attackers on a 7x7 grid, with the defence off and on: who is found, when, and what it costs.

    quarantine.py --out DIR [--seeds 3] [--attacks blackhole,drop20,accuse,lie,mixed] [--check]
    quarantine.py --out DIR --loss-hours 49 [--check]

The first form lets a tenth of the nodes attack (scenarios/quarantine.toml) and prints a table. The
second runs the same mesh without attackers and with 30 % of all frames lost at random for as many
node-hours, and counts who was put in quarantine without a reason.

    detected    dropping or accusing attackers that all honest nodes within two hops have in
                quarantine before the end (who only lies about metrics drops nothing)
    off s       until 99 % of all packets between honest ends arrive, for good
    quarantine  median seconds until all honest nodes within two hops have it in quarantine
    wrong       honest nodes that honest nodes put in quarantine (pairs), over all runs
    delivery    between honest ends, of what was sent 10 s after the attack or later
    B/s         control bytes a node and second after the attack

--check: exit status 1 when delivery with the defence is below 99 %, fewer than four of five that
drop all are found, or an honest node is put in quarantine.
"""

import argparse
import json
import math
import os
import statistics
import sys

import runs as runs_of

DETECTABLE = ("blackhole", "drop20", "accuse")
SETTLED_S = 10
NODES = 49
HOURS_A_RUN = 4  # node-hours, five minutes


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--attacks", default="blackhole,drop20,accuse,lie,mixed")
    parser.add_argument("--loss-hours", type=float, metavar="NODE-HOURS")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--program", help="default: that of this tree, then PATH")
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


def run_of(args, name, seed, *settings):
    return runs_of.Run(os.path.join(args.out, name),
                       os.path.join(runs_of.HERE, "scenarios", "quarantine.toml"), "selvage", seed,
                       list(settings) + args.set)


def execute(args, runs):
    if not runs_of.execute_all(args.program, args.jobs, runs):
        sys.exit("some runs failed")


def quarantines(run):
    """(seconds after the attack, judge, subject), first of each pair."""
    seen = {}
    with open(os.path.join(run.directory, "events.csv"), encoding="utf-8") as file:
        next(file)
        for line in file:
            t, node, kind, text = line.rstrip("\n").split(",", 3)
            if kind == "node-quarantined" and text.startswith("n"):
                seen.setdefault((int(node), int(text.split()[0][1:])), float(t))
    return [(t, judge, subject) for (judge, subject), t in seen.items()]


def scenario(run):
    with open(os.path.join(run.directory, "scenario.json"), encoding="utf-8") as file:
        return json.load(file)


def within_two(links, node):
    near = {n for link in links if node in link for n in link}
    return {n for link in links if near & set(link) for n in link} - {node}


def evaluate(run):
    plan = scenario(run)
    links = [tuple(link[:2]) for link in plan["topology"]["links"]]
    attackers = {e["a"]: e["what"] for e in plan["fault"]["events"]}
    found = quarantines(run)
    result = {"times": [], "detectable": 0, "wrong": 0}
    result["wrong"] = sum(1 for _, judge, subject in found
                          if judge not in attackers and subject not in attackers)
    for node, what in attackers.items():
        if what not in DETECTABLE:
            continue
        result["detectable"] += 1
        honest = within_two(links, node) - set(attackers)
        times = {judge: t for t, judge, subject in found if subject == node}
        if honest and all(judge in times for judge in honest):
            result["times"].append(max(times[judge] for judge in honest))
    steps = [(float(r["t_s"]), int(r["sent"]), int(r["got"]))
             for r in runs_of.read(os.path.join(run.directory, "timeline.csv"))]
    late = [(sent, got) for t, sent, got in steps if t >= SETTLED_S]
    result["sent"] = sum(sent for sent, _ in late)
    result["got"] = sum(got for _, got in late)
    bad = [t for t, sent, got in steps if t >= 0 and got < 0.99 * sent]
    step = steps[1][0] - steps[0][0]
    last = max(t for t, sent, _ in steps if sent > 0)
    result["off_s"] = 0 if not bad else math.inf if max(bad) >= last - 1 else max(bad) + step
    result["Bps"] = float(run.row()["control_Bps_node"])
    return result


def table(args):
    runs = {(attack, defence, seed):
            run_of(args, f"{attack}-{'on' if defence == 'true' else 'off'}-{seed}", seed,
                   "fault=attack", f"attack={attack}", f"quarantine={defence}")
            for attack in args.attacks.split(",")
            for defence in ("false", "true") for seed in range(1, args.seeds + 1)}
    execute(args, list(runs.values()))
    results = {key: evaluate(run) for key, run in runs.items()}
    lines = ["| attack | defence | detected | off s | quarantine s | wrong | delivery | B/s/node |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    fine = True
    for attack in args.attacks.split(","):
        for defence in ("false", "true"):
            part = [r for (a, d, _), r in results.items() if a == attack and d == defence]
            times = [t for r in part for t in r["times"]]
            detectable = sum(r["detectable"] for r in part)
            delivery = sum(r["got"] for r in part) / max(1, sum(r["sent"] for r in part))
            off = statistics.median(r["off_s"] for r in part)
            lines.append("| {} | {} | {} | {} | {} | {} | {:.3f} % | {:.0f} |".format(
                attack, "on" if defence == "true" else "off",
                f"{len(times)} of {detectable}" if detectable else "-",
                "never" if math.isinf(off) else f"{off:.2f}",
                f"{statistics.median(times):.1f}" if times else "-",
                sum(r["wrong"] for r in part), 100 * delivery,
                statistics.mean(r["Bps"] for r in part)))
            if defence == "true":
                fine = fine and delivery >= 0.99
                fine = fine and not any(r["wrong"] for r in part)
                fine = fine and not (attack == "blackhole" and 5 * len(times) < 4 * detectable)
    return lines, fine


def under_loss(args):
    hours, total = args.loss_hours, 0
    runs = []
    while hours > 0:
        seconds = max(20, math.ceil(min(hours, HOURS_A_RUN) * 3600 / NODES))
        seed = len(runs) + 1
        runs.append(run_of(args, f"loss-{seed}", seed, "fault=none", "abstract_loss=0.3",
                           f"window_s={seconds}"))
        total += seconds * NODES / 3600
        hours -= HOURS_A_RUN
    execute(args, runs)
    wrong = sum(len(quarantines(run)) for run in runs)
    checks = sum(run.manifest()["counters"]["quarantine_checks_total"] for run in runs)
    return [f"{total:.0f} node-hours with 30 % of all frames lost: {wrong} wrong quarantines, "
            f"{checks} checks"], wrong == 0


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    lines, fine = under_loss(args) if args.loss_hours is not None else table(args)
    text = "\n".join(lines) + "\n"
    with open(os.path.join(args.out, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text, end="")
    return 1 if args.check and not fine else 0


if __name__ == "__main__":
    sys.exit(main())
