"""matplotlib for the tables' plots, or the same script again under a Python that has it."""

import os
import subprocess
import sys

SYSTEM_PYTHON = "/usr/bin/python3"


def load(again=True):
    """Returns matplotlib.pyplot; None when this Python lacks it. A python3 of the user's own need
    not have the system's packages: then, with `again`, the script is run again by the system's with
    --table-only, which draws what has been measured."""
    try:
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot
        return matplotlib.pyplot
    except ImportError:
        if again and sys.executable != SYSTEM_PYTHON and os.access(SYSTEM_PYTHON, os.X_OK):
            command = [SYSTEM_PYTHON] + sys.argv + ["--table-only"]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        else:
            print("no plots: python3-matplotlib is not installed", file=sys.stderr)
        return None
