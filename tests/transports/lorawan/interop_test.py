"""LoRaWAN frames against software that others wrote: npm's lora-packet and Wireshark's tshark.

    interop_test.py FRAMES_PROGRAM [lora-packet|tshark]

FRAMES_PROGRAM is interop_frames. 1,000 random frames each way (tshark only reads). Exits 77 where
the other side is not installed:

    apt-get install tshark
    npm install --prefix DIR lora-packet     and NODE_PATH=DIR/node_modules
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
COUNT = 1000
SKIPPED = 77


def run(arguments, text=""):
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit("%s failed:\n%s%s" % (arguments[0], done.stdout[-2000:], done.stderr[-2000:]))
    return done.stdout


def make(program, seed, count):
    return run([program, "make", str(seed), str(count)])


def lora_packet(program):
    node = shutil.which("node") or shutil.which("nodejs")
    if not node:
        return "node is not installed"
    found = subprocess.run([node, "-e", "require('lora-packet')"], capture_output=True)
    if found.returncode != 0:
        return "lora-packet is not on NODE_PATH (npm install --prefix DIR lora-packet)"
    script = os.path.join(HERE, "lora_packet.js")
    ours = make(program, 1, COUNT)
    accepted = int(run([node, script, "verify"], ours))
    assert accepted == COUNT, accepted
    print("lora-packet accepted %d of our frames" % accepted)
    # A seventh of the joins it cannot make: draw more, so that at least COUNT remain.
    theirs = run([node, script, "make"], make(program, 2, COUNT + COUNT // 5))
    made = int(run([program, "check"], theirs))
    assert made >= COUNT, made
    print("we accepted %d frames of lora-packet" % made)
    # And the check can fail: one bit of one frame.
    line = json.loads(ours.splitlines()[0])
    line["phy"] = line["phy"][:-1] + ("1" if line["phy"][-1] == "0" else "0")
    for arguments in ([node, script, "verify"], [program, "check"]):
        done = subprocess.run(arguments, input=json.dumps(line), capture_output=True, text=True)
        assert done.returncode != 0, "%s accepts a forged frame" % arguments[0]
    return None


def capture(frames):
    """A pcap file of LoRaTap version 0 records (link type 270)."""
    out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 270)
    for number, phy in enumerate(frames):
        tap = struct.pack(">BBHIBBBBBBB", 0, 0, 15, 868100000, 1, 7, 100, 100, 100, 40, 0x34)
        record = tap + phy
        out += struct.pack("<IIII", number, 0, len(record), len(record)) + record
    return out


def tshark(program):
    if not shutil.which("tshark"):
        return "tshark is not installed"
    # It knows 1.0's MIC with counters of 16 bits, and (4.0) looks at its first key alone: so all
    # frames are of one session.
    lines = map(json.loads, run([program, "session", "10", str(3 * COUNT)]).splitlines())
    lines = [frame for frame in lines if frame["fcnt"] < 1 << 16][:COUNT]
    assert len(lines) == COUNT, len(lines)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "frames.pcap")
        with open(path, "wb") as file:
            file.write(capture([bytes.fromhex(frame["phy"]) for frame in lines]))
        settings = os.path.join(folder, "wireshark")
        os.makedirs(settings)
        first = lines[0]
        with open(os.path.join(settings, "encryption_keys_lorawan"), "w", encoding="ascii") as file:
            file.write('"%s","%s","%s","%s"\n' %
                       (bytes.fromhex(first["dev_addr"])[::-1].hex(),  # as on air
                        first["fnwk_s_int"], first["app_s"], "00" * 16))
        environment = dict(os.environ, XDG_CONFIG_HOME=folder)
        fields = ["lorawan.mic.status", "lorawan.fhdr.devaddr", "lorawan.fhdr.fcnt",
                  "lorawan.fport", "lorawan.frmpayload_decrypted", "lorawan.fhdr.fctrl.ack",
                  "lorawan.mhdr.mtype"]
        arguments = ["tshark", "-r", path, "-T", "fields"]
        for field in fields:
            arguments += ["-e", field]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=600,
                              env=environment)
        assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()
    assert len(rows) == COUNT, len(rows)
    for frame, row in zip(lines, rows):
        status, address, counter, port, payload, ack, kind = row.split("\t")
        wanted_kind = (4 if frame["confirmed"] else 2) + (0 if frame["up"] else 1)
        assert status == "1", (row, frame)  # 1: correct
        assert int(address, 0) == int(frame["dev_addr"], 16), (row, frame)
        assert int(counter, 0) == frame["fcnt"] and int(port, 0) == frame["fport"], (row, frame)
        # On port 0 it shows MAC commands instead of bytes.
        assert frame["fport"] == 0 or payload.replace(":", "") == frame["payload"], (row, frame)
        assert int(kind, 0) == wanted_kind and int(ack, 0) == int(frame["ack"]), (row, frame)
    print("tshark found %d of our frames correct and read their payloads" % len(rows))
    return None


def main(arguments):
    peers = {"lora-packet": lora_packet, "tshark": tshark}
    if len(arguments) != 2 or arguments[1] not in peers:
        print(__doc__, file=sys.stderr)
        return 2
    skipped = peers[arguments[1]](arguments[0])
    if skipped:
        print("skipped: " + skipped)
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
