#!/usr/bin/env python3
"""How often a second a file of 512 bytes more can be made durable: syncs.py FOLDER"""
import os
import sys
import time


def main():
    path = os.path.join(sys.argv[1], "syncs.tmp")
    file = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    begun, count = time.monotonic(), 0
    while time.monotonic() - begun < 3:
        os.pwrite(file, b"x" * 512, 512 * count)
        os.fdatasync(file)
        count += 1
    print(f"the disk: appends of 512 bytes, each synced: {count / (time.monotonic() - begun):.0f}/s")
    os.close(file)
    os.unlink(path)


main()
