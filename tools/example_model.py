#!/usr/bin/env python3
"""Writes a small ONNX autoencoder for `[model] onnx`: an example of a model of one's own.

    example_model.py FILE.onnx [--samples 8] [--int8]

It compresses a window of samples to one mean per feature and gives that back, so what it cannot
reconstruct is what changed within the window. Nothing had to be trained for that; a model trained
elsewhere (PyTorch's torch.onnx.export, opset 7 to 21) has the same shape: input [1, samples, 12],
output of the same size. --int8 keeps the weights as int8 with DequantizeLinear in front.
Standard library alone: an ONNX file is a Protocol Buffers message.
"""

import argparse
import struct

FEATURES = 12  # rssi snr loss retries rtt jitter queue rate throughput airtime duty_left slot_phase
FLOAT, INT8, INT64 = 1, 3, 7
OPSET = 17


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value & (1 << 64) - 1)


def text(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def tensor(name, dims, kind, raw):
    return text(5, b"".join(number(1, d) for d in dims) + number(2, kind) + text(8, name) +
                text(9, raw))


def port(field, name, dims):
    shape = b"".join(text(1, number(1, d)) for d in dims)
    return text(field, text(1, name) +
                text(2, text(1, number(1, FLOAT) + text(2, shape))))


def node(operator, inputs, output, **integers):
    body = b"".join(text(1, i) for i in inputs) + text(2, output) + text(4, operator)
    for name, value in integers.items():
        body += text(5, text(1, name) + number(3, value) + number(20, 2))
    return text(1, body)


def weights(name, rows, int8):
    """A matrix as an initialiser; with int8 also the node that makes floats of it."""
    dims = (len(rows), len(rows[0]))
    values = [v for row in rows for v in row]
    if not int8:
        return tensor(name, dims, FLOAT, struct.pack(f"<{len(values)}f", *values))
    scale = max(abs(v) for v in values) / 127
    packed = struct.pack(f"<{len(values)}b", *(round(v / scale) for v in values))
    return (tensor(name + "_q", dims, INT8, packed) +
            tensor(name + "_scale", (), FLOAT, struct.pack("<f", scale)) +
            node("DequantizeLinear", [name + "_q", name + "_scale"], name))


def model(samples, int8):
    width = samples * FEATURES
    encode = [[1 / samples if i % FEATURES == f else 0 for i in range(width)]
              for f in range(FEATURES)]
    decode = [[1 if i % FEATURES == f else 0 for f in range(FEATURES)] for i in range(width)]
    graph = port(11, "window", (1, samples, FEATURES)) + port(12, "rebuilt", (1, width))
    graph += tensor("flat", (2,), INT64, struct.pack("<2q", 1, -1))
    graph += weights("encode", encode, int8) + weights("decode", decode, int8)
    graph += node("Reshape", ["window", "flat"], "x")
    graph += node("Gemm", ["x", "encode"], "code", transB=1)
    graph += node("Gemm", ["code", "decode"], "rebuilt", transB=1)
    return number(1, 8) + text(8, text(1, "") + number(2, OPSET)) + text(7, graph)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--samples", type=int, default=8, choices=range(1, 65), metavar="1-64")
    parser.add_argument("--int8", action="store_true")
    args = parser.parse_args()
    with open(args.file, "wb") as file:
        file.write(model(args.samples, args.int8))


if __name__ == "__main__":
    main()
