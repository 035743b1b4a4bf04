"""The demonstration's own arithmetic: what it counts, which way traffic goes, its verdict."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/lib"))
import demo  # noqa: E402
import flow  # noqa: E402
import mesh  # noqa: E402


def counted(reports, gaps=()):
    """A flow of 1,000 a second that was told these (time, received, next, silent_ms)."""
    out = flow.Flow(None, "a", "b", 1000, "telemetry", 100)
    out.clock_offset = 0.0
    for at, received, following, silent in reports:
        out._take({"event": "count", "unix_s": at, "received": received, "next": following,
                   "silent_ms": silent})
    for at, ms in gaps:
        out._take({"event": "gap", "unix_s": at, "gap_ms": ms})
    return out


class Counting(unittest.TestCase):
    def test_a_whole_flow_has_no_outage(self):
        a = counted([(1.0, 1000, 1000, 1), (2.0, 2000, 2000, 1)])
        self.assertEqual(a.outage(1.0, 2.0), (0.0, 0))
        self.assertAlmostEqual(a.delivered_share(1.0, 2.0), 1.0)

    def test_an_outage_is_the_longest_gap_that_ended_inside(self):
        a = counted([(1.0, 1000, 1000, 1), (2.0, 1970, 2000, 1)],
                    [(0.5, 900.0), (1.1, 12.0), (1.2, 30.0), (2.5, 800.0)])
        self.assertEqual(a.outage(1.0, 2.0), (30.0, 30))

    def test_a_silence_that_lasts_counts_with_what_should_have_come(self):
        a = counted([(1.0, 1000, 1000, 1), (3.0, 1010, 1010, 1990.0)])
        self.assertEqual(a.outage(1.0, 3.0), (1990.0, 1990))
        self.assertLess(a.delivered_share(2.0, 3.0), 0.02)

    def test_what_comes_late_is_not_lost(self):
        a = counted([(1.0, 1000, 1010, 1), (2.0, 2010, 2010, 1)])
        self.assertEqual(a.outage(1.0, 2.0), (0.0, 0))

    def test_nothing_received_is_no_share(self):
        self.assertEqual(counted([]).delivered_share(0.0, 1.0), 0.0)


class Ways(unittest.TestCase):
    def mesh(self, namespaces):
        names, links = mesh.grid(3)
        a = mesh.Mesh.__new__(mesh.Mesh)
        a.links, a.namespaces, a.nodes = links, namespaces, dict.fromkeys(names)
        return a

    def way(self, busy):
        """path_in_use when only `busy` counters move, by 1,000 a second."""
        a = self.mesh(True)
        every = [(n, m) for n in a.nodes for m in a.neighbors_of(n)]
        samples = [{key: 0 for key in every},
                   {key: 1000 if key in busy else 3 for key in every}]
        a._sent_packets = lambda: samples.pop(0)
        return a.path_in_use("r0c0", "r2c2", 1000, "telemetry", window=0.01)

    def asked(self, next_hops):
        """path_in_use without namespaces, when nodes answer with these next hops."""
        a = self.mesh(False)
        a.path_by_map = lambda at, *_: [at, next_hops[at]] if at in next_hops else []
        return a.path_in_use("r0c0", "r2c2", 1000, "telemetry")

    def test_the_way_is_followed_along_busy_interfaces(self):
        path = ["r0c0", "r0c1", "r1c1", "r1c2", "r2c2"]
        self.assertEqual(self.way(set(zip(path, path[1:]))), path)

    def test_without_namespaces_each_node_is_asked_for_its_next_hop(self):
        self.assertEqual(self.asked({"r0c0": "r1c0", "r1c0": "r2c0", "r2c0": "r2c1",
                                     "r2c1": "r2c2"}),
                         ["r0c0", "r1c0", "r2c0", "r2c1", "r2c2"])

    def test_a_way_that_ends_early_or_turns_in_a_circle_is_no_way(self):
        self.assertEqual(self.way({("r0c0", "r0c1")}), [])
        self.assertEqual(self.asked({"r0c0": "r0c1"}), [])
        self.assertEqual(self.asked({"r0c0": "r0c1", "r0c1": "r0c0"}), [])

    def test_a_grid_has_its_links(self):
        names, links = mesh.grid(3)
        self.assertEqual((len(names), len(links)), (9, 12))
        self.assertIn(mesh.Link("r1c1", "r2c1"), links)

    def test_a_way_uses_a_link_in_either_direction(self):
        link = mesh.Link("r0c1", "r1c1")
        self.assertTrue(demo.Demo._uses(["r0c0", "r0c1", "r1c1"], link))
        self.assertTrue(demo.Demo._uses(["r1c1", "r0c1"], link))
        self.assertFalse(demo.Demo._uses(["r0c1", "r0c2", "r1c2", "r1c1"], link))


class FakeFlow:
    traffic_class = "telemetry"

    def __init__(self, outage_ms, lost, share):
        self.outage_ms, self.lost, self.share = outage_ms, lost, share

    def outage(self, *_):
        return self.outage_ms, self.lost

    def delivered_share(self, *_):
        return self.share


class Verdict(unittest.TestCase):
    def problems(self, outage_ms=30.0, share=1.0, after=("a", "c", "d")):
        a = demo.Demo.__new__(demo.Demo)
        a.source, a.to, a.flow = "a", "d", FakeFlow(outage_ms, 3, share)
        a.story = demo.Story()
        a.story.tell = lambda *_, **__: None
        a.watch = demo.Watch(a.story)
        a.mesh = mesh.Mesh.__new__(mesh.Mesh)
        a.mesh.path_in_use = lambda *_: list(after)
        row = demo.Row("relay b killed")
        at = a.watch.begin_fault() - demo.FAULT_SECONDS
        a._judge(row, at, avoids=lambda path: "b" not in path)
        return row.problems

    def test_a_short_outage_and_another_way_are_healed(self):
        self.assertEqual(self.problems(), [])

    def test_a_long_outage_is_not(self):
        self.assertEqual(len(self.problems(outage_ms=501.0)), 1)

    def test_a_flow_that_is_dead_at_the_end_is_not(self):
        self.assertEqual(len(self.problems(share=0.5)), 1)

    def test_the_old_way_or_none_is_not(self):
        self.assertEqual(len(self.problems(after=("a", "b", "d"))), 1)
        self.assertEqual(len(self.problems(after=())), 1)


class Noticing(unittest.TestCase):
    def test_the_first_notice_after_the_fault_counts(self):
        watch = demo.Watch(demo.Story())
        watch.story.tell = lambda *_, **__: None

        def event(kind, time_s):
            return {"kind": kind, "time_s": time_s, "text": "", "fields": {}}

        watch.on_event("x", event("neighbor-down", 1.0))
        at = watch.begin_fault()
        watch.on_event("late", event("neighbor-suspect", at + 0.05))
        watch.on_event("first", event("reroute", at + 0.01))
        watch.on_event("other", event("neighbor-up", at + 0.001))
        first, reroute = watch.end_fault()
        self.assertEqual((first[0], reroute[0]), ("first", "first"))


if __name__ == "__main__":
    unittest.main()
