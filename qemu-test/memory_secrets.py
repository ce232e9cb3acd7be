# SPDX-License-Identifier: GPL-2.0-only
"""What memory-scan.py searches for: the secrets of one launch, and what gives them away."""
import base64
import hashlib
import hmac
import json

TRACES = {"heap": 0x11, "stack": 0x22, "tmpfs": 0x33, "overlay": 0x44, "pipe": 0x55, "socket": 0x66}
INSIDE = ["boot", "session", "hpke", "erot", "evidence", "hmac"]	# known to the module alone
COLUMNS = INSIDE + ["content", "chunk", "nonce", "schedule", "file"] + list(TRACES)


def expand(algorithm, prk, info, length):
    out = block = b""
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([len(out) // hashlib.new(algorithm).digest_size
                                                    + 1]), algorithm).digest()
        out += block
    return out[:length]


def sbox():
    """AES's, from its definition: inverse in GF(2^8), then the affine map."""
    def mul(a, b):
        out = 0
        while b:
            if b & 1:
                out ^= a
            a = a << 1 ^ (0x11b if a & 0x80 else 0)
            b >>= 1
        return out
    box = []
    for x in range(256):
        inverse = next((y for y in range(256) if mul(x, y) == 1), 0)
        box.append(0x63 ^ inverse)
        for shift in range(1, 5):
            box[x] ^= (inverse << shift | inverse >> 8 - shift) & 0xff
    return bytes(box)


def round_keys(key):
    """AES-256's round keys 2 and 3: the first that are not the key itself (FIPS 197, 5.2)."""
    box, words, factor = sbox(), [key[i:i + 4] for i in range(0, 32, 4)], 1
    for i in range(8, 16):
        word = words[-1]
        if i % 8 == 0:
            word = bytes(box[b] for b in word[1:] + word[:1])
            word = bytes([word[0] ^ factor]) + word[1:]
        elif i % 8 == 4:
            word = bytes(box[b] for b in word)
        words.append(bytes(a ^ b for a, b in zip(word, words[-8])))
    return b"".join(words[8:])


def cube_root(n):
    x = 1 << -(-n.bit_length() // 3)
    while x ** 3 > n:
        x = (2 * x + n // (x * x)) // 3
    return x


def hmac_forms(key, size):
    """What SHA-2 with words of so many bytes makes of the key of an HMAC: padded, and as words
    of its schedule, which some implementations keep with the constants added (FIPS 180-4, 4.2)."""
    bits = 8 * size
    primes = [n for n in range(2, 20) if all(n % d for d in range(2, n))]
    constants = [cube_root(p << 3 * bits) % (1 << bits) for p in primes]
    for pad in (0x36, 0x5c):
        block = bytes(b ^ pad for b in key)
        words = [int.from_bytes(block[i:i + size], "big") for i in range(0, len(block), size)]
        yield block
        yield b"".join(w.to_bytes(size, "little") for w in words)
        yield b"".join(((w + k) % (1 << bits)).to_bytes(size, "little")
                       for w, k in zip(words, constants))


class Secrets:
    """Of one launch: for each column the values that would give it away."""

    def __init__(self, work, name):
        with open(f"{work}/{name}.key", encoding="ascii") as f:
            key = json.load(f)
        with open(f"{work}/{name}.seed", "rb") as f:
            seed = f.read()
        content = base64.b64decode(key["contentKey"])
        info = (b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + base64.b64decode(key["salt"])
                + b"erot/payload/v1")
        derived = expand("sha512", content, info, 44)
        self.of = {c: [] for c in COLUMNS}
        self.of.update(content=[content], chunk=[derived[:32]], nonce=[derived[32:]],
                       schedule=[round_keys(derived[:32])], file=[seed])
        for trace, byte in TRACES.items():
            self.of[trace] = [bytes(b ^ byte for b in seed)]

        self.of["hmac"].extend(hmac_forms(content, 8))

    def add(self, column, value):
        if value not in self.of[column]:
            self.of[column].append(value)
            if column in ("hpke", "erot", "evidence"):
                self.of["hmac"].extend(hmac_forms(value, 4))

    def lines(self):
        for column, values in self.of.items():
            for value in values:
                yield f"{column} {value.hex()}\n"
