#!/usr/bin/env python3
"""Make what wrk sends: bodies.py QUERIES.fvecs BASE.fvecs FOLDER

Writes FOLDER/json and FOLDER/base64, of queries, and FOLDER/rows, of up to 60,000 vectors
of the base: a member "vector" or "vector_b64" on each line."""
import base64
import os
import struct
import sys


def vectors(path, most):
    with open(path, "rb") as file:
        for _ in range(most):
            head = file.read(4)
            if len(head) < 4:
                break
            dim, = struct.unpack("<i", head)
            yield dim, file.read(4 * dim)


def packed(data):
    return f'"vector_b64": "{base64.b64encode(data).decode()}"\n'


def main():
    queries, base, folder = sys.argv[1:4]
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/json", "w", encoding="ascii") as numbers, \
            open(folder + "/base64", "w", encoding="ascii") as texts:
        for dim, data in vectors(queries, 1000):
            values = ", ".join(f"{value:.9g}" for value in struct.unpack(f"<{dim}f", data))
            numbers.write(f'"vector": [{values}]\n')
            texts.write(packed(data))
    with open(folder + "/rows", "w", encoding="ascii") as texts:
        for _, data in vectors(base, 60000):
            texts.write(packed(data))


main()
