#!/usr/bin/env python3
"""Real nl80211 and a real 802.11s mesh: three agents on emulated radios, a link is cut or fades.

    hwsim.py BIN [--scenarios LIST] [--runs N] [--medium FILE] [--kernel DIR] [--check] [--json]

Boots Debian's own kernel in QEMU with three mac80211_hwsim radios in a triangle, each in a network
namespace of its own with an agent (`transport = "wifi"`, mesh forwarding of the kernel off). A
flow goes from a to c, 50 messages a second; ten seconds later, by scenario:

  cut      a and c no longer hear each other, while the station table goes on saying ESTAB. Counted
           at c: the longest time between two messages around the cut, and what was lost.
  cut-own  the same with the medium of `ramp`.
  ramp     what a and c hear of each other falls by 1.5 dB a second from -50 dBm until nothing
           passes. hwsim has one signal for all, so the air is a program, hwsim_medium (medium.cc),
           in which frames get lost and are sent again as signal and rate have it. Counted: by how
           much the move to the way over b came before the first frame that the air lost, what was
           lost of the flow, the longest gap, and whether `selvage why` names the signal.
  ramp-blind  for comparison, the same with the agents' model switched off: it is not to pass.

The processors are emulated (no KVM): everything takes some ten times as long as on a device, which
the idle round trip shows, and a busy machine shows in each figure. --kernel: where a linux-image
package was unpacked; by default the one that Debian has now is fetched into ~/.cache/selvage-hwsim
with apt-get download. --check: exit status 1 when the median gap over the runs of a scenario
exceeds 150 ms, a cut lost anything, a move did not come first, or half of the fades lost something.
Exit status 77 (skipped) where something is missing. Needs qemu-system-x86, iw, busybox-static, kmod
and cpio.
"""

import argparse
import glob
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

SKIPPED = 77
GUEST_S = 300
GAP_MS = 150.0  # what a cut or a fade may cost, at the median
CUT_S = 5  # after a cut; what comes later is the emulated machine's
FADE_S = 50  # the flow's end: a fade has no moment
RAMP_DB_PER_S = 1.5
# Of the flow of the ramp no copies go two ways and none is kept to be sent again.
SCENARIOS = {"cut": "fault=cut medium=kernel class=critical",
             "cut-own": "fault=cut medium=own class=critical",
             "ramp": f"fault=ramp medium=own class=telemetry dbps={RAMP_DB_PER_S}",
             "ramp-blind": "fault=ramp medium=own class=telemetry model=false "
                           f"dbps={RAMP_DB_PER_S}"}
TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "iw": "iw", "ip": "iproute2", "ldd": "libc-bin",
         "busybox": "busybox-static", "depmod": "kmod", "modprobe": "kmod", "cpio": "cpio"}
HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.expanduser("~/.cache/selvage-hwsim")


def skip(why):
    print("skipped: " + why)
    sys.exit(SKIPPED)


def output(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False, **more).stdout


