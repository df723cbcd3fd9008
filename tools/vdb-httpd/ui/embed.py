#!/usr/bin/env python3
"""Make one page of its parts, and a C array of that.

    embed.py INDEX.html OUT.c NAME [DEPFILE]

A <link rel="stylesheet"> and each <script src> that names a file beside INDEX becomes its
text, so that the page is one file which asks for no other.
"""
import os
import re
import sys

PART = re.compile(r'<link rel="stylesheet" href="([\w.-]+)">|<script src="([\w.-]+)"></script>')


def join(index):
    """The whole page, and the names of what it was made of."""
    parts = [index]

    def text_of(match):
        name = os.path.join(os.path.dirname(index), match[1] or match[2])
        tag = 'style' if match[1] else 'script'
        parts.append(name)
        with open(name, encoding='utf-8') as file:
            text = file.read()
        if '</' + tag in text or '<!--' in text:
            sys.exit(f'{name}: "</{tag}" or "<!--" would end it early')
        return f'<{tag}>\n{text}</{tag}>'

    with open(index, encoding='utf-8') as file:
        page = PART.sub(text_of, file.read())
    return page.encode(), parts


def main():
    index, out, name = sys.argv[1:4]
    data, parts = join(index)
    rows = [', '.join(str(byte) for byte in data[at:at + 16])
            for at in range(0, len(data), 16)]
    with open(out, 'w', encoding='ascii') as file:
        file.write('#include "page.h"\n\nconst unsigned char %s[] = {\n    %s};\n'
                   'const size_t %s_BYTES = sizeof %s;\n'
                   % (name, ',\n    '.join(rows), name, name))
    if len(sys.argv) > 4:
        with open(sys.argv[4], 'w', encoding='utf-8') as file:
            file.write('%s: %s\n' % (out, ' '.join(part.replace(' ', '\\ ') for part in parts)))


main()
