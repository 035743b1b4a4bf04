"""Checks that the tree keeps its shape: floors, purity of the protocol code, tidiness.

    check.py floors|purity|tidy|docs [ROOT]

Prints one line per violation and exits 1 when there is any. Plain text scans over code with
comments and strings taken out; check_test.py shows that each of them can fail.
"""

import os
import re
import sys

CODE = (".h", ".cc", ".c")

# Floor of each top folder. A file may include its own folder and any folder of a lower floor.
# `routing` and `transports` share a floor, so they cannot know each other.
FLOORS = {"core": 0, "routing": 1, "transports": 1, "agents": 2, "tools": 3, "sim": 3}

# The node core inside agents/ is what ns-3 runs: it knows no socket, no database, no carrier.
NODE_CORE = ("agents/membership/", "agents/session/", "agents/delivery/", "agents/quarantine/",
             "agents/node/", "agents/telemetry/", "agents/healer/", "agents/anomaly/",
             "agents/scorer/")
RUNTIME = ("agents/store/", "agents/runtime/", "agents/api/", "agents/control/", "transports/")

# What the simulator takes from the radios: formulas, ledgers and queues over core alone.
SIM_MAY = ("transports/lorawan/air/", "transports/orbit/", "transports/small/fragments.",
           "transports/small/frame_queue.", "transports/small/unit_carrier.h",
           "transports/radios/control_budget.h", "transports/radios/credit_budget.")

# Where protocol machines live: time, randomness and storage are arguments there. (Membership also
# keeps the files in which tools and the runtime find keys and certificates.)
PURE = ("core/", "routing/", "agents/session/", "agents/delivery/", "agents/quarantine/",
        "agents/node/", "agents/anomaly/", "agents/scorer/", "agents/telemetry/", "agents/healer/",
        "transports/lorawan/", "transports/orbit/", "transports/satellite/", "transports/redcap/",
        "transports/modem/")
PURITY_EXCEPTIONS = {
    # The operating system's random numbers enter through the crypto provider and nowhere else.
    "core/sodium_crypto.cc": {"randombytes"},
    # inet_pton: text to address, no socket.
    "agents/membership/certificate.cc": {"arpa/inet.h"},
    # On-disk formats for tools and the runtime; no protocol code includes it.
    "agents/membership/files.cc": {"fcntl.h", "unistd.h", "sys/file.h", "sys/stat.h"},
}
IMPURE_HEADERS = {
    "thread", "mutex", "shared_mutex", "condition_variable", "future", "atomic", "fstream",
    "iostream", "filesystem", "ctime", "random", "csignal", "time.h", "unistd.h", "fcntl.h",
    "poll.h", "signal.h", "pthread.h", "netdb.h", "dlfcn.h", "zmq.h", "zmq.hpp",
}
IMPURE_HEADER_FOLDERS = ("sys/", "netinet/", "arpa/", "net/", "linux/", "rocksdb/", "spdlog/",
                         "absl/time/", "absl/synchronization/", "absl/random/")
IMPURE_TOKENS = [
    # (what to call it, pattern over code without comments and strings)
    ("clock", r"\b(system_clock|steady_clock|high_resolution_clock|clock_gettime|gettimeofday"
              r"|timespec_get|GetCurrentTimeNanos)\b|\babsl::Now\b|(?<![\w.>:])(std::|::)?time\s*\("
              r"\s*(NULL|nullptr|0|&\w+)\s*\)"),
    ("thread", r"\b(pthread_\w+|thread_local)\b|\bstd::(thread|jthread|async|mutex|future|promise"
               r"|recursive_mutex|shared_mutex|condition_variable|atomic\w*|lock_guard"
               r"|unique_lock)\b"),
    ("sleep", r"\b(sleep_for|sleep_until|usleep|nanosleep|clock_nanosleep)\b"
              r"|(?<![\w.>])sleep\s*\("),
    ("socket", r"\b(sockaddr\w*|sendto|recvfrom|recvmmsg|sendmmsg|epoll_\w+|zmq_\w+)\b"
               r"|(?<![\w.>:])(::)?socket\s*\("),
    ("file", r"\b(fopen|freopen|ifstream|ofstream|fstream|getenv|secure_getenv)\b"
             r"|\bstd::filesystem\b|\bstd::(cout|cerr|clog|cin)\b|\b(printf|fprintf)\s*\("),
    ("global random", r"\b(random_device|mt19937\w*|default_random_engine|randombytes\w*|getrandom"
                      r"|getentropy|arc4random\w*|drand48|BitGen)\b"
                      r"|(?<![\w.>:])(std::|::)?s?rand\s*\("),
]

LINE_CHARACTERS_MAX = 100
FILE_LINES_MAX = 800


