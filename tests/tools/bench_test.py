"""Runs every command of selvage-bench for a moment and checks what it reports, never how fast.

    bench_test.py PATH_OF_SELVAGE_BENCH
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

BENCH = "selvage-bench"


def run(*arguments):
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=120,
                          check=False)


def report(*arguments):
    done = run(*arguments, "--json")
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


class Relay(unittest.TestCase):
    def test_reports_both_relays_for_each_batch_size_and_the_worse_ratio_on_top(self):
        out = report("relay", "--size", "256", "--rate", "2000", "--seconds", "0.4",
                     "--slice", "0.1")
        self.assertEqual([1, 32], [run["batch"] for run in out["runs"]])
        for found in out["runs"]:
            self.assertGreater(found["cpu_ns_per_packet"], 0)
            self.assertGreater(found["bare_cpu_ns_per_packet"], 0)
            self.assertGreater(found["real"]["packets_per_second"]["median"], 0)
            self.assertLessEqual(found["ratio_min"], found["ratio"])
            self.assertLessEqual(found["ratio"], found["ratio_max"])
        worst = max(out["runs"], key=lambda found: found["ratio"])
        for key in ("cpu_ns_per_packet", "bare_cpu_ns_per_packet", "ratio"):
            self.assertEqual(worst[key], out[key])

    def test_frames_have_the_size_that_was_asked_for(self):
        for size in (96, 1200):
            out = report("relay", "--size", str(size), "--rate", "500", "--seconds", "0.2",
                         "--slice", "0.1", "--batch", "1")
            found = out["runs"][0]
            # The mean has what rides along (a hello when traffic begins) and what the destination
            # reports about the flow: a small frame back now and then.
            self.assertAlmostEqual(size, found["frame_bytes"], delta=3 + 0.05 * size)

    def test_with_batch_1_no_call_moves_more_than_one_packet(self):
        out = report("relay", "--rate", "4000", "--seconds", "0.4", "--slice", "0.2",
                     "--batch", "1")
        found = out["runs"][0]
        self.assertGreaterEqual(found["real"]["system_calls_per_packet"]["min"], 1.9)
        self.assertEqual(2, round(found["bare"]["system_calls_per_packet"]["median"]))


class Spf(unittest.TestCase):
    def test_tables_agree_with_a_plain_dijkstra(self):
        out = report("spf", "--nodes", "60", "--seconds", "0.01")
        self.assertEqual(60, out["nodes"])
        self.assertTrue(out["same_costs"])
        for key in ("table_us", "bare_table_us", "change_us", "topology_us"):
            self.assertGreaterEqual(out[key]["samples"], 3)
        self.assertGreater(out["advertised_bytes"], 60 * 64)
        self.assertGreaterEqual(out["tables_per_change"], 1)

    def test_the_same_seed_gives_the_same_map(self):
        first, second, other = (report("spf", "--nodes", "80", "--seconds", "0", "--seed", seed)
                                for seed in ("3", "3", "4"))
        for key in ("directed_edges", "reached", "advertised_bytes"):
            self.assertEqual(first[key], second[key])
        self.assertNotEqual(first["directed_edges"], other["directed_edges"])

    def test_a_map_without_links_is_refused(self):
        done = run("spf", "--nodes", "2", "--degree", "0.1", "--seed", "1")
        self.assertEqual(1, done.returncode)
        self.assertIn("--degree", done.stderr)


class Store(unittest.TestCase):
    def test_reports_synced_writes_beside_a_bare_file_and_groups(self):
        out = report("store", "--seconds", "0.6", "--in-flight", "16")
        self.assertGreater(out["synced_write_us"]["median"], 0)
        self.assertGreater(out["bare_synced_append_us"]["median"], 0)
        self.assertGreater(out["group_commit"]["writes_per_second"], 0)
        self.assertGreaterEqual(out["group_commit"]["writes_per_group"], 1)
        self.assertGreaterEqual(out["group_commit"]["latency_p99_us"],
                                out["group_commit"]["latency_us"]["median"])

    def test_a_directory_that_does_not_exist_is_told_of(self):
        done = run("store", "--dir", "/nonexistent")
        self.assertEqual(1, done.returncode)
        self.assertIn("/nonexistent", done.stderr)


class Anomaly(unittest.TestCase):
    """A file in, a row of score, alarm and blame out for each of its rows."""

    def stream(self, text, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            source, target = os.path.join(folder, "in.csv"), os.path.join(folder, "out.csv")
            with open(source, "w", encoding="ascii") as file:
                file.write(text)
            done = run("anomaly", "--input", source, "--out", target, *arguments)
            rows = []
            if done.returncode == 0:
                with open(target, encoding="ascii") as file:
                    rows = [line.strip().split(",") for line in file]
            return done, rows

    def test_a_jump_in_one_column_is_found_and_blamed_on_it(self):
        rng = random.Random(1)
        lines = ["a,b,c"]
        for t in range(3000):
            lines.append(",".join("%.4f" % (rng.gauss(5, 1) + (40 if t >= 2990 and c == 1 else 0))
                                  for c in range(3)))
        for detector in ("model", "int8", "robust-z", "cusum"):
            done, rows = self.stream("\n".join(lines) + "\n", "--detector", detector)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual(["score", "alarm", "blame_a", "blame_b", "blame_c"], rows[0])
            self.assertEqual(3001, len(rows))
            self.assertEqual("1", rows[2996][1], detector)
            blame = [float(x) for x in rows[2996][2:]]
            self.assertAlmostEqual(1, sum(blame), 4)
            self.assertEqual(max(blame), blame[1], detector)
            self.assertRegex(done.stderr, r"\d+ ns per sample, \d+ bytes of state")

    def test_empty_cells_and_files_without_a_header_are_taken(self):
        text = "".join("%d,\n" % (i % 7) if i % 3 else ",2\n" for i in range(500))
        done, rows = self.stream(text, "--schema", "link")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(501, len(rows))

    def test_what_is_no_table_of_numbers_is_refused_with_its_line(self):
        for text, where in (("1,2\n3\n", ":2:"), ("1,2\n3,x\n", ":2:"), ("", "no samples")):
            done, _ = self.stream(text)
            self.assertEqual(1, done.returncode)
            self.assertIn(where, done.stderr)

    def test_the_model_costs_what_it_promises(self):
        out = report("model", "--features", "16", "--links", "8", "--seconds", "0.2")
        self.assertLessEqual(out["float_state_bytes_all_links"], 65536)
        self.assertLess(out["int8_state_bytes"], out["float_state_bytes"])
        self.assertGreater(out["float_ns_per_sample"], out["robust_z_ns_per_sample"])


class CommandLine(unittest.TestCase):
    def test_crypto_reports_each_primitive(self):
        out = report("crypto", "--seconds", "0.01")
        self.assertTrue(out["all_opened"])
        for key in ("seal", "bare_seal", "open", "bare_open", "sign", "verify", "agree"):
            self.assertGreater(out[key]["median"], 0)

    def test_wrong_use_exits_with_2(self):
        for arguments in ([], ["relay", "--size", "10"], ["relay", "--batch", "33"], ["unknown"]):
            self.assertEqual(2, run(*arguments).returncode, arguments)

    def test_people_get_a_table_without_json(self):
        done = run("spf", "--nodes", "20", "--seconds", "0")
        self.assertEqual(0, done.returncode)
        self.assertIn("change of the map", done.stdout)


if __name__ == "__main__":
    BENCH = sys.argv.pop(1)
    unittest.main()
