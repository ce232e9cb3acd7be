#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""pack.py EWC: ewc prepare next to its parts, on this host: mkfs.erofs alone, and AES-256-GCM and
SHA-256 over as many bytes at the rates that openssl has for 16 KiB. Seconds are of the processor, not
of the disk. Samples to stdout."""

import json
import os
import subprocess
import sys
import tempfile

SIZES = [int(n) for n in os.environ.get("BENCH_PACK_SIZES", "16 64 256").split()]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
MANIFEST = {"process": {"args": ["/bin/app"], "cwd": "/"}, "erot": {"maxRuntime": 60}}


def run(*command):
    """Processor seconds, and the largest resident memory in KiB."""
    pid = os.spawnvp(os.P_NOWAIT, command[0], command)
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit("pack: %s: status %d" % (command[0], status))
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def rate(*what):
    """Bytes a second of openssl, 16 KiB at a time."""
    out = subprocess.run(["openssl", "speed", "-mr", "-seconds", "1", "-bytes", "16384", *what],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return float(next(l for l in out.stdout.splitlines() if l.startswith("+F:")).split(":")[-1])


def tell(case, metric, unit, number, value):
    print(json.dumps({"bench": "pack", "case": case, "metric": metric, "unit": unit,
                      "round": number, "value": value}), flush=True)


def tree(size):
    os.makedirs("tree-%d/bin" % size)
    with open("tree-%d/bin/app" % size, "wb") as f:
        for _ in range(size):
            f.write(os.urandom(1 << 20))


def measure(ewc, size, number):
    source = "tree-%d" % size
    seconds, memory = run(ewc, "prepare", "--manifest", "template.json", "--key", "key-%d" % number,
                          "--finished", "finished.json", source, "-o", "payload")
    mkfs, _ = run("mkfs.erofs", "--quiet", "-E", "noinline_data", "image", source)
    length = os.path.getsize("image")
    parts = mkfs + length / rate("-evp", "aes-256-gcm") + length / rate("-evp", "sha256")
    for name in ("payload", "finished.json", "image", "key-%d" % number):
        os.unlink(name)
    return seconds, memory, parts, length


def main():
    ewc = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        with open("template.json", "w") as f:
            json.dump(MANIFEST, f)
        for size in SIZES:
            tree(size)
        for number in range(ROUNDS + 1):
            for size in SIZES:
                seconds, memory, parts, length = measure(ewc, size, number)
                if not number:
                    continue
                if size == SIZES[-1]:
                    tell("ewc", "seconds", "s", number, seconds)
                    tell("parts", "seconds", "s", number, parts)
                    tell("ewc", "rate", "MB/s", number, length / seconds / 1e6)
                    tell("ewc-largest", "maxrss", "KiB", number, memory)
                if size == SIZES[0]:
                    tell("ewc-smallest", "maxrss", "KiB", number, memory)


main()
