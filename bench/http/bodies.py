#!/usr/bin/env python3
"""Make the bodies of searches: bodies.py QUERIES.fvecs FOLDER

Writes FOLDER/json and FOLDER/base64, a member "vector" or "vector_b64" on each line."""
import base64
import os
import struct
import sys


def main():
    os.makedirs(sys.argv[2], exist_ok=True)
    with open(sys.argv[1], "rb") as file, \
            open(sys.argv[2] + "/json", "w", encoding="ascii") as numbers, \
            open(sys.argv[2] + "/base64", "w", encoding="ascii") as packed:
        for _ in range(1000):
            head = file.read(4)
            if len(head) < 4:
                break
            dim, = struct.unpack("<i", head)
            data = file.read(4 * dim)
            values = ", ".join(f"{value:.9g}" for value in struct.unpack(f"<{dim}f", data))
            numbers.write(f'"vector": [{values}]\n')
            packed.write(f'"vector_b64": "{base64.b64encode(data).decode()}"\n')


main()
