#!/usr/bin/env python3
"""The example program: a relay dies, nothing is lost, and the trace sources tell it."""

import subprocess
import sys
import unittest

PROGRAM = ""


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)


class ExampleTest(unittest.TestCase):
    def test_a_dead_relay_is_noticed_and_left_without_a_loss(self):
        done = run()
        self.assertEqual(done.returncode, 0, done.stdout)
        lines = done.stdout.splitlines()
        fault = next(i for i, line in enumerate(lines) if " fault " in line)
        relay = lines[fault].split()[3].rstrip(":")
        after = "\n".join(lines[fault + 1:])
        self.assertRegex(after, rf"detection +n0: {relay} on .* is suspect")
        self.assertRegex(after, rf"route change n0: traffic to n3 moved from {relay} ")

    def test_streams_decide_what_is_random_and_nothing_else_does(self):
        first = run("--stream=5").stdout
        self.assertEqual(first, run("--stream=5").stdout)
        self.assertNotEqual(first, run("--stream=50").stdout)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
