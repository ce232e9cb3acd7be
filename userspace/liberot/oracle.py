#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Second implementation of what liberot computes, for its tests; shares no code with it.

oracle.py chunked KEY SALT CONTEXT   message on stdin -> Cobblestone-256 message on stdout
oracle.py vectors                    -> Documentation/derivation-vectors.txt on stdout
oracle.py hpke                       checks itself against RFC 9180's published vectors
"""
import hashlib
import hmac
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

KEM = b"KEM\x00\x20"
HPKE = b"HPKE\x00\x20\x00\x01\x00\x02"


def extract(salt, ikm):
    return hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()


def expand(prk, info, length, algorithm=None):
    return HKDFExpand(algorithm or hashes.SHA256(), length, info).derive(prk)


def labeled_extract(suite, salt, label, ikm):
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite, prk, label, info, length):
    return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def derive_key_pair(ikm):
    sk = labeled_expand(KEM, labeled_extract(KEM, b"", b"dkp_prk", ikm), b"sk", b"", 32)
    public = X25519PrivateKey.from_private_bytes(sk).public_key()
    return sk, public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def schedule(sk_e, enc, pk_r, info):
    dh = X25519PrivateKey.from_private_bytes(sk_e).exchange(X25519PublicKey.from_public_bytes(pk_r))
    prk = labeled_extract(KEM, b"", b"eae_prk", dh)
    shared = labeled_expand(KEM, prk, b"shared_secret", enc + pk_r, 32)
    context = (b"\x00" + labeled_extract(HPKE, b"", b"psk_id_hash", b"")
               + labeled_extract(HPKE, b"", b"info_hash", info))
    secret = labeled_extract(HPKE, shared, b"secret", b"")
    return (labeled_expand(HPKE, secret, b"key", context, 32),
            labeled_expand(HPKE, secret, b"base_nonce", context, 12))


def xor_nonce(base, number):
    return (int.from_bytes(base, "big") ^ number).to_bytes(12, "big")


def check_hpke():
    """1000 messages, accumulated: the digest is published with the vectors of the RFC."""
    sk_e, enc = derive_key_pair(bytes.fromhex(
        "2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9"))
    _, pk_r = derive_key_pair(bytes.fromhex(
        "dac33b0e9db1b59dbbea58d59a14e7b5896e9bdf98fad6891e99d1686492b9ee"))
    key, base = schedule(sk_e, enc, pk_r, bytes.fromhex("4f6465206f6e2061204772656369616e2055726e"))
    source, at = hashlib.shake_128().digest(1000000), 0
    sink = hashlib.shake_128()
    for number in range(1000):
        drawn = []
        for _ in range(2):
            length = source[at]
            drawn.append(source[at + 1:at + 1 + length])
            at += 1 + length
        sink.update(AESGCM(key).encrypt(xor_nonce(base, number), drawn[1], drawn[0]))
    return sink.hexdigest(16) == "1702e73e1e71705faa8241022af1deea"


def chunked(key, salt, context, message):
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00" + salt + context
    okm = expand(key, info, 32 + 12 + 32, hashes.SHA512())
    aead, base, commitment = AESGCM(okm[:32]), okm[32:44], okm[44:]
    out = [salt, commitment]
    for number in range(len(message) // 16384 + 1):
        chunk = message[16384 * number:16384 * (number + 1)]
        out.append(aead.encrypt(xor_nonce(base, number), chunk, None))
    return b"".join(out)


def lp(data):
    return len(data).to_bytes(4, "little") + data


def vector(number, tenant, epoch, hwkey, manifest):
    nonce = hashlib.sha256(b"erot test nonce %d" % number).digest()
    root = hashlib.sha256(b"erot test root %d" % number).digest()
    context = (lp(b"erot/derive/v1") + lp(tenant) + lp(epoch.to_bytes(4, "little")) + lp(hwkey)
               + lp(manifest) + lp(nonce))
    seed = hashlib.sha256(context).digest()
    message = b"erot/ikm/v1" + seed
    ikm = hmac.new(root, message, hashlib.sha256).digest()
    sk, pk = derive_key_pair(ikm)
    digest = hashlib.sha256(lp(b"erot/tenant/v1") + lp(tenant)).digest()
    evidence = expand(sk, b"erot/evidence/v1", 32)
    for name, value in (("tenant", tenant.decode()), ("epoch", str(epoch)), ("hwkey", hwkey.hex()),
                        ("manifest", manifest.hex()), ("nonce", nonce.hex()), ("root", root.hex()),
                        ("tenant-digest", digest.hex()), ("context", context.hex()),
                        ("seed", seed.hex()), ("message", message.hex()), ("ikm", ikm.hex()),
                        ("sk", sk.hex()), ("pk", pk.hex()), ("evidence-key", evidence.hex())):
        print(name, "=", value)
    print()


def vectors():
    print("""\
# Derivation of an ERoT key pair: vectors. Numbers are decimal, all else but the tenant is hexadecimal.
#
#   tenant-digest = SHA-256(lp("erot/tenant/v1") lp(tenant))
#   context  = lp("erot/derive/v1") lp(tenant) lp(epoch, 4 bytes) lp(hwkey) lp(manifest) lp(nonce)
#   seed     = SHA-256(context)
#   ikm      = HMAC-SHA-256(root, message), message = "erot/ikm/v1" || seed
#   (sk, pk) = DeriveKeyPair(ikm) of DHKEM(X25519, HKDF-SHA256), RFC 9180, section 7.1.3
#   evidence-key = HKDF-Expand-SHA-256(sk, "erot/evidence/v1", 32)
#
# lp(x) is the length of x in 4 bytes, little-endian, then x. Roots are SHA-256("erot test root N"):
# a real one never leaves its HSM. Made by userspace/liberot/oracle.py, checked by test_derive.
""")
    vector(1, b"example.com", 1, bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107"),
           b'{"process":{"args":["/bin/true"]}}')
    vector(2, "caf\u00e9".encode(), 4294967295, bytes(range(91)), bytes(range(256)) * 4)
    vector(3, b"x" * 128, 0, b"\x00", b"\x00")


def main(args):
    if args[:1] == ["chunked"] and len(args) == 4:
        key, salt, context = (bytes.fromhex(a) for a in args[1:])
        sys.stdout.buffer.write(chunked(key, salt, context, sys.stdin.buffer.read()))
        return 0
    if args == ["vectors"]:
        vectors()
        return 0
    if args == ["hpke"]:
        return 0 if check_hpke() else 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
