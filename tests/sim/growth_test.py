#!/usr/bin/env python3
"""The growth figure, with a program that only pretends to simulate."""

import csv
import os
import subprocess
import sys
import tempfile
import unittest

SIM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "sim")

# all = 10 * sqrt(nodes), of which hellos are a constant 20 and the map the rest; 1024 takes ages.
PROGRAM = """#!/usr/bin/env python3
import json, os, sys, time
a = sys.argv[1:]
out = a[a.index("--out") + 1]
sets = dict(s.split("=") for f, s in zip(a, a[1:]) if f == "--set")
n = int(sets["nodes"])
os.makedirs(out)
if n == 1024: time.sleep(60)
total = 10 * n ** 0.5
with open(out + "/runs.csv", "w") as f:
    f.write("control_Bps_node,control_pps_node,cpu_s,sim_s,window_s,rss_mb\\n")
    f.write(f"{total},1,39,390,240,{n}\\n")
kinds = "beacon feedback handshake hello map model other probe quality testimony".split()
counters = {f"control_bytes_{k}_total": 0 for k in kinds}
counters["control_bytes_hello_total"] = 20 * 240 * n
counters["control_bytes_map_total"] = (total - 20) * 240 * n
counters["control_bytes_probe_total"] = 3 * 240 * n
if a[a.index("--protocol") + 1] != "selvage": counters = {}
with open(out + "/manifest.json", "w") as f:
    json.dump({"nodes": n, "counters_after": counters}, f)
"""


class GrowthTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.out = os.path.join(self.folder.name, "out")
        self.program = os.path.join(self.folder.name, "program")
        with open(self.program, "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        os.chmod(self.program, 0o755)

    def tearDown(self):
        self.folder.cleanup()

    def growth(self, *arguments):
        return subprocess.run([sys.executable, "-B", os.path.join(SIM, "growth.py"), "--program",
                               self.program, "--out", self.out, *arguments],
                              capture_output=True, text=True, check=False)

    def test_the_exponent_is_that_of_the_bytes(self):
        result = self.growth("--abstract", "25", "100", "400", "--wifi")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("selvage, abstract: growth 0.50 (all)", result.stdout)
        # 33, 83 and 183: what is left without hellos grows faster.
        self.assertIn("0.62 (but hellos)", result.stdout)
        self.assertIn("0.50 (all, 100 nodes and more)", result.stdout)

    def test_bytes_are_told_apart_by_what_they_were_sent_for(self):
        self.growth("--abstract", "25", "--wifi")
        with open(os.path.join(self.out, "growth.csv"), encoding="utf-8") as file:
            row = next(csv.DictReader(file))
        self.assertEqual([float(row[c]) for c in ("all", "hellos", "map", "beacons", "other",
                                                  "IP, UDP", "but hellos", "cpu s per s", "MB")],
                         [50, 20, 30, 0, 3, 28, 33, 0.1, 25])

    def test_other_protocols_are_in_the_same_table_without_kinds(self):
        result = self.growth("--abstract", "25", "--wifi", "25", "49", "--baselines", "olsr")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("| olsr, wifi | 49 | 70 | - | - | - | - | 28 | 0.1 | 49 |", result.stdout)
        self.assertIn("olsr, wifi: growth 0.50 (all)\n", result.stdout)
        self.assertIn("| selvage, wifi | 49 | 70 | 20 | 50 |", result.stdout)

    def test_a_run_that_takes_too_long_is_left_out_and_said_so(self):
        result = self.growth("--abstract", "25", "49", "1024", "--wifi", "--limit", "2")
        self.assertEqual(result.returncode, 1)
        self.assertIn("stopped after 2 s", result.stderr)
        self.assertNotIn("1024", result.stdout)
        self.assertIn("growth 0.50", result.stdout)
        self.assertFalse(os.path.exists(
            os.path.join(self.out, "runs", "selvage-abstract-1024-s1")))


if __name__ == "__main__":
    unittest.main()
