# SPDX-License-Identifier: GPL-2.0-only
"""A machine without a TPM, as the module and the attester would be: for the tests of the API."""
import base64
import hashlib
import hmac
import os
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../liberot"))
import oracle   # noqa: E402

MAGIC = b"EROTv1\r\n"
HOST = ["attested", "lockdown", "init-on-free", "no-swap", "no-crash-kernel", "boot-key-in-pcr"]
HOST_ALL = (1 << len(HOST)) - 1
EVIDENCE, EVIDENCE_SIZE = 6, 144
END_EXIT, FLAG_RELEASED, FLAG_RAN = 1, 1 << 0, 1 << 2


def b64(data):
    return base64.b64encode(data).decode()


def raw(public):
    return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def hpke_open(sk, sealed, info, aad):
    """RFC 9180, base mode, one message."""
    enc, text = sealed[:32], sealed[32:]
    dh = sk.exchange(X25519PublicKey.from_public_bytes(enc))
    prk = oracle.labeled_extract(oracle.KEM, b"", b"eae_prk", dh)
    shared = oracle.labeled_expand(oracle.KEM, prk, b"shared_secret",
                                   enc + raw(sk.public_key()), 32)
    context = (b"\x00" + oracle.labeled_extract(oracle.HPKE, b"", b"psk_id_hash", b"")
               + oracle.labeled_extract(oracle.HPKE, b"", b"info_hash", info))
    secret = oracle.labeled_extract(oracle.HPKE, shared, b"secret", b"")
    key = oracle.labeled_expand(oracle.HPKE, secret, b"key", context, 32)
    nonce = oracle.labeled_expand(oracle.HPKE, secret, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, text, aad)


class Machine:
    """Hardware key in a file, boot key and session key in this process."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.boot, self.session = X25519PrivateKey.generate(), X25519PrivateKey.generate()
        self.spki = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.id = hashlib.sha256(self.spki).hexdigest()

    def sign(self, digest):
        return self.key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))

    def prove(self, secret):
        lp = oracle.lp
        return self.sign(hashlib.sha256(lp(b"erot/enrol/v1") + lp(secret)).digest())

    def release(self, receipt, digest, challenge):
        lp = oracle.lp
        session, boot = raw(self.session.public_key()), raw(self.boot.public_key())
        data = hashlib.sha256(lp(b"erot/quote/v1") + lp(challenge) + lp(session) + lp(boot)
                              + lp(digest) + lp(HOST_ALL.to_bytes(4, "little"))).digest()
        return {"machine": self.id, "receipt": b64(receipt), "sessionKey": b64(session),
                "challenge": b64(challenge), "signature": b64(self.sign(data)),
                "state": {"version": 1, "bank": "sha256", "pcrs": {}, "bootKey": b64(boot),
                          "moduleVersion": "0.1", "hostState": HOST}}

    def open(self, release, digest):
        """The private key of the ERoT."""
        info = b"erot/release/v1" + digest + raw(self.session.public_key())
        inner = hpke_open(self.session, release, info, b"session")
        secret = hpke_open(self.boot, inner, info, b"boot")
        return secret[16:48] if secret.startswith(MAGIC) else None

    def end(self, receipt, digest, secret):
        lp, second = oracle.lp, 10 ** 9
        times = b"".join(x.to_bytes(8, "little") for x in (second, 2 * second, 3 * second))
        words = b"".join(x.to_bytes(4, "little") for x in (
            0, END_EXIT, HOST_ALL, 0, FLAG_RELEASED | FLAG_RAN, 0))
        evidence = (MAGIC + (1).to_bytes(2, "little") + EVIDENCE.to_bytes(2, "little")
                    + EVIDENCE_SIZE.to_bytes(4, "little") + digest + os.urandom(16) + times
                    + words)
        key = oracle.expand(secret, b"erot/evidence/v1", 32)
        evidence += hmac.new(key, evidence, hashlib.sha256).digest()
        data = hashlib.sha256(lp(b"erot/end/v1") + lp(evidence)).digest()
        return {"machine": self.id, "receipt": b64(receipt), "evidence": b64(evidence),
                "signature": b64(self.sign(data))}
