# SPDX-License-Identifier: GPL-2.0-only
"""ewc show and dergctl show: every kind of document, as text and as JSON.

    test_show.py BUILD      directory with ewc, dergctl and erot-hsm

What must be shown is read from the documents here: by openssl, hashlib and the offsets of
uapi/linux/erot_format.h.
"""
import hashlib
import json
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True

from test_http_fixture import note, ok                                              # noqa: E402
from test_launch_fixture import (BUILD, CERT, GOOD, INTERNAL, NOT_FOUND, REFUSED,   # noqa: E402
                                 USAGE, bad, content, flip, full, launches, main, path, read, run,
                                 says, tool, write)
from test_api_machine import HOST, MAGIC                                            # noqa: E402

GRANT = struct.Struct("<16s16s32sII32s32s32s32s32sII")
RECEIPT = struct.Struct("<32s32s32sQQQIIII")
EVIDENCE = struct.Struct("<16s32s16sQQQIIIIII32s")
PROGRAMS = ("ewc", "dergctl")
SIGNED = {"statement": CERT, "receipt": CERT, "order": "order.pem", "record": CERT}


def show(*args, program="ewc"):
    return tool(program, "show", *args)


def shown(name, *args):
    got = show(name, "--json", *args)
    if got.returncode or got.stderr:
        note(says(got))
        return {}
    return json.loads(got.stdout)


def same(name, seen, want):
    """The members of @want, and no others, are @seen."""
    if not ok(seen == want, name):
        for key in sorted({*seen, *want}):
            if seen.get(key) != want.get(key):
                note(f"{key}: shown {seen.get(key)}, should be {want.get(key)}")


