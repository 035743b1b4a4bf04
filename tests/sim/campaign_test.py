"""Breaks random meshes 50 times (nightly: 1,000 times, and 1,000 clean node-hours) and holds them
to what sim/campaign.py --check says. Nothing may crash."""

import os
import shutil
import subprocess
import sys
import tempfile


def main():
    program, source = sys.argv[1:]
    script = os.path.join(source, "sim", "campaign.py")
    nightly = os.environ.get("SELVAGE_NIGHTLY") == "1"
    directory = tempfile.mkdtemp(prefix="selvage-campaign-")
    forms = [["--injections", "1000"], ["--clean-hours", "1000", "--set", "rate=5"]]
    if not nightly:
        quick = ["--set", "hold_s=5", "--set", "settle_s=6", "--set", "flap_half_s=0.8"]
        forms = [["--injections", "50"] + quick]
    status = 0
    try:
        for number, form in enumerate(forms):
            out = os.path.join(directory, str(number))
            done = subprocess.run([sys.executable, "-B", script, "--program", program, "--check",
                                   "-j", "2", "--out", out] + form, check=False)
            status = status or done.returncode
        if status == 0 and not nightly:
            # A check that cannot fail is none: without healing the same promises are broken.
            out = os.path.join(directory, "off")
            done = subprocess.run([sys.executable, "-B", script, "--program", program, "--check",
                                   "--out", out, "--injections", "11", "--set", "healing=false",
                                   "--set", "nodes=25", "--set", "flows=4", "--set", "hold_s=3",
                                   "--set", "settle_s=3", "--set", "flap_half_s=0.5"],
                                  stderr=subprocess.DEVNULL, check=False)
            if done.returncode != 1:
                print("without healing the check should fail and did not", file=sys.stderr)
                status = 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
