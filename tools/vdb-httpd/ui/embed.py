#!/usr/bin/env python3
"""Make a C array of a file: embed.py IN OUT.c NAME"""
import sys


def main():
    source, out, name = sys.argv[1:]
    with open(source, 'rb') as file:
        data = file.read()
    rows = [', '.join(str(byte) for byte in data[at:at + 16])
            for at in range(0, len(data), 16)]
    with open(out, 'w', encoding='ascii') as file:
        file.write('#include "page.h"\n\nconst unsigned char %s[] = {\n    %s};\n'
                   'const size_t %s_BYTES = sizeof %s;\n'
                   % (name, ',\n    '.join(rows), name, name))


main()