def when(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# ---- what the documents say

def head(kind, data):
    """The four fields that begin each of them"""
    return data.startswith(MAGIC) and struct.unpack("<HHI", data[8:16]) == (1, kind, len(data))


def grant(data, rest):
    """Members of a statement or receipt, whose fixed part is @rest bytes longer than the grant"""
    _, gid, tenant, epoch, zero, nonce, pk, policy, enrolment, code, hwkey, manifest = \
        GRANT.unpack(data[:GRANT.size])
    at = GRANT.size + rest
    if zero or len(data) != at + hwkey + manifest:
        return {}
    return {"digest": sha256(data), "id": gid.hex(), "tenant": tenant.hex(), "epoch": epoch,
            "nonce": nonce.hex(), "erotKey": pk.hex(), "policy": policy.hex(),
            "enrolment": enrolment.hex(), "codeHash": code.hex(),
            "hardwareKey": sha256(data[at:at + hwkey]), "manifest": json.loads(data[at + hwkey:])}


def evidence(data):
    _, receipt, session, started, ended, released, status, reason, host, isolation, flags, _, _ = \
        EVIDENCE.unpack(data)
    names = ["released", "pinned", "ran", "damaged"]
    return {"receipt": receipt.hex(), "session": session.hex(), "startedNs": started,
            "endedNs": ended, "releasedNs": released, "exitStatus": status,
            "reason": {1: "exit"}.get(reason), "host": bits(host, HOST),
            "isolation": bits(isolation, ["?"] * 32), "flags": bits(flags, names)}


def bits(mask, names):
    return [name for bit, name in enumerate(names) if mask >> bit & 1]


def test_statement(machine):
    data = content("app.statement")
    want = {"type": "statement", "signature": "not checked", **grant(data, 0)}
    same("a key statement", shown("app.statement"), want)
    ok(head(1, data) and want["hardwareKey"] == machine.id and want["epoch"] == 1 and
       want["codeHash"] == json.loads(read("app.manifest"))["erot"]["codeHash"][7:] and
       want["manifest"] == json.loads(read("app.manifest")) and
       want["tenant"] == sha256(b"\x0e\0\0\0erot/tenant/v1\x07\0\0\0default") and
       want["policy"] == want["enrolment"] == "0" * 64, "which says what was asked for")


def test_receipt():
    data = content("app.receipt")
    at = GRANT.size
    statement, ewc, order, start, end, memory, runtime, pids, isolation, host = RECEIPT.unpack(
        data[at:at + RECEIPT.size])
    seen = shown("app.receipt")
    isolated = seen.get("isolation", [])
    same("a receipt", seen, {
        "type": "receipt", "signature": "not checked", **grant(data, RECEIPT.size),
        "statement": statement.hex(), "ewc": ewc.hex(), "order": order.hex(),
        "notBefore": when(start), "notAfter": when(end), "memoryMax": memory,
        "maxRuntime": runtime, "pidsMax": pids, "requireHost": bits(host, HOST),
        "isolation": isolated})
    # all of them, since the manifest names none
    ok(head(2, data) and isolation == 2047 and len(isolated) == len(set(isolated)) == 11 and
       {"pid-ns", "seccomp", "no-new-privs"} <= set(isolated), "its isolation, by name")
    ok(statement.hex() == sha256(content("app.statement")) and
       ewc.hex() == sha256(read("app.ewc")) and
       order.hex() == sha256(content("app.order", "order.pem")) and
       (memory, runtime, pids) == (1 << 24, 60, 4) and end - start == 86400,
       "which says what was ordered")


def test_order():
    data = content("app.order", "order.pem")
    statement, ewc, customer = struct.unpack("<16x32s32s32s", data)
    spki = tool_output("openssl", "x509", "-in", "order.pem", "-noout", "-pubkey")
    spki = tool_output("openssl", "pkey", "-pubin", "-outform", "DER", stdin=spki)
    same("an order", shown("app.order"), {
        "type": "order", "digest": sha256(data), "statement": statement.hex(), "ewc": ewc.hex(),
        "customer": customer.hex(), "signature": "not checked"})
    ok(head(3, data) and customer.hex() == sha256(spki) and ewc.hex() == sha256(read("app.ewc")),
       "which says who ordered what")


def tool_output(*args, stdin=b""):
    return subprocess.run(args, cwd=path(""), input=stdin, check=True, capture_output=True).stdout


def test_envelope():
    data = read("app.ewc")
    image, payload = json.loads(read("app.key"))["imageBytes"], len(read("app.payload"))
    chunks = -(-image // 16384)
    want = {"type": "ewc", "digest": sha256(data), "imageBytes": image,
            "codeHash": json.loads(read("app.manifest"))["erot"]["codeHash"][7:],
            "treeBytes": 16384, "chunks": chunks + 2, "payloadOffset": 0, "payloadBytes": payload,
            "commitment": data[-32:].hex(), "manifest": json.loads(read("app.manifest"))}
    same("an envelope", shown("app.ewc"), want)
    one = read("one.ewc")
    length = struct.unpack("<I", one[12:16])[0]
    same("an envelope in front of its payload", shown("one.ewc"), {
        **want, "digest": sha256(one[:length]), "payloadOffset": len(one) - payload,
        "commitment": one[length - 32:length].hex()})
    # more of them than a document may have bytes: only the envelope is looked at
    write("long.ewc", one + bytes(1 << 21))
    ok(shown("long.ewc") == shown("one.ewc"), "whatever follows it")


def test_evidence():
    data = read("app.evidence")
    same("evidence", shown("app.evidence"), {"type": "evidence", "mac": "not checked",
                                             **evidence(data)})
    ok(head(6, data) and evidence(data)["receipt"] == sha256(content("app.receipt")),
       "which is of that receipt")
    data = content("app.record")
    stamp, quote = struct.unpack("<Q", data[16:24])[0], data[24 + EVIDENCE.size:]
    same("a destruction record", shown("app.record"), {
        "type": "destruction", "digest": sha256(data), "time": when(stamp),
        "evidence": evidence(data[24:24 + EVIDENCE.size]), "quoteBytes": 0,
        "signature": "not checked"})
    ok(head(7, data) and quote == bytes(8) and abs(stamp - time.time()) < 600 and
       data[24:24 + EVIDENCE.size] == read("app.evidence"), "of this evidence, just now")


def test_text():
    for name in (*(f"app.{x}" for x in SIGNED), "app.ewc", "app.evidence"):
        lines = show(name).stdout.decode().splitlines()
        want = list(text_of(shown(name)))
        if not ok(lines == want, f"{name}: the same as lines"):
            note("\n".join(lines) + "\n" + "\n".join(want))
        ok(show(name, program="dergctl").stdout == show(name).stdout and
           show(name, "--json", program="dergctl").stdout == show(name, "--json").stdout,
           f"{name}: dergctl shows the same")
    got = tool("ewc", "show", "-", "--json", stdin=read("app.receipt"))
    ok(json.loads(got.stdout) == shown("app.receipt"), "on standard input")


def text_of(value, indent=0):
    for key, one in value.items():
        line = " " * indent + key + ":"
        if isinstance(one, dict):
            yield line
            yield from text_of(one, indent + 2)
        else:
            yield " ".join([line, *(x if isinstance(x, str) else json.dumps(x)
                                    for x in (one if isinstance(one, list) else [one]))])


def test_signature():
    for kind, cert in SIGNED.items():
        name, other = f"app.{kind}", CERT if cert != CERT else "order.pem"
        ok(shown(name, "--cert", cert) == {**shown(name), "signature": "good"},
           f"{kind}: the signature is good")
        bad(f"{kind}: of somebody else", REFUSED, "cms-signer", show(name, "--cert", other), name)
        data = read(name)
        write("x", flip(data, -1))
        bad(f"{kind}: altered signature", REFUSED, "cms-signature", show("x", "--cert", cert))
        ok(shown("x") == shown(name), f"{kind}: nobody has checked it")
        inside = content(name, "order.pem" if kind == "order" else "derg-cert.pem")
        write("x", flip(data, data.index(inside) + 16))
        bad(f"{kind}: altered content", REFUSED, "cms-signature", show("x", "--cert", cert))
        ok(shown("x").get("signature") == "not checked", f"{kind}: nobody has checked that either")
        write("x", inside)
        ok(shown("x") == {**shown(name), "signature": "none"}, f"{kind}: without any signature")
        bad(f"{kind}: that is none to check", REFUSED, "unsigned", show("x", "--cert", cert), "x: ")
        for program in PROGRAMS:
            bad(f"{program} show {kind}: a byte less", REFUSED, "cms-syntax", show(
                write("x", data[:-1]), program=program), "x: ")
        bad(f"{kind}: a byte more", REFUSED, "cms-trailing-bytes", show(write("x", data + b"\0")))
        kind = {"record": "destruction"}.get(kind, kind)
        bad(f"{kind}: its content cut", REFUSED, f"{kind}-length", show(write("x", inside[:-1])))
        bad(f"{kind}: its content longer", REFUSED, f"{kind}-length", show(
            write("x", inside + b"\0")))
        bad(f"{kind}: of a later version", REFUSED, f"{kind}-version", show(
            write("x", flip(inside, 8))))
    for name in ("app.ewc", "app.evidence"):
        bad(f"{name}: carries no signature", REFUSED, "unsigned", show(name, "--cert", CERT))


def test_damaged():
    for name, code, data in (
            ("an envelope that is cut", "envelope-length", read("app.ewc")[:-1]),
            ("evidence that is cut", "evidence-length", read("app.evidence")[:-1]),
            ("evidence of no reason", "evidence-reason",
             read("app.evidence")[:92] + b"\x63" + read("app.evidence")[93:]),
            ("an envelope with a reserved field", "envelope-reserved", flip(read("app.ewc"), 20)),
            ("purpose 99", "unknown-file", MAGIC + struct.pack("<HHI", 1, 99, 16)),
            ("a release", "unknown-file", MAGIC + struct.pack("<HHI", 1, 5, 16)),
            ("a leaf of the log", "unknown-file", MAGIC + struct.pack("<HHI", 1, 8, 16)),
            ("only the magic", "unknown-file", MAGIC),
            ("half a head", "unknown-file", MAGIC + b"\1\0\4"),
            ("half a magic", "cms-syntax", MAGIC[:4]),
            ("an empty file", "cms-size", b""),
            ("text", "cms-syntax", b"nothing of ours\n")):
        for program in PROGRAMS:
            bad(f"{program} show: {name}", REFUSED, code, show(write("x", data), program=program),
                "x: ")
    bad("a payload", REFUSED, "cms-size", show("app.payload"))
    bad("a file that is far too long", REFUSED, "too-big", show(write("x", bytes(1 << 20) + b"x")))
    bad("no file", NOT_FOUND, "not-found", show("absent"))
    bad("a directory", REFUSED, "io", show("derg"))
    bad("no certificate", NOT_FOUND, "not-found", show("app.receipt", "--cert", "absent"))
    bad("no certificate in it", REFUSED, "certificate", show("app.receipt", "--cert", "app.ewc"))
    for args in ((), ("app.receipt", "app.order"), ("--nonsense", "app.receipt"), ("--cert",)):
        bad(f"show {' '.join(args)}", USAGE, "usage", show(*args))
    for flags in ((), ("--json",)):
        bad(f"show {' '.join(flags)}: output is full", INTERNAL, "io", full(
            "ewc", "show", "app.receipt", *flags), "standard output")


def test_terminal():
    """A manifest is somebody else's text: nothing of it moves a cursor."""
    template = json.loads(read("template.json"))
    args = ["/bin/true", "\x1b[2J", "a\nsignature: good", "\x7f", "\u009b31m", "gr\u00fc\u00dfe",
            "\u2028"]
    template["process"]["args"] = args
    write("odd.json", json.dumps(template).encode())
    run("ewc", "pack", "--manifest", "odd.json", "--cert", CERT, "--derive",
        f"{BUILD}/dergctl --dir derg derive --machine machine.der",
        "root", "-o", "odd.ewc")
    for name in ("odd.ewc", "odd.statement"):
        got = show(name)
        line = [x for x in got.stdout.decode().split("\n") if x.startswith("    args:")]
        ok(got.returncode == GOOD and line == [
            "    args: /bin/true ?[2J a?signature: good ? ??31m gr\u00fc\u00dfe \u2028"],
           f"{name}: no control characters") or note(says(got))
        ok(shown(name)["manifest"]["process"]["args"] == args, f"{name}: JSON tells them all")
    ok(not {c for c in show("odd.ewc", "--json").stdout.decode() if ord(c) < 32 and c != "\n"},
       "and escapes them")


def test():
    launch = launches("app")[0]
    launch.release()
    launch.end()
    run("dergctl", "--dir", "derg", "check-evidence", "--receipt", "app.receipt", "--evidence",
        "app.evidence", "--record", "app.record")
    run("ewc", "seal", "--statement", "app.statement", "--cert", CERT, "--payload", "app.payload",
        "--key", "app.key", "--manifest", "app.manifest", "--one-file", "-o", "one.ewc")
    test_statement(launch.machine)
    test_receipt()
    test_order()
    test_envelope()
    test_evidence()
    test_text()
    test_signature()
    test_damaged()
    test_terminal()


main(test)
