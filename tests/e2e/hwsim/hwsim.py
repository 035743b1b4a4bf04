#!/usr/bin/env python3
"""Boots a machine with three emulated Wi-Fi radios (mac80211_hwsim), an agent on each, and cuts one.

    hwsim.py BIN KERNEL     # KERNEL: where a linux-image package was unpacked (dpkg -x)

Prints the facts of the guest (lines that begin with @). Needs qemu-system-x86_64, iw,
busybox-static, kmod, cpio; emulated processors (TCG), so times are those of a slow machine.
"""

import os
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
SECONDS_MAX = 240
TOOLS = ("qemu-system-x86_64", "iw", "ip", "busybox", "depmod", "modprobe", "cpio", "ldd")


def copy_program(path, root):
    shutil.copy2(path, root + "/bin/")
    said = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, check=False).stdout
    for line in said.splitlines():
        for library in [word for word in line.split() if word.startswith("/")][:1]:
            os.makedirs(root + os.path.dirname(library), exist_ok=True)
            shutil.copy(os.path.realpath(library), root + library)


def copy_modules(kernel, version, root):
    subprocess.run(["depmod", "-b", kernel, version], check=True)
    said = subprocess.run(["modprobe", "-d", kernel, "-S", version, "--show-depends",
                           "mac80211_hwsim"], stdout=subprocess.PIPE, text=True, check=True).stdout
    files = [line.split()[1] for line in said.splitlines()]
    for file in files:
        shutil.copy(file, root + "/modules/")
    with open(root + "/modules/order", "w", encoding="utf-8") as order:
        order.write("\n".join(os.path.basename(file) for file in files))


def main():
    binaries, kernel = sys.argv[1:3]
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        print("skipped: not installed: " + " ".join(missing))
        return SKIPPED
    version = os.listdir(kernel + "/lib/modules")[0]
    with tempfile.TemporaryDirectory() as folder:
        root = folder + "/root"
        for name in ("bin", "proc", "sys", "dev", "tmp", "modules"):
            os.makedirs(root + "/" + name)
        for name in ("busybox", "iw", "ip"):
            copy_program(shutil.which(name), root)
        for name in ("selvaged", "selvage", "selvage-flow"):
            copy_program(os.path.join(binaries, name), root)
        copy_modules(kernel, version, root)
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest"),
                    root + "/init")
        os.chmod(root + "/init", 0o755)
        image = folder + "/image"
        with open(image, "wb") as file:
            files = subprocess.run(["find", "."], cwd=root, stdout=subprocess.PIPE, check=True)
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, check=True,
                           input=files.stdout, stdout=file)
        said = subprocess.run(
            ["timeout", str(SECONDS_MAX), "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max",
             "-m", "1024", "-smp", "2", "-nographic", "-no-reboot", "-kernel",
             kernel + "/boot/vmlinuz-" + version, "-initrd", image, "-append",
             "console=ttyS0 quiet panic=-1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            check=False).stdout.decode("utf-8", "replace")
    facts = [line.strip() for line in said.splitlines() if line.startswith("@")]
    print("\n".join(facts))
    return 0 if "@END" in facts else 1


if __name__ == "__main__":
    sys.exit(main())
