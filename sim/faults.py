#!/usr/bin/env python3
"""Does a node name the fault? Breaks random meshes over and over and reads what nodes say of it.

    faults.py --out DIR [--injections 220] [--congestions 10] [-j 2] [--check]

The faults are those of campaign.py (scenarios/campaign.toml: random kinds, one after the other, in
a mesh of 49 nodes) and runs of scenarios/congestion.toml, where more is sent than links carry. The
nodes do not know of them. What they say is the event "fault", which `selvage why` shows first; the
last one before the fault ends counts. Asked are the nodes where an operator would ask: for a link
the one whose traffic the fault met (in "5-18" node 5), for a node each that says anything of it,
for a partition the ends of cut links. Prints a table of kinds against names, the share of faults
named right (a fault counts by the name that most of those asked give; no name is wrong), and the
share of single answers that are right. Writes DIR/faults.md. --check: exit status 1 below 90 %.
"""

import argparse
import collections
import os
import sys

import runs as runs_of

PER_RUN = 25
SHARE_MIN = 0.90
# What each kind is in the words of `why`. A "churn" is relays that die one after the other; "gray"
# loses one way, "loss" both; "ramp" loses ever more until nothing passes.
NAMES = {"silent": "link silent", "oneway": "link one-way", "gray": "loses frames",
         "loss": "loses frames", "mtu": "loses large frames", "ramp": "fading",
         "blackhole": "drops what it should forward", "crash": "neighbor gone",
         "churn": "neighbor gone", "partition": "partitioned", "flap": "flapping",
         "congestion": "link congested"}
NONE = "(no name)"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--injections", type=int, default=220)
    parser.add_argument("--congestions", type=int, default=10, help="runs, one each")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="for the runs with faults")
    parser.add_argument("--program", help="default: that of this tree, then PATH")
    parser.add_argument("--check", action="store_true", help="exit 1 below 90 %%")
    return parser.parse_args()


def setting(args, key, otherwise):
    """As in campaign.toml (`otherwise`), or given by --set."""
    for text in reversed(args.set):
        if text.startswith(key + "="):
            return text[len(key) + 1:]
    return otherwise


def plan(args):
    scenarios = os.path.join(runs_of.HERE, "scenarios")
    faults, congestions = [], []
    for i in range(-(-args.injections // PER_RUN)):
        seed = args.first_seed + i
        left = min(PER_RUN, args.injections - i * PER_RUN)
        faults.append(runs_of.Run(os.path.join(args.out, f"seed-{seed}"),
                                  os.path.join(scenarios, "campaign.toml"), "selvage", seed,
                                  args.set + [f"injections={left}"]))
    for seed in range(args.first_seed, args.first_seed + args.congestions):
        congestions.append(runs_of.Run(os.path.join(args.out, f"full-{seed}"),
                                       os.path.join(scenarios, "congestion.toml"), "selvage",
                                       seed, []))
    return faults, congestions


class Voice:
    """What a node says of a neighbour: the name and when it began and ended."""

    def __init__(self, time, node, text):
        parts = text.split(": ", 2)
        who = parts[0].split(" on ")[0]
        self.time, self.node, self.about = time, node, who.lstrip("n")
        self.name = parts[1] if len(parts) > 1 else ""


def voices(run, zero):
    """Events "fault" of a run by time. `zero`: time of the first fault, from which events count."""
    out = []
    with open(os.path.join(run.directory, "events.csv"), encoding="utf-8") as file:
        for line in file:
            parts = line.rstrip("\n").split(",", 3)
            if len(parts) == 4 and parts[2] == "fault":
                out.append(Voice(float(parts[0]) + zero, parts[1], parts[3].strip('"')))
    return out


def injections(run):
    """(number, kind, target, begin) of each fault that met a flow."""
    seen = {}
    for row in runs_of.read(os.path.join(run.directory, "injections.csv")):
        if row["flow"] != "-":
            seen.setdefault(row["injection"], (row["kind"], row["target"], float(row["begin_s"])))
    return list(seen.values())


def asked(kind, target, said):
    """The last names that those give whom an operator would ask. `said`: while the fault lasted."""
    last = {}
    dead = {voice.node for voice in said if voice.name == "isolated"}
    for voice in said:
        if kind == "partition":
            fits = True
        elif kind == "churn":  # several relays; those that are silent hear nobody
            fits = voice.node not in dead
        elif "-" in target:
            a, b = target.split("-")
            fits = voice.node == a and voice.about == b
        else:
            fits = voice.about == target and voice.node != target
        # That speaks of the node itself, not of a neighbour.
        if fits and voice.name != "isolated":
            last[voice.node, voice.about] = voice.name
    return list(last.values())


def verdict(answers):
    return collections.Counter(answers).most_common(1)[0][0] if answers else NONE


def results(runs, hold, zero):
    """(kind, verdict, answers) of each fault."""
    out = []
    for run in runs:
        if not run.done():
            continue
        heard = voices(run, zero)
        for kind, target, begin in injections(run):
            said = [v for v in heard if begin <= v.time < begin + hold]
            answers = asked(kind, target, said)
            out.append((kind, verdict(answers), answers))
    return out


def congestion_results(runs):
    out = []
    for run in runs:
        if not run.done():
            continue
        last = {(v.node, v.about): v.name for v in voices(run, 0)}
        answers = list(last.values())
        out.append(("congestion", verdict(answers), answers))
    return out


def table(found):
    names = sorted({name for _, name, _ in found} | {NAMES[kind] for kind, _, _ in found})
    lines = ["| fault | faults | right | answers right | " + " | ".join(names) + " |",
             "|" + "---|" * (len(names) + 4)]
    right = answers_right = answers_all = 0
    for kind in sorted({kind for kind, _, _ in found}):
        of_kind = [(name, answers) for k, name, answers in found if k == kind]
        counts = collections.Counter(name for name, _ in of_kind)
        single = [a for _, answers in of_kind for a in answers]
        good = counts[NAMES[kind]]
        single_good = sum(a == NAMES[kind] for a in single)
        right += good
        answers_right += single_good
        answers_all += len(single)
        lines.append(f"| {kind} | {len(of_kind)} | {good / len(of_kind):.0%} | "
                     f"{single_good} of {len(single)} | " +
                     " | ".join(str(counts[n]) if counts[n] else "" for n in names) + " |")
    share = right / len(found) if found else 0
    lines += ["", f"{len(found)} faults, {share:.1%} named right; of {answers_all} single answers "
                  f"{answers_right / max(1, answers_all):.1%}."]
    return "\n".join(lines) + "\n", share


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    faults, congestions = plan(args)
    fine = runs_of.execute_all(args.program, args.jobs, faults + congestions)
    hold, zero = float(setting(args, "hold_s", 6)), float(setting(args, "fault_s", 20))
    found = results(faults, hold, zero) + congestion_results(congestions)
    text, share = table(found)
    print(text)
    with open(os.path.join(args.out, "faults.md"), "w", encoding="utf-8") as file:
        file.write(text)
    if not fine:
        print("some runs failed", file=sys.stderr)
    if share < SHARE_MIN:
        print(f"{share:.1%} named right, {SHARE_MIN:.0%} are wanted", file=sys.stderr)
    return 1 if args.check and (share < SHARE_MIN or not fine) else 0


if __name__ == "__main__":
    sys.exit(main())
