"""The arithmetic of anomaly_eval.py on cases small enough to do by hand."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "tools", "bench"))
import anomaly_eval as ev  # noqa: E402


class Arithmetic(unittest.TestCase):
    def test_nab_gives_100_for_an_alarm_at_each_start_and_0_for_silence(self):
        labels = [0] * 500 + [1] * 50 + [0] * 450
        perfect = [1.0 if t == 500 else 0.0 for t in range(1000)]
        self.assertAlmostEqual(100, ev.nab_score([(labels, perfect)]), 1)
        self.assertAlmostEqual(0, ev.nab_score([([0] * 500 + labels[500:], [
            1.0 if t == 300 else 0.0 for t in range(1000)])]), 5)

    def test_nab_takes_off_a_false_alarm_and_pays_less_for_a_late_one(self):
        labels = [0] * 500 + [1] * 50 + [0] * 450
        noisy = [1.0 if t in (300, 500) else 0.0 for t in range(1000)]
        late = [1.0 if t == 545 else 0.0 for t in range(1000)]
        self.assertAlmostEqual(100 - 100 * 0.11 / 2, ev.nab_score([(labels, noisy)]), 1)
        self.assertLess(ev.nab_score([(labels, late)]), 85)

    def test_vus_is_one_for_a_perfect_score_and_near_the_base_rate_for_noise(self):
        labels = ([0] * 190 + [1] * 10) * 10
        self.assertGreater(ev.vus_pr(labels, [float(x) for x in labels], 0), 0.95)
        rng = random.Random(1)
        self.assertLess(ev.vus_pr(labels, [rng.random() for _ in labels], 20), 0.15)

    def test_hit_rate_counts_the_right_columns_among_as_many(self):
        blames = [[0.5, 0.3, 0.2, 0.0]] * 4
        self.assertEqual(1.0, ev.hit_rate(blames, [[0, 3, [0, 1]]]))
        self.assertEqual(0.5, ev.hit_rate(blames, [[0, 3, [0, 3]]]))
        self.assertEqual(0.0, ev.hit_rate(blames, [[1, 2, [3]]]))

    def test_best_f1_finds_the_best_threshold(self):
        self.assertEqual(1.0, ev.best_f1([(3, True), (2, True), (1, False)]))
        self.assertAlmostEqual(0.8, ev.best_f1([(3, True), (2, False), (1, True)]))

    def test_a_fault_starts_after_half_of_the_trace_and_leaves_lost_packets_lost(self):
        rng = random.Random(2)
        trace = [40] * 300
        trace[299] = None
        for kind in ("sudden", "recovering", "slow", "spike"):
            out = ev.inject(trace, kind, 10, rng)
            self.assertEqual([40] * 150, out[:150])
            self.assertIsNone(out[299])
            changed = [v for v in out[:299] if v != 40]
            self.assertTrue(changed)
            self.assertGreaterEqual(min(changed), 30)
            if kind == "spike":
                self.assertEqual(1, len(changed))


if __name__ == "__main__":
    unittest.main()
