"""Shows for every check that a clean tree passes and that each kind of violation is found."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check  # noqa: E402


def header(body=""):
    return "// What this is.\n#pragma once\n\n" + body + "\n"


class Tree(unittest.TestCase):
    def problems(self, which, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return check.CHECKS[which](root)

    def one(self, which, path, text, expected, others=None):
        found = self.problems(which, dict(others or {}, **{path: text}))
        self.assertEqual(len(found), 1, found)
        self.assertIn(expected, found[0])

    def none(self, which, path, text):
        self.assertEqual(self.problems(which, {path: text}), [])


class Floors(Tree):
    def test_arrows_that_point_down_pass(self):
        for path, included in (("routing/a.cc", "core/b.h"), ("agents/node/a.cc", "routing/b.h"),
                               ("agents/runtime/a.cc", "transports/b.h"),
                               ("sim/a.cc", "agents/node/b.h"), ("tools/a.cc", "agents/api/b.h"),
                               ("tools/a.cc", "selvage/client.h"), ("core/a.cc", "core/b.h"),
                               ("sim/a.cc", "ns3/core-module.h"),
                               ("tests/core/a.cc", "agents/b.h")):
            self.none("floors", path, '#include "%s"\n' % included)

    def test_arrows_that_point_up_or_sideways_are_found(self):
        for path, included in (("core/a.cc", "routing/b.h"), ("core/a.h", "transports/b.h"),
                               ("core/a.cc", "selvage/node.h"), ("routing/a.cc", "agents/b.h"),
                               ("routing/a.cc", "transports/b.h"),
                               ("transports/a.cc", "routing/b.h"), ("agents/a.cc", "tools/b.h"),
                               ("agents/a.cc", "sim/b.h"), ("tools/a.cc", "sim/b.h"),
                               ("sim/a.cc", "tools/b.h")):
            self.one("floors", path, '#include "%s"\n' % included, "must not know")

    def test_a_relative_include_is_followed(self):
        self.one("floors", "core/a.cc", '#include "../routing/b.h"\n', "must not know routing/")

    def test_ns3_outside_sim_is_found(self):
        for path in ("core/a.cc", "agents/node/a.cc", "tools/a.cc", "tests/core/a.cc"):
            self.one("floors", path, "#include <ns3/simulator.h>\n", "only sim/")

    def test_node_core_and_sim_know_no_runtime(self):
        self.one("floors", "agents/node/a.cc", '#include "agents/store/b.h"\n', "node core")
        self.one("floors", "agents/session/a.cc", '#include "transports/b.h"\n', "node core")
        self.one("floors", "sim/a.cc", '#include "agents/runtime/b.h"\n', "no socket")

    def test_sim_takes_only_the_radio_parts_over_core(self):
        self.none("floors", "sim/a.cc", '#include "transports/lorawan/air/region.h"\n')
        self.one("floors", "sim/a.cc", '#include "transports/lorawan/session.h"\n', "no socket")
        self.one("floors", "transports/lorawan/air/a.cc", '#include "transports/reactor.h"\n',
                 "core alone")

    def test_a_product_file_that_includes_a_test_is_found(self):
        self.one("floors", "core/a.cc", '#include "tests/b.h"\n', "includes a test")

    def test_an_include_in_a_comment_does_not_count(self):
        self.none("floors", "core/a.cc", '// #include "agents/b.h"\n/*\n#include "sim/b.h"\n*/\n')


class Purity(Tree):
    def test_each_kind_of_impurity_is_found_in_each_pure_folder(self):
        for line, what in (("auto t = std::chrono::steady_clock::now();", "clock"),
                           ("auto t = time(nullptr);", "clock"), ("auto t = absl::Now();", "clock"),
                           ("std::mutex m;", "thread"), ("std::thread t(f);", "thread"),
                           ("thread_local int a;", "thread"),
                           ("std::this_thread::sleep_for(1ms);", "sleep"), ("sleep(1);", "sleep"),
                           ("int s = socket(AF_INET, 1, 0);", "socket"),
                           ("sockaddr_in6 a;", "socket"), ("auto f = fopen(p, m);", "file"),
                           ("std::cerr << 1;", "file"), ("std::random_device d;", "global random"),
                           ("int r = rand();", "global random"),
                           ("randombytes_buf(p, n);", "global random")):
            for path in ("core/a.cc", "routing/a.h", "agents/node/a.cc", "agents/delivery/a.cc",
                         "agents/session/a.cc"):
                self.one("purity", path, line + "\n", what)

    def test_impure_headers_are_found(self):
        for name in ("thread", "fstream", "sys/socket.h", "absl/time/clock.h", "zmq.h", "random"):
            self.one("purity", "core/a.cc", "#include <%s>\n" % name, name)

    def test_comments_strings_and_longer_names_do_not_count(self):
        self.none("purity", "core/a.cc",
                  '// rand() and sleep(1) and std::mutex\n/* socket(1)\n time(nullptr) */\n'
                  'const char* s = "std::thread fopen rand()";\n'
                  "int operand(int); int a = operand(1); x.sleep(); SleepUntilHeard();\n"
                  "snprintf(b, n, f);\n"
                  "Time time(Duration(1)); link.socket(); runtime(0);\n"
                  "auto n = 1'000'000; char c = '\"'; int rand_count;\n")

    def test_the_runtime_may_do_all_of_it(self):
        self.none("purity", "agents/runtime/a.cc", "#include <thread>\nstd::thread t(f);\n")

    def test_the_one_exception_is_that_file_and_that_name(self):
        self.none("purity", "core/sodium_crypto.cc", "randombytes_buf(p, n);\n")
        self.one("purity", "core/sodium_crypto.cc", "int r = rand();\n", "global random")
        self.one("purity", "core/other.cc", "randombytes_buf(p, n);\n", "global random")


class Tidy(Tree):
    def test_a_tidy_header_passes(self):
        self.none("tidy", "core/a.h", header("int a;"))

    def test_each_kind_of_untidiness_is_found(self):
        for text, what in ((header("int a;  // " + "x" * 100), "characters"),
                           (header("int a; "), "space at the end"), (header("\tint a;"), "tab"),
                           (header("// TO" + "DO: later"), "unfinished"),
                           (header("// FIX" + "ME"), "unfinished"),
                           ("#pragma once\nint a;\n", "first line"),
                           ("// What this is.\nint a;\n", "#pragma once"),
                           (header("int a;\n"), "newline"), (header("int a;").rstrip(), "newline")):
            self.one("tidy", "core/a.h", text, what)

    def test_a_file_at_the_bound_passes_and_one_line_more_does_not(self):
        self.none("tidy", "core/a.cc", "int a;\n" * 800)
        self.one("tidy", "core/a.cc", "int a;\n" * 801, "801 lines")

    def test_a_character_of_several_bytes_counts_once(self):
        self.none("tidy", "core/a.cc", "// " + "\u2192" * 97 + "\n")


class Docs(Tree):
    SOURCE = {"core/a.cc": "int a;\nint b;\n", "README.md": "# A\n"}

    def test_links_and_quotations_that_are_right_pass(self):
        self.assertEqual(self.problems("docs", dict(self.SOURCE, **{
            "docs/a.md": "[r](../README.md#a) [w](https://example.org/x)\n\n"
                         "From `core/a.cc`:\n\n```cpp\nint b;\n```\n"})), [])

    def test_each_kind_of_broken_reference_is_found(self):
        for text, what in (("[r](README.md)\n", "nowhere"),
                           ("```cpp\nint b;\n```\n", "without the file"),
                           ("From `core/b.cc`:\n\n```cpp\nint b;\n```\n", "there is no"),
                           ("From `core/a.cc`:\n\n```cpp\nint c;\n```\n", "this is not in")):
            self.one("docs", "docs/a.md", text, what, self.SOURCE)


class Program(unittest.TestCase):
    def test_an_empty_tree_is_an_error_and_not_a_pass(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(check.main(["floors", root]), 2)


if __name__ == "__main__":
    unittest.main()
