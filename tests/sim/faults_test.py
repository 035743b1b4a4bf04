#!/usr/bin/env python3
"""Two rounds of all kinds of faults: sim/faults.py --check must find nine of ten named right.
SELVAGE_NIGHTLY=1: 1,000 faults. First that answers are counted as they should be."""

import os
import shutil
import subprocess
import sys
import tempfile


def check_counting(faults):
    voice = faults.Voice(3.5, "5", "n18 on to-n18: link silent: nothing heard for 1.0 s")
    assert (voice.about, voice.name) == ("18", "link silent"), (voice.about, voice.name)
    said = [voice, faults.Voice(4.5, "5", "n18 on to-n18: fading: seen"),
            faults.Voice(4.6, "18", "n5 on to-n5: isolated: seen"),
            faults.Voice(4.7, "9", "n18: drops what it should forward: 0 of 3 probes")]
    # The last name of the node in front of the link, nobody else's.
    assert faults.asked("ramp", "5-18", said) == ["fading"]
    assert faults.asked("silent", "18-5", said) == []
    assert sorted(faults.asked("blackhole", "18", said)) == ["drops what it should forward",
                                                             "fading"]
    assert faults.verdict([]) == faults.NONE
    text, share = faults.table([("ramp", "fading", ["fading"]), ("crash", faults.NONE, [])])
    assert share == 0.5 and "| crash | 1 | 0% |" in text and "50.0% named right" in text, text


def main():
    program, source = sys.argv[1:]
    sys.path.insert(0, os.path.join(source, "sim"))
    import faults
    check_counting(faults)
    nightly = os.environ.get("SELVAGE_NIGHTLY") == "1"
    directory = tempfile.mkdtemp(prefix="selvage-faults-")
    try:
        size = ["--injections", "1000"] if nightly else ["--injections", "22", "--congestions", "1"]
        done = subprocess.run([sys.executable, "-B", os.path.join(source, "sim", "faults.py"),
                               "--program", program, "--check", "--out", directory, *size],
                              capture_output=True, text=True, check=False)
        print(done.stdout, done.stderr, flush=True)
        return done.returncode
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
