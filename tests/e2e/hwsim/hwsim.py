#!/usr/bin/env python3
"""Real nl80211 and a real 802.11s mesh: three agents on emulated radios, and one link is cut.

    hwsim.py BIN [--runs N] [--kernel DIR] [--check] [--json]

Boots Debian's own kernel in QEMU with three mac80211_hwsim radios in a triangle, each in a network
namespace of its own with an agent (`transport = "wifi"`, mesh forwarding of the kernel off). A
flow of class critical goes from a to c, 50 messages a second; after ten seconds a and c no longer
hear each other, while the station table goes on saying ESTAB. Counted at c: the longest time
between two messages around the cut, and what was lost.

The processors are emulated (no KVM): everything takes some ten times as long as on a device, which
the idle round trip shows. --kernel: where a linux-image package was unpacked; by default the one
that Debian has now is fetched into ~/.cache/selvage-hwsim with apt-get download. --check: exit
status 1 when the median gap over the runs exceeds 150 ms or anything was lost. Exit status 77
(skipped) where something is missing. Needs qemu-system-x86, iw, busybox-static, kmod and cpio.
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
GAP_MS = 150.0  # what a cut may cost, at the median
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


def make_image(folder, programs, kernel, version):
    root = folder + "/root"
    for name in ("bin", "proc", "sys", "dev", "tmp", "modules"):
        os.makedirs(root + "/" + name)
    for name in ("busybox", "iw", "ip"):
        copy_program(shutil.which(name), root)
    for name in ("selvaged", "selvage", "selvage-flow"):
        copy_program(os.path.join(programs, name), root)
    copy_modules(kernel, version, root)
    shutil.copy(os.path.join(HERE, "guest"), root + "/init")
    os.chmod(root + "/init", 0o755)
    image = folder + "/image"
    files = output(["find", "."], cwd=root)
    with open(image, "wb") as file:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, check=True,
                       input=files.encode(), stdout=file)
    return image


def boot(kernel, version, image):
    """The lines that the guest said, kind -> list of texts."""
    said = subprocess.run(
        ["timeout", str(GUEST_S), "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m",
         "1024", "-smp", "2", "-nographic", "-no-reboot", "-kernel",
         f"{kernel}/boot/vmlinuz-{version}", "-initrd", image, "-append",
         "console=ttyS0 quiet panic=-1"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    facts = {}
    for line in said.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith("@"):
            kind, _, text = line[1:].strip().partition(" ")
            facts.setdefault(kind, []).append(text)
    return facts


def judge(facts):
    """One run as a row; None: the guest did not get that far."""
    received = [json.loads(t) for t in facts.get("RECV", []) if t.startswith("{")]
    summary = next((r for r in received if r.get("event") == "summary"), None)
    cut = next((float(t) for t in facts.get("CUT_AT", [])), None)
    if "END" not in facts or summary is None or cut is None:
        return None
    sent = [json.loads(t) for t in facts.get("SEND", []) if t.startswith("{")]
    gaps = [r for r in received if r.get("event") == "gap"]
    after = [g["gap_ms"] for g in gaps if cut - 0.5 <= g["unix_s"] <= cut + 5]
    before = [g["gap_ms"] for g in gaps if g["unix_s"] < cut - 0.5]
    ping = re.search(r"= [\d.]+/([\d.]+)/", " ".join(facts.get("PING", [])))
    return {"gap_ms": max(after, default=0.0), "gap_before_ms": max(before, default=0.0),
            "sent": sent[-1]["sent"] if sent else 0, "received": summary["received"],
            "duplicates": summary["duplicates"],
            "estab": " ".join(facts.get("PLINK", [])).count("ESTAB"),
            "cut": "100% packet loss" in " ".join(facts.get("PING_AFTER", [])),
            "idle_rtt_ms": float(ping[1]) if ping else None}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", metavar="BIN")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--kernel", metavar="DIR")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--nightly-only", action="store_true",
                        help="skip unless SELVAGE_NIGHTLY=1")
    options = parser.parse_args()
    if options.nightly_only and os.environ.get("SELVAGE_NIGHTLY") != "1":
        skip("a nightly test; SELVAGE_NIGHTLY=1 runs it")
    missing = sorted({TOOLS[tool] for tool in TOOLS if not shutil.which(tool)})
    if missing:
        skip("not installed: " + " ".join(missing))
    kernel = options.kernel or fetch_kernel()
    version = os.path.basename(glob.glob(kernel + "/boot/vmlinuz-*")[0])[len("vmlinuz-"):]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        image = make_image(folder, options.programs, kernel, version)
        for run in range(options.runs):
            facts = boot(kernel, version, image)
            row = judge(facts)
            if row is None:
                print(f"run {run + 1}: the guest did not get to its end:", file=sys.stderr)
                print("\n".join(f"{k} {t}" for k, v in facts.items() for t in v), file=sys.stderr)
                return 1
            rows.append(row)
            if not options.json:
                print(f"run {run + 1}: gap {row['gap_ms']:.0f} ms at the cut (before: "
                      f"{row['gap_before_ms']:.0f}), {row['sent'] - row['received']} of "
                      f"{row['sent']} lost, {row['duplicates']} duplicates, "
                      f"{row['estab']} stations still ESTAB, "
                      f"idle round trip {row['idle_rtt_ms']} ms", flush=True)
    median = statistics.median(row["gap_ms"] for row in rows)
    if options.json:
        print(json.dumps({"runs": rows, "gap_ms_median": median}))
    else:
        print(f"median gap {median:.0f} ms over {len(rows)} runs")
    broken = [row for row in rows if row["received"] != row["sent"] or row["duplicates"] or
              not row["cut"] or row["estab"] != 2]
    if options.check and (median > GAP_MS or broken):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
