# SPDX-License-Identifier: GPL-2.0-only
"""ewc verify: what it finds good, and each thing that must hold with the code of what does not.

    test_ewc_verify.py BUILD        directory with ewc, dergctl and erot-hsm
"""
import base64
import hashlib
import json
import os
import sys

sys.dont_write_bytecode = True

from test_http_fixture import ok, openssl                                           # noqa: E402
from test_launch_fixture import (CERT, INTERNAL, NOT_FOUND, REFUSED, USAGE, bad,    # noqa: E402
                                 content, flip, full, good, launches, main, path, read, run,
                                 tool, write)

STRIDE = 16384 + 16
HEADER, SALT, COMMITMENT = 64, -56, -32     # of an envelope; the latter two from its end
PAYLOAD = {"ewc": "app.ewc", "payload": "app.payload", "key": "app.key"}
RECEIPT = {"receipt": "app.receipt", "cert": CERT}
OF_RECEIPT = {"statement": "app.statement", "order": "app.order", "customer-cert": "order.pem",
              "ewc": "app.ewc", "record": "app.record"}


def verify(options, **other):
    """ewc verify with @options, of which @other are different; None: not given"""
    options = {**options, **{k.replace("_", "-"): v for k, v in other.items()}}
    return tool("ewc", "verify", *[x for k, v in options.items() if v is not None
                                   for x in ("--" + k, v)])


def test_good(chunks):
    line = f"payload: good, {chunks} chunks, code hash as in the manifest\n"
    good("payload beside its envelope", verify(PAYLOAD), line)
    good("payload behind its envelope", verify(PAYLOAD, ewc="one.ewc", payload=None), line)
    good("payload behind another envelope", verify(PAYLOAD, payload="one.ewc"), line)
    good("a receipt alone", verify(RECEIPT), "receipt: good\n")
    for name, more in (("statement", {}), ("order", {"customer-cert": "order.pem"}), ("ewc", {}),
                       ("record", {})):
        good(f"a receipt and its {name}", verify({**RECEIPT, name: OF_RECEIPT[name], **more}),
             "receipt: good\n", f"\n{name}: good")
    good("all of it at once", verify({**PAYLOAD, **RECEIPT, **OF_RECEIPT}), "receipt: good",
         "statement: good", "order: good", "ewc: good", "record: good", line)


def test_payload(chunks):
    payload, env = read("app.payload"), read("app.ewc")

    def altered(name, code, text="", **other):
        bad(name, REFUSED, code, verify(PAYLOAD, **other), text)

    altered("no payload is named", "payload", "app.ewc: payload is elsewhere", payload=None)
    altered("an envelope as payload", "payload", "app.ewc: envelope without", payload="app.ewc")
    altered("another payload", "payload-chunk", payload="other.payload")
    for name, at, chunk in (("first byte", 0, 0), ("a byte of the second chunk", STRIDE, 1),
                            ("a tag", 2 * STRIDE - 1, 1), ("last byte", -1, chunks - 1)):
        altered(f"altered: {name}", "payload-chunk", f"chunk {chunk} is damaged",
                payload=write("x.payload", flip(payload, at)))
    altered("two chunks exchanged", "payload-chunk", "chunk 0 ", payload=write(
        "x.payload", payload[STRIDE:2 * STRIDE] + payload[:STRIDE] + payload[2 * STRIDE:]))
    altered("a byte less", "payload-length", payload=write("x.payload", payload[:-1]))
    altered("a byte more", "payload-length", payload=write("x.payload", payload + b"\0"))
    altered("nothing of it", "payload-length", payload=write("x.payload", b""))
    one = read("one.ewc")
    altered("altered behind its envelope", "payload-chunk", f"chunk {chunks - 1} ", payload=None,
            ewc=write("x.ewc", flip(one, -1)))
    altered("cut behind its envelope", "payload-length", payload=None,
            ewc=write("x.ewc", one[:-STRIDE]))

    altered("salt of another payload", "key-file", "app.key: key of another payload",
            ewc=write("x.ewc", flip(env, SALT)))
    altered("commitment to another key", "payload-commitment",
            ewc=write("x.ewc", flip(env, COMMITMENT)))
    at = env.index(b"sha256:") + len(b"sha256:")
    other = b"1" if env[at:at + 1] == b"0" else b"0"
    altered("code hash of another image", "payload-code-hash",
            ewc=write("x.ewc", env[:at] + other + env[at + 1:]))
    altered("an envelope that is cut", "envelope-length", "x.ewc: ",
            ewc=write("x.ewc", env[:-1]))
    altered("not even a head", "envelope-length", ewc=write("x.ewc", env[:15]))
    altered("a payload as envelope", "envelope-magic", ewc="app.payload")
    altered("a receipt as envelope", "envelope-magic", ewc="app.receipt")
    altered("a reserved field", "envelope-reserved", ewc=write("x.ewc", flip(env, 20)))
    altered("sizes that do not fit", "envelope-shape", ewc=write("x.ewc", flip(env, HEADER - 8)))


