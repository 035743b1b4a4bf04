#!/usr/bin/env python3
"""Sweeps, with a program that only pretends to simulate: what is run, kept and written."""

import math
import os
import subprocess
import sys
import tempfile
import unittest

SIM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "sim")
sys.path.insert(0, SIM)
import runs  # noqa: E402

# control = nodes * 2 + seed; fails for nodes=13.
PROGRAM = """#!/usr/bin/env python3
import json, os, sys
a = sys.argv[1:]
out = a[a.index("--out") + 1]
sets = dict(s.split("=") for f, s in zip(a, a[1:]) if f == "--set")
seed = int(a[a.index("--seed") + 1])
if sets["nodes"] == "13": sys.exit("thirteen")
os.makedirs(out)
with open(os.path.join(os.path.dirname(out), "log"), "a") as f: f.write(out + "\\n")
value = int(sets["nodes"]) * 2 + seed
with open(out + "/runs.csv", "w") as f: f.write(f"n,control_Bps_node\\n{sets['nodes']},{value}\\n")
with open(out + "/manifest.json", "w") as f:
    json.dump({"versions": {"selvage": "1", "ns3": "2"}, "sim_s": 3600, "nodes": 1, "cpu_s": 60}, f)
"""


class SweepTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.out = os.path.join(self.folder.name, "out")
        self.program = os.path.join(self.folder.name, "program")
        with open(self.program, "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        os.chmod(self.program, 0o755)
        self.scenario = os.path.join(self.folder.name, "s.toml")
        with open(self.scenario, "w", encoding="utf-8") as file:
            file.write("# <idle>\n")

    def tearDown(self):
        self.folder.cleanup()

    def sweep(self, *arguments):
        return subprocess.run(
            [sys.executable, "-B", os.path.join(SIM, "sweep.py"), self.scenario, "--program",
             self.program, "--out", self.out, "--columns", "control_Bps_node", *arguments],
            capture_output=True, text=True, check=False)

    def log(self):
        with open(os.path.join(self.out, "runs", "log"), encoding="utf-8") as file:
            return file.read().splitlines()

    def test_parts_share_the_runs_and_a_report_follows(self):
        over = ["--over", "nodes=100,400", "--over", "fault=none,drift", "--seeds", "3"]
        for part in ("1/3", "2/3", "3/3"):
            done = self.sweep(*over, "--part", part)
            self.assertEqual((done.returncode, done.stdout), (0, ""))
            self.assertEqual(len(self.log()), 4 * int(part[0]))
        self.assertEqual(len(set(self.log())), 12)
        self.assertFalse(os.path.exists(os.path.join(self.out, "report.html")))
        report = self.sweep(*over, "--table-only")
        self.assertIn("| 400 | drift | 3 |", report.stdout)
        self.assertEqual(len(self.log()), 12)
        for wrong in ("0/3", "4/3", "x", "1"):
            self.assertEqual(self.sweep(*over, "--part", wrong).returncode, 2)

    def test_each_combination_runs_once_per_seed_and_never_again(self):
        over = ["--over", "nodes=100,400", "--over", "fault=none,drift", "--seeds", "3"]
        self.assertEqual(self.sweep(*over).returncode, 0)
        self.assertEqual(len(set(self.log())), 12)
        self.assertEqual(self.sweep(*over).returncode, 0)
        self.assertEqual(len(self.log()), 12)

    def test_the_table_has_means_intervals_and_growth(self):
        result = self.sweep("--over", "nodes=100,400", "--seeds", "3", "--growth")
        # 202 of 201, 202, 203; 4.303 * 1 / sqrt(3) = 2.48
        self.assertIn("| 100 | 3 | 202 ± 2.5 |", result.stdout)
        self.assertIn("grows as nodes^0.99", result.stdout)

    def test_a_run_that_fails_is_told_and_the_others_count(self):
        result = self.sweep("--over", "nodes=13,25", "--seeds", "1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("thirteen", result.stderr)
        self.assertIn("| 25 | 1 | 51 |", result.stdout)

    def test_the_report_is_one_file_that_escapes_what_it_shows(self):
        self.sweep("--over", "nodes=25", "--quick")
        with open(os.path.join(self.out, "report.html"), encoding="utf-8") as file:
            text = file.read()
        self.assertIn("&lt;idle&gt;", text)
        self.assertNotIn("<img", text)
        self.assertIn("1 runs, 1 node-hours", text)

    def test_intervals_and_exponents_are_those_of_the_textbook(self):
        self.assertAlmostEqual(runs.half_width([1, 2, 3]), 4.303 / math.sqrt(3), 3)
        self.assertTrue(math.isnan(runs.half_width([1])))
        self.assertAlmostEqual(runs.growth([(1, 3), (4, 6), (16, 12)]), 0.5)


if __name__ == "__main__":
    unittest.main()
