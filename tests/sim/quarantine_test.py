#!/usr/bin/env python3
"""A tenth of a grid drops everything: sim/quarantine.py --check must find four of five of them, and
nobody with the defence off. SELVAGE_NIGHTLY=1: all attacks and 1,000 node-hours of
30 % random loss."""

import os
import shutil
import subprocess
import sys
import tempfile


def main():
    program, source = sys.argv[1:]
    script = os.path.join(source, "sim", "quarantine.py")
    nightly = os.environ.get("SELVAGE_NIGHTLY") == "1"
    directory = tempfile.mkdtemp(prefix="selvage-quarantine-")
    try:
        def run(name, *more):
            done = subprocess.run([sys.executable, "-B", script, "--program", program, "--check",
                                   "--out", os.path.join(directory, name), *more],
                                  capture_output=True, text=True, check=False)
            print(done.stdout, done.stderr, flush=True)
            return done

        if nightly:
            if run("all", "--seeds", "5").returncode != 0:
                return 1
            return run("loss", "--loss-hours", "1000", "--set", "rate=5").returncode
        done = run("few", "--seeds", "1", "--attacks", "blackhole", "--set", "window_s=20")
        if done.returncode != 0:
            return 1
        off = [line for line in done.stdout.splitlines() if "| blackhole | off |" in line]
        if len(off) != 1 or "| 0 of " not in off[0]:
            print("with the defence off nobody can be found")
            return 1
        return run("loss", "--loss-hours", "1").returncode
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