def test_key():
    key = json.loads(read("app.key"))

    def altered(name, text, code="key-file", status=REFUSED):
        write("x.key", text if isinstance(text, bytes) else json.dumps(text).encode())
        bad(name, status, code, verify(PAYLOAD, key="x.key"))

    altered("another payload's key file", read("other.key"))
    secret = base64.b64decode(key["contentKey"])
    altered("another key, the same salt", {**key, "contentKey": base64.b64encode(
        flip(secret, 0)).decode()}, "payload-commitment")
    for name, change in (("a later version", {"version": 2}), ("no image", {"imageBytes": 0}),
                         ("version as text", {"version": "1"}), ("a member more", {"more": 1}),
                         ("a short key", {"contentKey": "AAAA"}), ("a short salt", {"salt": "AAAA"}),
                         ("no base64", {"contentKey": key["contentKey"][:-1] + "!"})):
        altered(f"key file: {name}", {**key, **change})
    for name in key:
        altered(f"key file: no {name}", {k: v for k, v in key.items() if k != name})
    text = json.dumps(key)
    altered("key file: a member twice", (text[:-1] + ', "version": 1}').encode())
    altered("key file: empty", b"")
    altered("key file: cut", text[:-1].encode())
    altered("key file: something behind it", text.encode() + b"{}")
    altered("key file: far too long", text.encode() + b" " * 4096, "too-big")


def test_signed():
    def altered(name, code, text="", **other):
        return bad(name, REFUSED, code, verify({**RECEIPT, **OF_RECEIPT}, **other), text)

    write("x", flip(read("app.receipt"), -1))
    altered("an altered receipt", "cms-signature", "x: ", receipt="x")
    altered("a receipt of a stranger's", "cms-signer", "app.receipt: ", cert="order.pem")
    altered("a statement as receipt", "receipt-purpose", receipt="app.statement")
    altered("no CMS", "cms-syntax", receipt="app.key")
    write("x", read("app.receipt")[:-1])
    altered("a receipt that is cut", "cms-syntax", receipt="x")
    altered("no certificate", "certificate", cert="app.receipt")

    write("x", content("app.statement"))
    openssl("cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-noattr", "-nocerts", "-keyid",
            "-md", "sha256", "-outform", "DER", "-in", "x", "-signer", "order.pem", "-inkey",
            "order.key", "-out", "forged.statement")
    altered("a statement that the customer signed", "cms-signer", "forged.statement: ",
            statement="forged.statement")
    altered("an order that the provider signed", "cms-signer", customer_cert=CERT)
    for name, code, of in (("statement", "receipt-statement", "second.statement"),
                           ("order", "receipt-order", "second.order"),
                           ("ewc", "receipt-ewc", "second.ewc"),
                           ("record", "destruction-receipt", "second.record")):
        altered(f"another launch's {name}", code, **{name: of})
    altered("the same container in one file", "receipt-ewc", "another container", ewc="one.ewc")
    for name in ("statement", "order", "record"):
        write("x", flip(read(f"app.{name}"), -1))
        altered(f"an altered {name}", "cms-signature", "x: ", **{name: "x"})
    altered("a receipt as statement", "statement-purpose", statement="app.receipt")
    altered("a statement as record", "destruction-purpose", record="app.statement")
    got = altered("a payload that is wrong where all else is right", "payload-chunk",
                  payload="other.payload", key="app.key")
    good_until = b"record: good" in got.stdout and b"payload: good" not in got.stdout
    bad("is not called good", REFUSED, "payload-chunk", got, "" if good_until else "not said so")