def strip_code(text, keep_strings=False):
    """The code without comments and, unless asked to keep them, string contents; lines stay."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/'                      # comments
        r'|R"([^(\s]*)\(.*?\)\1"'                  # raw strings
        r'|"(?:\\.|[^"\\\n])*"'                     # strings
        r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",    # characters, but not 1'000
        re.DOTALL)

    def replace(match):
        found = match.group(0)
        if found.startswith(("//", "/*")):
            return " " + "\n" * found.count("\n")
        if keep_strings:
            return found
        return '""' + "\n" * found.count("\n")

    return pattern.sub(replace, text)


def source_files(root, endings=CODE):
    """Paths relative to root, of files below our own folders."""
    for top in sorted(FLOORS) + ["tests"]:
        for folder, folders, files in os.walk(os.path.join(root, top)):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(files):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(folder, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def includes(text):
    """(line number, path) of every #include."""
    for number, line in enumerate(strip_code(text, keep_strings=True).split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
        if match:
            yield number, match.group(1)


def resolve(root, path, included):
    """Where an include of one of our own headers points to, relative to root; else unchanged."""
    if included.startswith("selvage/"):
        return "agents/include/" + included
    if included.startswith("."):
        return os.path.normpath(os.path.join(os.path.dirname(path), included))
    beside = os.path.join(os.path.dirname(path), included)
    if "/" not in included and os.path.exists(os.path.join(root, beside)):
        return beside
    return included


def check_floors(root):
    problems = []
    for path in source_files(root):
        top = path.split("/")[0]
        for number, included in includes(read(root, path)):
            where = "%s:%d: " % (path, number)
            target = resolve(root, path, included)
            target_top = target.split("/")[0]
            if target_top == "ns3":
                if top != "sim" and not path.startswith("tests/sim/"):
                    problems.append(where + "only sim/ may include ns-3 (%s)" % included)
                continue
            if top == "tests":
                continue  # tests stand beside the house and may look into every floor
            if target_top == "tests":
                problems.append(where + "%s/ includes a test (%s)" % (top, included))
                continue
            if target_top not in FLOORS or target_top == top:
                pass
            elif FLOORS[target_top] >= FLOORS[top]:
                problems.append(where + "%s/ must not know %s/ (%s)" % (top, target_top, included))
            if path.startswith(NODE_CORE) and target.startswith(RUNTIME):
                problems.append(where + "the node core must not know %s" % included)
            if path.startswith(SIM_MAY) and target.startswith("transports/") and not \
                    target.startswith(SIM_MAY):
                problems.append(where + "the simulator takes this: core alone (%s)" % included)
            if target.startswith(SIM_MAY):
                pass
            elif top == "sim" and target.startswith(RUNTIME):
                problems.append(where + "sim/ links no socket and no database (%s)" % included)
    return problems


def check_purity(root):
    problems = []
    for path in source_files(root):
        if not path.startswith(PURE):
            continue
        text = read(root, path)
        allowed = PURITY_EXCEPTIONS.get(path, set())
        for number, included in includes(text):
            if included in allowed:
                continue
            if included in IMPURE_HEADERS or included.startswith(IMPURE_HEADER_FOLDERS):
                problems.append("%s:%d: includes <%s>; protocol code is given what it needs" %
                                (path, number, included))
        for number, line in enumerate(strip_code(text).split("\n"), 1):
            if re.match(r"\s*#\s*include", line):
                continue  # judged above
            for what, pattern in IMPURE_TOKENS:
                for match in re.finditer(pattern, line):
                    if not any(match.group(0).startswith(name) for name in allowed):
                        problems.append("%s:%d: %s: %s" % (path, number, what, match.group(0)))
    return problems


def check_tidy(root):
    problems = []
    for path in source_files(root, CODE + (".py", ".proto")):
        text = read(root, path)
        lines = text.split("\n")
        if len(lines) - 1 > FILE_LINES_MAX:
            problems.append("%s: %d lines; split it at %d" % (path, len(lines) - 1, FILE_LINES_MAX))
        if not text.endswith("\n") or text.endswith("\n\n"):
            problems.append("%s: must end with exactly one newline" % path)
        for number, line in enumerate(lines, 1):
            where = "%s:%d: " % (path, number)
            if len(line) > LINE_CHARACTERS_MAX:
                problems.append(where + "%d characters, at most %d" %
                                (len(line), LINE_CHARACTERS_MAX))
            if line != line.rstrip():
                problems.append(where + "space at the end")
            if "\t" in line and path.endswith(CODE):
                problems.append(where + "tab")
            if re.search(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", line):
                problems.append(where + "unfinished work belongs into an issue")
        if path.endswith(".h"):
            if not lines[0].startswith(("// ", "/* ")):
                problems.append("%s:1: the first line says in a comment what this is" % path)
            guard = "#ifndef" if "extern \"C\"" in text else "#pragma once"
            if guard not in text:
                problems.append("%s: no %s" % (path, guard))
    return problems


def documents(root):
    """Paths relative to root, of our Markdown files."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f != "build" and not f.startswith("."))
        for name in sorted(files):
            if name.endswith(".md"):
                yield os.path.relpath(os.path.join(folder, name), root)


def check_docs(root):
    """Links between documents lead somewhere; code in them is quoted from files that are built."""
    problems = []
    for path in documents(root):
        text = read(root, path)
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", prose):
            if "://" in target or target.startswith("mailto:"):
                continue
            where = os.path.join(root, os.path.dirname(path), target)
            if not os.path.exists(where):
                problems.append("%s: the link to %s leads nowhere" % (path, target))
        for source, code in re.findall(r"(?:From `([^`]+)`:\n\n)?^```(?:cpp|c)\n(.*?)^```", text,
                                       re.DOTALL | re.MULTILINE):
            first = code.split("\n")[0]
            if not source:
                problems.append("%s: C++ without the file it is from: %s" % (path, first))
            elif not os.path.exists(os.path.join(root, source)):
                problems.append("%s: there is no %s" % (path, source))
            elif code not in read(root, source):
                problems.append("%s: this is not in %s: %s" % (path, source, first))
    return problems


CHECKS = {"floors": check_floors, "purity": check_purity, "tidy": check_tidy, "docs": check_docs}


def main(arguments):
    if len(arguments) not in (1, 2) or arguments[0] not in CHECKS:
        print(__doc__, file=sys.stderr)
        return 2
    root = arguments[1] if len(arguments) == 2 else os.path.dirname(
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    files = len(list(source_files(root)))
    if files == 0:
        print("no source files below %s" % root, file=sys.stderr)
        return 2
    problems = CHECKS[arguments[0]](root)
    for problem in problems:
        print(problem)
    print("%s: %d files, %d violations" % (arguments[0], files, len(problems)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
