#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Second implementation of the transparency log, for tests; shares no code with liberot.

The recursions of RFC 6962, section 2.1, as they are written there, over all leaves at once.

oracle_log.py rfc SIZES         leaves "leaf 0" ...; every root, inclusion and consistency proof
oracle_log.py commitment SALT   content on stdin -> commitment of a log entry
oracle_log.py note VKEY         signed note on stdin -> its text on stdout, if it is signed by VKEY
oracle_log.py log VKEY DIR      a log as files below DIR (checkpoint, tile/...): checks all of it, and
                                prints "size root", then the leaf hash of every entry
oracle_log.py follow DIR SIZE ROOT   is that an earlier tree of the log in DIR?
"""
import base64
import hashlib
import os
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def leaf_hash(data):
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(leaves):
    """2.1, of leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


def path(m, leaves):
    """2.1.1"""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return path(m, leaves[:k]) + [mth(leaves[k:])]
    return path(m - k, leaves[k:]) + [mth(leaves[:k])]


def proof(m, leaves):
    """2.1.2"""
    return subproof(m, leaves, True)


def subproof(m, leaves, whole):
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return subproof(m, leaves[:k], whole) + [mth(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [mth(leaves[:k])]


def rfc(sizes):
    leaves = [leaf_hash(b"leaf %d" % i) for i in range(sizes)]
    for n in range(sizes + 1):
        print("root", n, mth(leaves[:n]).hex())
        for m in range(n):
            print("inclusion", m, n, *[h.hex() for h in path(m, leaves[:n])])
        for m in range(1, n + 1):
            print("consistency", m, n, *[h.hex() for h in proof(m, leaves[:n])])


def lp(data):
    return len(data).to_bytes(4, "little") + data


def commitment(salt, content):
    return hashlib.sha256(lp(b"erot/log/v1") + lp(salt) + lp(content)).digest()


def note_text(vkey, note):
    name, ident, key = vkey.split("+", 2)
    key = base64.b64decode(key, validate=True)
    expected = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    assert key[0] == 1 and len(key) == 33 and expected.hex() == ident
    text, signatures = note.rsplit(b"\n\n", 1)
    text += b"\n"
    for line in signatures.decode().splitlines():
        dash, signer, blob = line.split(" ")
        blob = base64.b64decode(blob, validate=True)
        if dash == "\u2014" and signer == name and blob[:4] == expected:
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(blob[4:], text)
            return text
    raise ValueError("not signed")


def tile_name(kind, index, width):
    parts = ["%03d" % (index % 1000)]
    while index >= 1000:
        index //= 1000
        parts.insert(0, "x%03d" % (index % 1000))
    return "tile/%s/%s" % (kind, "/".join(parts)) + (".p/%d" % width if width < 256 else "")


def read(where, name):
    with open(os.path.join(where, name), "rb") as f:
        return f.read()


def tiles(where, kind, total):
    for index in range((total + 255) // 256):
        width = min(256, total - 256 * index)
        yield read(where, tile_name(kind, index, width)), width


def entries(where, size):
    found = []
    for bundle, width in tiles(where, "entries", size):
        at = 0
        for _ in range(width):
            length = int.from_bytes(bundle[at:at + 2], "big")
            found.append(bundle[at + 2:at + 2 + length])
            at += 2 + length
        assert at == len(bundle)
    return found


def check_streams(found):
    """Every stream counts from 0 and each entry names the one before."""
    streams = {}
    for entry in found:
        assert len(entry) == 136 and entry[:8] == b"EROTv1\r\n" and entry[8:16].hex() == \
            "0100080088000000"
        stream, number = entry[32:64], int.from_bytes(entry[64:72], "little")
        expected, previous = streams.get(stream, (0, bytes(32)))
        assert number == expected and entry[72:104] == previous
        streams[stream] = (number + 1, leaf_hash(entry))


def log(vkey, where):
    origin, size, root = note_text(vkey, read(where, "checkpoint")).decode().splitlines()
    size = int(size)
    assert origin == vkey.split("+")[0]
    found = entries(where, size)
    hashes = [leaf_hash(e) for e in found]
    check_streams(found)
    level, row = 0, hashes
    while row:
        stored = b"".join(t for t, _ in tiles(where, str(level), len(row)))
        assert stored == b"".join(row), "tiles of level %d" % level
        row = [mth(row[i:i + 256]) for i in range(0, len(row) - 255, 256)]
        level += 1
    assert mth(hashes) == base64.b64decode(root)
    print(size, mth(hashes).hex())
    for h in hashes:
        print(h.hex())


def follow(where, size, root):
    _, whole = note_size(where)
    assert size <= whole
    hashes = [leaf_hash(e) for e in entries(where, whole)]
    return mth(hashes[:size]).hex() == root


def note_size(where):
    lines = read(where, "checkpoint").decode().splitlines()
    return lines[0], int(lines[1])


def main(args):
    if args[:1] == ["rfc"] and len(args) == 2:
        rfc(int(args[1]))
    elif args[:1] == ["commitment"] and len(args) == 2:
        print(commitment(bytes.fromhex(args[1]), sys.stdin.buffer.read()).hex())
    elif args[:1] == ["note"] and len(args) == 2:
        sys.stdout.buffer.write(note_text(args[1], sys.stdin.buffer.read()))
    elif args[:1] == ["log"] and len(args) == 3:
        log(args[1], args[2])
    elif args[:1] == ["follow"] and len(args) == 4:
        return 0 if follow(args[1], int(args[2]), args[3]) else 1
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (AssertionError, InvalidSignature, ValueError) as e:
        print("oracle_log:", type(e).__name__, e, file=sys.stderr)
        sys.exit(1)
