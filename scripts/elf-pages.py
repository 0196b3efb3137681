#!/usr/bin/env python3
"""Whether shared libraries load on systems with 16 KiB pages: every loadable segment of each is aligned to them.

usage: elf-pages.py LIBRARY...
"""

import struct
import sys

PAGE = 16384


def loads(data):
    """Alignment, address and offset of each PT_LOAD of a little-endian ELF file, of 32 or 64 bits."""
    if data[:4] != b"\x7fELF" or data[5] != 1:
        raise SystemExit("not a little-endian ELF file")
    wide = data[4] == 2
    start, = struct.unpack_from("<Q" if wide else "<I", data, 0x20 if wide else 0x1C)
    size, count = struct.unpack_from("<HH", data, 0x36 if wide else 0x2A)
    for place in range(start, start + size * count, size):
        if struct.unpack_from("<I", data, place)[0] != 1:
            continue
        if wide:
            _, _, offset, address, _, _, _, align = struct.unpack_from("<IIQQQQQQ", data, place)
        else:
            _, offset, address, _, _, _, _, align = struct.unpack_from("<IIIIIIII", data, place)
        yield align, address, offset


def main(paths):
    bad = 0
    for path in paths:
        with open(path, "rb") as file:
            found = list(loads(file.read()))
        sound = bool(found) and all(align >= PAGE and (address - offset) % PAGE == 0 for align, address, offset in found)
        print(f"{path}: {len(found)} segments, {'aligned to 16 KiB' if sound else 'NOT aligned to 16 KiB'}")
        bad += not sound
    return 1 if bad or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