def test_arguments():
    for name in PAYLOAD:
        bad(f"no such {name}", NOT_FOUND, "not-found", verify(PAYLOAD, **{name: "absent"}),
            "absent: ")
    for name in (*RECEIPT, *OF_RECEIPT):
        bad(f"no such {name}", NOT_FOUND, "not-found", verify(
            {**RECEIPT, **OF_RECEIPT}, **{name: "absent"}), "absent: ")
    for name, options, text in (
            ("nothing", {}, "--ewc with --key"),
            ("only an envelope", {"ewc": "app.ewc"}, "--ewc with --key"),
            ("a key alone", {"key": "app.key"}, "--key needs --ewc"),
            ("a receipt without certificate", {"receipt": "app.receipt"}, "--receipt needs"),
            ("a certificate without receipt", {**PAYLOAD, "cert": CERT}, "--cert needs"),
            ("a payload without key", {**RECEIPT, "payload": "app.payload"}, "--payload needs"),
            ("an order without certificate", {**RECEIPT, "order": "app.order"}, "go together"),
            ("a customer without order", {**RECEIPT, "customer-cert": "order.pem"},
             "go together"),
            *((f"a {name} without receipt", {**PAYLOAD, name: f"app.{name}"}, "need --receipt")
              for name in ("statement", "record")),
            ("an option that is none", {**PAYLOAD, "nonsense": "x"}, "no such option")):
        bad(name, USAGE, "usage", verify(options), text)
    bad("a file too many", USAGE, "usage", tool("ewc", "verify", "--receipt", "app.receipt",
                                                "--cert", CERT, "more"))
    bad("a standard output that is full", INTERNAL, "io", full(
        "ewc", "verify", "--receipt", "app.receipt", "--cert", CERT), "standard output")


def test_seal():
    """Whoever asked for one machine seals for no other."""
    mine = hashlib.sha256(read("machine.der")).hexdigest()
    args = ("ewc", "seal", "--statement", "app.statement", "--cert", CERT, "--payload",
            "app.payload", "--key", "app.key", "--manifest", "app.manifest", "-o", "sealed.ewc")
    bad("seal: for another machine", REFUSED, "statement-machine", tool(
        *args, "--machine", "0" * 64), "app.statement: ")
    for machine in ("", mine[:-1], mine + "0", "g" * 64):
        bad(f"seal: for the machine {machine}", USAGE, "usage", tool(*args, "--machine", machine))
    ok(not os.path.exists(path("sealed.ewc")), "nothing was sealed")
    good("seal: for that machine", tool(*args, "--machine", mine.upper()))
    os.unlink(path("sealed.ewc"))
    good("seal: for any", tool(*args))


def test():
    app, second = launches("app", "second")
    for launch in (app, second):
        launch.release()
        launch.end()
        run("dergctl", "--dir", "derg", "check-evidence", "--receipt", f"{launch.name}.receipt",
            "--evidence", f"{launch.name}.evidence", "--record", f"{launch.name}.record")
    run("ewc", "prepare", "--manifest", "template.json", "root", "-o", "other.payload")
    run("ewc", "renew", "--statement", "app.statement", "--cert", CERT, "--payload", "app.payload",
        "--key", "app.key", "--manifest", "app.manifest", "--one-file", "-o", "one.ewc")
    with open(path("app.payload"), "rb") as f:
        chunks = -(-f.seek(0, 2) // STRIDE)
    test_good(chunks)
    test_payload(chunks)
    test_key()
    test_signed()
    test_arguments()
    test_seal()


main(test)
