"""What the tests with real agents in network namespaces share."""

import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
import mesh as meshes  # noqa: E402

SKIPPED = 77
# s and d with two ways between them.
DIAMOND = ["s", "a1", "a2", "b1", "b2", "d"]
DIAMOND_LINKS = [meshes.Link("a1", "s"), meshes.Link("a1", "a2"), meshes.Link("a2", "d"),
                 meshes.Link("b1", "s"), meshes.Link("b1", "b2"), meshes.Link("b2", "d")]


def namespaces_work():
    """Says why not; what an earlier run left behind is removed."""
    why_not = meshes.why_no_namespaces()
    if why_not:
        print("skipped: " + why_not)
        return False
    meshes.remove_leftovers()
    return True


def tell(figures, wrong, as_json):
    """Prints what was measured and what is wrong with it; returns the exit status."""
    if as_json:
        print(json.dumps(figures))
    else:
        for key, value in figures.items():
            print("%-26s %s" % (key, value))
    for text in wrong:
        print("wrong: " + text)
    return 1 if wrong else 0