def fetch_kernel():
    """Where Debian's kernel is unpacked; fetched once. Nothing is installed."""
    kernel = os.path.join(CACHE, "kernel")
    if glob.glob(kernel + "/boot/vmlinuz-*"):
        return kernel
    names = re.findall(r"Depends: (linux-image-\S+)", output(
        ["apt-cache", "depends", "linux-image-amd64"]))
    if not names:
        skip("apt knows no linux-image-amd64")
    os.makedirs(CACHE, exist_ok=True)
    print(f"fetching {names[0]} into {CACHE}", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        os.chmod(folder, 0o755)
        got = subprocess.run(["apt-get", "download", names[0]], cwd=folder, check=False,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        packages = glob.glob(folder + "/*.deb")
        if got.returncode != 0 or not packages:
            skip(f"{names[0]} cannot be fetched")
        unpacked = os.path.join(folder, "kernel")
        subprocess.run(["dpkg", "-x", packages[0], unpacked], check=True)
        os.rename(unpacked, kernel)
    return kernel


def copy_program(path, root):
    shutil.copy2(path, root + "/bin/")
    for line in output(["ldd", path]).splitlines():
        for library in [word for word in line.split() if word.startswith("/")][:1]:
            os.makedirs(root + os.path.dirname(library), exist_ok=True)
            shutil.copy(os.path.realpath(library), root + library)


def copy_modules(kernel, version, root):
    subprocess.run(["depmod", "-b", kernel, version], check=True)
    said = output(["modprobe", "-d", kernel, "-S", version, "--show-depends", "mac80211_hwsim"])
    files = [line.split()[1] for line in said.splitlines()]
    for file in files:
        shutil.copy(file, root + "/modules/")
    with open(root + "/modules/order", "w", encoding="utf-8") as order:
        order.write("\n".join(os.path.basename(file) for file in files))


def make_image(folder, programs, medium, kernel, version):
    root = folder + "/root"
    for name in ("bin", "proc", "sys", "dev", "tmp", "modules"):
        os.makedirs(root + "/" + name)
    for name in ("busybox", "iw", "ip"):
        copy_program(shutil.which(name), root)
    for name in ("selvaged", "selvage", "selvage-flow"):
        copy_program(os.path.join(programs, name), root)
    copy_program(medium, root)
    copy_modules(kernel, version, root)
    shutil.copy(os.path.join(HERE, "guest"), root + "/init")
    os.chmod(root + "/init", 0o755)
    image = folder + "/image"
    files = output(["find", "."], cwd=root)
    with open(image, "wb") as file:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, check=True,
                       input=files.encode(), stdout=file)
    return image


def boot(kernel, version, image, asked):
    """The lines that the guest said, kind -> list of texts."""
    said = subprocess.run(
        ["timeout", str(GUEST_S), "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m",
         "1024", "-smp", "2", "-nographic", "-no-reboot", "-kernel",
         f"{kernel}/boot/vmlinuz-{version}", "-initrd", image, "-append",
         "console=ttyS0 quiet panic=-1 " + asked],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    facts = {}
    for line in said.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith("@"):
            kind, _, text = line[1:].strip().partition(" ")
            facts.setdefault(kind, []).append(text)
    return facts


def json_lines(facts, kind):
    return [json.loads(text) for text in facts.get(kind, []) if text.startswith("{")]


def judge(facts, seconds):
    """One run as a row, gaps up to `seconds` after the fault; None: it did not get so far."""
    received = json_lines(facts, "RECV")
    summary = next((r for r in received if r.get("event") == "summary"), None)
    fault = next((float(t.split()[0]) for t in facts.get("FAULT_AT", [])), None)
    if "END" not in facts or summary is None or fault is None:
        return None
    sent = json_lines(facts, "SEND")
    gaps = [r for r in received if r.get("event") == "gap"]
    after = [g["gap_ms"] for g in gaps if fault - 0.5 <= g["unix_s"] <= fault + seconds]
    before = [g["gap_ms"] for g in gaps if g["unix_s"] < fault - 0.5]
    ping = re.search(r"= [\d.]+/([\d.]+)/", " ".join(facts.get("PING", [])))
    return {"gap_ms": max(after, default=0.0), "gap_before_ms": max(before, default=0.0),
            "sent": sent[-1]["sent"] if sent else 0, "received": summary["received"],
            "duplicates": summary["duplicates"],
            "estab": " ".join(facts.get("PLINK", [])).count("ESTAB"),
            "cut": "100% packet loss" in " ".join(facts.get("PING_AFTER", [])),
            "idle_rtt_ms": float(ping[1]) if ping else None}


def judge_ramp(facts):
    """What a fade adds to a row: times in seconds after it began, by the guest's own clock."""
    began = float(facts["FAULT_AT"][0].split()[1])
    air = [r for r in json_lines(facts, "MEDIUM")
           if r["from"] == 0 and r["to"] == 2 and r["monotonic_s"] > began]
    lost = next((r for r in air if r["event"] == "first_lost"), None)
    events = [e for e in json.loads(" ".join(facts["EVENTS"])) if e["time_s"] > began]
    reroutes = [e for e in events if e["kind"] == "reroute" and e["fields"]["destination"] == "c"]
    # What was foreseen; hops of a moment, because an emulated neighbour was slow, are none.
    move = next((e for e in reroutes if e["fields"]["to"] == "b" and
                 "fading" in e["fields"]["evidence"]), None)
    row = {"moved_s": None, "moved_dbm": None, "reason": None, "attempts_per_frame": None,
           "first_lost_s": lost and lost["monotonic_s"] - began, "first_lost_dbm": lost and
           lost["dbm"], "ahead_s": None, "returns": None}
    if move is not None:
        moved_s = move["time_s"]
        heard = [r for r in air if r["event"] == "second" and r["monotonic_s"] <= moved_s]
        row.update(moved_s=moved_s - began, reason=move["fields"]["evidence"],
                   moved_dbm=-50 - RAMP_DB_PER_S * (moved_s - began),
                   ahead_s=lost and lost["monotonic_s"] - moved_s,
                   returns=sum(e["fields"]["to"] == "c" and e["time_s"] > moved_s
                               for e in reroutes),
                   attempts_per_frame=heard and heard[-1]["attempts"] / max(heard[-1]["frames"], 1))
    why = json.loads(" ".join(facts["WHY"]))["text"]
    row["why"] = next((t for t in reversed(why) if t.startswith("left c") and "fading" in t), None)
    return row


def tell(run, scenario, row):
    lost = f"{row['sent'] - row['received']} of {row['sent']} lost, {row['duplicates']} duplicates"
    idle = f"idle round trip {row['idle_rtt_ms']} ms"
    gap = f"gap {row['gap_ms']:.0f} ms (before: {row['gap_before_ms']:.0f})"
    if not scenario.startswith("ramp"):
        print(f"{scenario} {run}: {gap} at the cut, {lost}, {row['estab']} stations still ESTAB, "
              f"{idle}", flush=True)
        return
    if row["moved_s"] is None:
        print(f"{scenario} {run}: the flow did not leave the fading link in time; {gap}, {lost}, "
              f"{idle}", flush=True)
    elif row["first_lost_s"] is None:
        print(f"{scenario} {run}: the air lost nothing between a and c", flush=True)
    else:
        order = "before" if row["ahead_s"] > 0 else "after"
        print(f"{scenario} {run}: moved at {row['moved_dbm']:.1f} dBm, {abs(row['ahead_s']):.1f} s "
              f"{order} the first lost frame at {row['first_lost_dbm']:.1f} dBm; {gap}, {lost}, "
              f"{row['attempts_per_frame']:.1f} attempts a frame at the move, back for a moment "
              f"{row['returns']} times, {idle}", flush=True)
    print(f"    why: {row['why'] or 'does not name the signal'}", flush=True)


def moved_first(row):
    return bool(row["ahead_s"] and row["ahead_s"] > 0 and row["why"])


def passed(scenario, row):
    if row["received"] != row["sent"] or row["duplicates"] or not row["cut"]:
        return False
    return moved_first(row) if scenario.startswith("ramp") else row["estab"] == 2


def all_passed(scenario, rows):
    """A fade: the move comes first in each run, and most lose nothing. An emulated neighbour that
    is slow for a moment is suspected now and then, and the flow is back on what fades."""
    if scenario.startswith("ramp"):
        return (all(moved_first(row) for row in rows) and
                2 * sum(row["passed"] for row in rows) > len(rows))
    return all(row["passed"] for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", metavar="BIN")
    parser.add_argument("--scenarios", default="cut,ramp", help="of cut, cut-own, ramp, ramp-blind")
    parser.add_argument("--runs", type=int, default=1, help="of each scenario")
    parser.add_argument("--medium", metavar="FILE", help="hwsim_medium; default BIN/../tests/")
    parser.add_argument("--kernel", metavar="DIR")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--nightly-only", action="store_true",
                        help="skip unless SELVAGE_NIGHTLY=1")
    options = parser.parse_args()
    if set(options.scenarios.split(",")) - set(SCENARIOS):
        parser.error("no such scenario")
    if options.nightly_only and os.environ.get("SELVAGE_NIGHTLY") != "1":
        skip("a nightly test; SELVAGE_NIGHTLY=1 runs it")
    missing = sorted({TOOLS[tool] for tool in TOOLS if not shutil.which(tool)})
    if missing:
        skip("not installed: " + " ".join(missing))
    kernel = options.kernel or fetch_kernel()
    version = os.path.basename(glob.glob(kernel + "/boot/vmlinuz-*")[0])[len("vmlinuz-"):]
    medium = options.medium or os.path.join(options.programs, "..", "tests", "hwsim_medium")
    if not os.path.exists(medium):
        skip("not built: hwsim_medium")
    out = {}
    good = True
    with tempfile.TemporaryDirectory() as folder:
        image = make_image(folder, options.programs, medium, kernel, version)
        for scenario in options.scenarios.split(","):
            rows = []
            for run in range(1, options.runs + 1):
                facts = boot(kernel, version, image, SCENARIOS[scenario])
                row = judge(facts, FADE_S if scenario.startswith("ramp") else CUT_S)
                for text in facts.get("MEDIUM_LOG", []):
                    print("hwsim_medium: " + text, file=sys.stderr)
                if row is None:
                    print(f"{scenario} {run}: the guest did not get to its end:", file=sys.stderr)
                    print("\n".join(f"{k} {t}" for k, v in facts.items() for t in v),
                          file=sys.stderr)
                    return 1
                if scenario.startswith("ramp"):
                    row.update(judge_ramp(facts))
                row["passed"] = passed(scenario, row)
                rows.append(row)
                if not options.json:
                    tell(run, scenario, row)
                if not row["passed"]:
                    for event in json.loads(" ".join(facts["EVENTS"])):
                        print(f"  a, {event['time_s']:.2f}: {event['text']}", file=sys.stderr)
            median = statistics.median(row["gap_ms"] for row in rows)
            good = good and median <= GAP_MS and all_passed(scenario, rows)
            out[scenario] = {"runs": rows, "gap_ms_median": median}
            if not options.json:
                done = sum(row["passed"] for row in rows)
                print(f"{scenario}: median gap {median:.0f} ms, {done} of {len(rows)} runs passed",
                      flush=True)
    if options.json:
        print(json.dumps(out))
    return 1 if options.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
