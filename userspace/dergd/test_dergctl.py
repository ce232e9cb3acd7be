# SPDX-License-Identifier: GPL-2.0-only
"""dergctl's commands, as a provider types them: evidence, policies, machines, epochs, clients.

    test_dergctl.py BUILD       directory with dergctl, erot-hsm and ewc
"""
import base64
import hashlib
import hmac
import json
import os
import re
import sys

sys.dont_write_bytecode = True

from test_http_fixture import (ADMIN, CUSTOMER, certificate, fingerprint, note,     # noqa: E402
                               ok, openssl)
from test_launch_fixture import (CERT, GOOD, INTERNAL, NOT_FOUND, REFUSED, USAGE,   # noqa: E402
                                 Launch, bad, flip, full, good, launches, main, path, read, says,
                                 tool, write)
from test_api_machine import Machine, oracle                                        # noqa: E402

NOBODY = "0" * 64
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def dergctl(*args, stdin=b""):
    return tool("dergctl", *args, stdin=stdin)


def lines(name, got, *patterns):
    """Good, and each line of the output is of its pattern."""
    out = got.stdout.decode().splitlines()
    if not ok(got.returncode == GOOD and not got.stderr and len(out) == len(patterns) and
              all(re.fullmatch(p, x) for p, x in zip(patterns, out)), name):
        note(says(got))


def rows(*args):
    got = dergctl(*args, "--json")
    if got.returncode or got.stderr:
        note(says(got))
        return None
    return json.loads(got.stdout)


# ---- what a machine says when a launch has ended

def remade(evidence, at, data, secret):
    """Other evidence, with a MAC that is right"""
    text = evidence[:at] + data + evidence[at + len(data):-32]
    key = oracle.expand(secret, b"erot/evidence/v1", 32)
    return text + hmac.new(key, text, hashlib.sha256).digest()


def check(receipt, evidence, *more):
    return dergctl("check-evidence", "--receipt", receipt, "--evidence", evidence, *more)


def test_evidence(app, second):
    bad("check-evidence: never released", REFUSED, "not-released", check(
        "app.receipt", write("x.evidence", base64.b64decode(
            app.machine.end(b"", app.digest, bytes(32))["evidence"]))))
    for launch in (app, second):
        launch.release()
        launch.end()
    data = read("app.evidence")
    got = good("check-evidence", check("app.receipt", "app.evidence"), "evidence: good\n",
               f"receipt: {app.digest.hex()}\n", "\nreason: exit\n", "\nflags: released ran\n",
               "\nmac: good\n")
    ok(b"not checked" not in got.stdout, "and what it has checked it does not call unchecked")
    ok(check("app.receipt", "app.evidence").stdout == got.stdout, "again the same")
    got = dergctl("check-evidence", "--receipt", "app.receipt", "--evidence", "-", stdin=data)
    good("evidence on standard input", got, "evidence: good")

    def refused(name, code, evidence=data, receipt="app.receipt"):
        for more in ((), ("--record", "x.record")):
            bad(f"check-evidence {' '.join(more)}: {name}", REFUSED, code, check(
                receipt, write("x.evidence", evidence), *more))

    refused("of another launch", "evidence-receipt", read("second.evidence"))
    refused("an altered MAC", "evidence-mac", flip(data, -1))
    refused("an altered exit status", "evidence-mac", flip(data, 88))
    refused("made with another key", "evidence-mac", remade(data, 0, b"", bytes(32)))
    refused("a byte less", "evidence-length", data[:-1])
    refused("a byte more", "evidence-length", data + b"\0")
    refused("none", "evidence-length", b"")
    refused("an unknown reason", "evidence-reason", remade(data, 92, b"\x63", app.secret))
    refused("plaintext that is neither gone nor pinned", "evidence-flags",
            remade(data, 104, b"\4", app.secret))
    refused("an end before its beginning", "evidence-clock",
            remade(data, 64, bytes([255] * 8), app.secret))
    refused("something else of ours", "evidence-length", read("app.ewc"))
    refused("something else of the same length", "evidence-magic", bytes(len(data)))
    write("x", flip(read("app.receipt"), -1))
    refused("an altered receipt", "cms-signature", receipt="x")
    refused("a statement as receipt", "receipt-purpose", receipt="app.statement")
    refused("an order as receipt", "cms-signer", receipt="app.order")
    ok(not os.path.exists(path("x.record")), "no record is made of what is refused")


def test_record(app):
    good("a record", check("app.receipt", "app.evidence", "--record", "app.record"),
         "evidence: good\n")
    good("which the customer finds good", tool(
        "ewc", "verify", "--receipt", "app.receipt", "--cert", CERT, "--record", "app.record"),
         "record: good")
    got = check("app.receipt", "app.evidence", "--record", "-")
    ok(got.returncode == GOOD and got.stdout == read("app.record"),
       "on standard output the same one, and nothing but that")
    other = write("x.evidence", remade(read("app.evidence"), 88, b"\1", app.secret))
    good("other evidence, as good by itself", check("app.receipt", other), "exitStatus: 1\n")
    bad("is too late", REFUSED, "already-ended", check("app.receipt", other, "--record",
                                                       "x.record"))
    bad("a record to nowhere", NOT_FOUND, "io", check("app.receipt", "app.evidence", "--record",
                                                      "absent/record"))
    for name, args in (("receipt", ("absent", "app.evidence")),
                       ("evidence", ("app.receipt", "absent"))):
        bad(f"no {name}", NOT_FOUND, "not-found", check(*args), "absent: ")
    for args in ((), ("--receipt", "app.receipt"), ("--evidence", "app.evidence"),
                 ("--receipt", "app.receipt", "--evidence", "app.evidence", "more"),
                 ("--nonsense",)):
        bad(f"check-evidence {' '.join(args)}", USAGE, "usage", dergctl("check-evidence", *args))
    bad("no DERG", NOT_FOUND, "not-found", dergctl(
        "--dir", "absent", "check-evidence", "--receipt", "app.receipt", "--evidence",
        "app.evidence"), "no DERG here")
    bad("a standard output that is full", INTERNAL, "io", full(
        "dergctl", "check-evidence", "--receipt", "app.receipt", "--evidence", "app.evidence"))


def test_provider(app):
    """What erotd must not be told"""
    for name, command, request in (
            ("no JSON", "release", b"{"), ("an array", "release", b"[]"),
            ("no members", "terminate", b"{}"),
            ("a negative host state", "release", json.dumps(
                {**json.loads(app.request()), "host_state": -1}).encode()),
            ("a host state of 33 bits", "release", json.dumps(
                {**json.loads(app.request()), "host_state": 1 << 32}).encode()),
            ("a member more", "release", json.dumps(
                {**json.loads(app.request()), "more": 1}).encode())):
        got = dergctl("provider", command, stdin=request)
        ok(got.returncode == REFUSED and json.loads(got.stdout)["code"] == "request",
           f"provider {command}: {name}") or note(says(got))
    got = tool("dergctl", "--dir", "absent", "provider", "release", stdin=app.request())
    ok(got.returncode == INTERNAL and json.loads(got.stdout)["code"] == "not-found",
       "provider: no DERG is no refusal") or note(says(got))
    for args in ((), ("nonsense",), ("release", "more")):
        bad(f"provider {' '.join(args)}", USAGE, "usage", dergctl("provider", *args))


# ---- policies

def test_policy():
    text = json.dumps({"version": 1, "bank": "sha256", "pcrs": {}, "moduleVersions": ["0.1"],
                       "hostState": [], "hardwareKeys": ["software"],
                       "eventLog": "optional"}).encode()
    bad("policy show: none yet", NOT_FOUND, "policy-none", dergctl("policy", "show"))
    write("one.policy", text)
    lines("policy put", dergctl("policy", "put", "one.policy"),
          f"policy {hashlib.sha256(text).hexdigest()} is in force for default")
    ok(dergctl("policy", "show").stdout == text, "policy show: byte for byte")
    other = text + b"\n"
    write("other.policy", other)
    lines("another one", dergctl("policy", "put", "other.policy"),
          f"policy {hashlib.sha256(other).hexdigest()} is in force for default")
    ok(dergctl("policy", "show").stdout == other, "is in force now")
    lines("the first one again", dergctl("policy", "put", "one.policy"),
          f"policy {hashlib.sha256(text).hexdigest()} is in force for default")
    ok(dergctl("policy", "show").stdout == text, "is in force again")
    for name, status, code, args in (
            ("nobody's", NOT_FOUND, "tenant-unknown", ("put", "--tenant", "nobody", "one.policy")),
            ("nobody's", NOT_FOUND, "policy-none", ("show", "--tenant", "nobody")),
            ("none of this tenant", NOT_FOUND, "policy-none", ("show", "--tenant", "other")),
            ("no file", NOT_FOUND, "not-found", ("put", "absent")),
            ("no JSON", REFUSED, "policy-syntax", ("put", "app.receipt")),
            ("a manifest", REFUSED, "policy-missing", ("put", "template.json")),
            ("empty", REFUSED, "policy-size", ("put", write("x", b"")))):
        bad(f"policy {args[0]}: {name}", status, code, dergctl("policy", *args))
    ok(dergctl("policy", "show").stdout == text, "what is refused is not in force")
    for args in ((), ("nonsense",), ("put",), ("put", "x", "x"), ("learn", "x"), ("nonsense", "x"),
                 ("test", "x"), ("test", "--policy", "x", "x", "x"), ("--pcrs", "16", "learn", "x"),
                 ("--boot-pcr", "7", "learn", "x"), ("--host-state", "x", "learn", "x"),
                 ("--max-unaccounted", "x", "learn", "x")):
        bad(f"policy {' '.join(args)}", USAGE, "usage", dergctl("policy", *args))
    bad("policy put: no DERG", NOT_FOUND, "not-found", dergctl(
        "--dir", "absent", "policy", "put", "one.policy"))
    bad("policy show: no DERG", NOT_FOUND, "not-found", dergctl("--dir", "absent", "policy",
                                                                "show"))
    bad("policy show: output is full", INTERNAL, "io", full("dergctl", "policy", "show"))


# ---- machines

def derive(machine, *more):
    return dergctl("derive", "--machine", machine, "--manifest", "app.manifest", "-o",
                   "x.statement", *more)


def test_machine(launch):
    """Each way to be wrong about one, and what is refused to one that is revoked"""
    mine = launch.machine.id
    other = Machine()
    good("machine list", dergctl("machine", "list"), f"{mine}\tpending\t")
    good("derive by id", derive(mine))
    bad("derive for an id that nobody has", NOT_FOUND, "machine-unknown", derive(other.id))
    good("derive by key", derive(write("other.der", other.spki)))
    ok([(m["machine"], m["state"]) for m in rows("machine", "list")] in (
        [(a, "pending"), (b, "pending")] for a, b in ((mine, other.id), (other.id, mine))),
       "machine list: both")
    for name, status, code, args in (
            ("unknown", NOT_FOUND, "machine-unknown", (NOBODY,)),
            ("another tenant's", NOT_FOUND, "machine-unknown", ("--tenant", "other", mine)),
            ("a digit less", USAGE, "usage", (mine[:-1],)),
            ("no digit", USAGE, "usage", (mine[:-1] + "g",)),
            ("without id", USAGE, "usage", ()), ("two", USAGE, "usage", (mine, mine)),
            ("no such option", USAGE, "usage", ("--nonsense", mine))):
        got = dergctl("machine", "revoke", *args)
        ok(got.returncode == status and (f"({code})" in got.stderr.decode() or "usage:" in
                                         got.stderr.decode()), f"machine revoke: {name}: {code}") \
            or note(says(got))
    lines("machine list: as it was", dergctl("machine", "list"), r"\w{64}\tpending\t\w+",
          r"\w{64}\tpending\t\w+")
    for reason in (b"\xff\xfe", "", "x" * 201):
        bad(f"machine revoke: for {reason[:9]}", USAGE, "usage", dergctl(
            "machine", "revoke", "--reason", reason, other.id), "--reason")
    good("machine revoke", dergctl("machine", "revoke", "--reason", "sold", other.id), "")
    good("again, which changes nothing", dergctl("machine", "revoke", other.id.upper()), "")
    ok({m["machine"]: m["state"] for m in rows("machine", "list")} ==
       {mine: "pending", other.id: "revoked"}, "machine list: one is revoked")
    for machine in (other.id, "other.der"):
        bad(f"derive for it by {machine[:9]}", REFUSED, "machine-revoked", derive(machine))
    good("machine revoke", dergctl("machine", "revoke", mine), "")
    got = dergctl("provider", "release", stdin=launch.request())
    ok(got.returncode == REFUSED and json.loads(got.stdout)["code"] == "machine-revoked",
       "no release of what was derived before") or note(says(got))
    bad("machine list: nobody's", NOT_FOUND, "tenant-unknown", dergctl("machine", "list",
                                                                       "--tenant", "nobody"))
    for args in ((), ("nonsense",), ("list", "more"), ("list", "--nonsense")):
        bad(f"machine {' '.join(args)}", USAGE, "usage", dergctl("machine", *args))
    for flags in ((), ("--json",)):
        bad(f"machine list {' '.join(flags)}: output is full", INTERNAL, "io", full(
            "dergctl", "machine", "list", *flags))


# ---- epochs

def states():
    return {(e["tenant"], e["epoch"]): e["state"] for e in rows("epoch", "list")}


def test_epoch(launch):
    lines("epoch list", dergctl("epoch", "list"), rf"default\t1\tactive\t{TIME}\t{TIME}")
    one = rows("epoch", "list")[0]
    ok(set(one) == {"tenant", "epoch", "state", "created", "lastUse"} and
       one["created"] < one["lastUse"], "with times, as JSON")
    lines("epoch new", dergctl("epoch", "new"), "epoch 2 of default: active")
    lines("epoch new, by number", dergctl("epoch", "new", "--epoch", "7"),
          "epoch 7 of default: active")
    lines("the next one", dergctl("epoch", "new"), "epoch 8 of default: active")
    lines("of another tenant", dergctl("epoch", "new", "--tenant", "other"),
          "epoch 1 of other: active")
    lines("epoch list: of a tenant", dergctl("epoch", "list", "--tenant", "other"),
          rf"other\t1\tactive\t{TIME}\t-")
    ok(rows("epoch", "list", "--tenant", "other")[0]["lastUse"] is None, "never used, as JSON")
    before = states()
    ok(before == {("default", n): "active" for n in (1, 2, 7, 8)} | {("other", 1): "active"},
       "epoch list: all")
    for name, status, code, args in (
            ("there is one", REFUSED, "epoch-exists", ("new", "--epoch", "7")),
            ("a tenant without name", REFUSED, "tenant", ("new", "--tenant", "")),
            ("a tenant of too long a name", REFUSED, "tenant", ("new", "--tenant", "x" * 129)),
            *((f"a tenant of the name {n!r}", REFUSED, "tenant", ("new", "--tenant", n))
              for n in ("a/b", "a b", "a\nb", ".", "..", ".a", b"\xff\xfe", "\u00fc")),
            ("of no such number", NOT_FOUND, "epoch-unknown", ("drain", "--epoch", "3")),
            ("of no such tenant", NOT_FOUND, "epoch-unknown", ("drain", "--epoch", "1",
                                                               "--tenant", "nobody")),
            ("of no such number", NOT_FOUND, "epoch-unknown", ("destroy", "--epoch", "3",
                                                               "--force")),
            ("of no such tenant", NOT_FOUND, "tenant-unknown", ("list", "--tenant", "nobody"))):
        bad(f"epoch {args[0]}: {name}", status, code, dergctl("epoch", *args))
    ok(states() == before, "which has changed nothing")

    good("derive in an epoch", derive(launch.machine.id, "--epoch", "2"))
    lines("epoch drain", dergctl("epoch", "drain", "--epoch", "2"), "epoch 2 of default: draining")
    lines("again, which changes nothing", dergctl("epoch", "drain", "--epoch", "2"),
          "epoch 2 of default: draining")
    bad("derive in it", REFUSED, "epoch-not-active", derive(launch.machine.id, "--epoch", "2"),
        "epoch 2 of default is draining")
    lines("epoch destroy, which nobody used", dergctl("epoch", "destroy", "--epoch", "7"),
          "epoch 7 of default: destroyed")
    bad("derive in it", REFUSED, "epoch-destroyed", derive(launch.machine.id, "--epoch", "7"))
    for verb in ("drain", "destroy"):
        bad(f"epoch {verb}: it is gone", REFUSED, "epoch-destroyed", dergctl(
            "epoch", verb, "--epoch", "7"))
    bad("its number is taken", REFUSED, "epoch-exists", dergctl("epoch", "new", "--epoch", "7"))

    got = bad("epoch destroy: in use", REFUSED, "epoch-in-use", dergctl(
        "epoch", "destroy", "--epoch", "1"), "epoch 1 of default drains; destroy it in ")
    found = re.search(rb"in (\d+) s", got.stderr)
    wait = int(found.group(1)) if found else 0
    # the receipt's day, a minute of running, a day of grace
    ok(2 * 86400 - 600 < wait <= 2 * 86400 + 700, f"in {wait} s")
    ok(states() == {**before, ("default", 1): "draining", ("default", 2): "draining",
                    ("default", 7): "destroyed"}, "it drains from then on")
    good("what was launched in it is still accounted for", check("second.receipt",
                                                                 "second.evidence"), "good")
    lines("epoch destroy --force", dergctl("epoch", "destroy", "--epoch", "1", "--force"),
          "epoch 1 of default: destroyed")
    bad("evidence of it", REFUSED, "epoch-destroyed", check("second.receipt", "second.evidence"))
    for args in ((), ("nonsense",), ("list", "more"), ("drain",), ("destroy",), ("new", "--epoch"),
                 *(("drain", "--epoch", n) for n in ("0", "x", "-1", "1x", str(1 << 32)))):
        bad(f"epoch {' '.join(args)}", USAGE, "usage", dergctl("epoch", *args))
    for flags in ((), ("--json",)):
        bad(f"epoch list {' '.join(flags)}: output is full", INTERNAL, "io", full(
            "dergctl", "epoch", "list", *flags))


# ---- clients

def rsa_certificate(name, bits, *more):
    openssl("req", "-x509", "-newkey", f"rsa:{bits}", "-nodes", "-keyout", f"{name}.key", "-out",
            f"{name}.pem", "-subj", "/CN=orders", *more)


def test_client():
    certificate("new", "-days", "2")
    rsa_certificate("small", 2048)
    rsa_certificate("nameless", 3072, "-addext", "subjectKeyIdentifier=none")
    mine, new = fingerprint(CUSTOMER), fingerprint("new")
    good("client list", dergctl("client", "list"), f"{mine}\tcustomer\tdefault\tbuild\n",
         f"{fingerprint(ADMIN)}\tadministrator\t-\tops\n")
    lines("client add", dergctl("client", "add", "--tenant", "default", "--label", "x", "new.pem"),
          new)
    ok({c["client"]: (c["role"], c["tenant"], c["orders"]) for c in rows("client", "list")} == {
        mine: ("customer", "default", True), new: ("customer", "default", False),
        fingerprint(ADMIN): ("administrator", "", False)}, "client list: all three, as JSON")
    add = ("add", "--tenant", "default", "--label")
    for name, status, code, args in (
            ("the same again", REFUSED, "client-exists", (*add, "x", "new.pem")),
            ("a long label", REFUSED, "client-label", (*add, "x" * 300, "new.pem")),
            ("a label of nothing", REFUSED, "client-label", (*add, "", "new.pem")),
            ("a long tenant", REFUSED, "client-label", ("add", "--label", "x", "--tenant", "x" * 300,
                                                        "new.pem")),
            ("no such tenant", NOT_FOUND, "tenant-unknown", ("add", "--label", "x", "--tenant",
                                                             "nobody", "new.pem")),
            ("no certificate", NOT_FOUND, "not-found", (*add, "x", "absent")),
            ("none in the file", REFUSED, "certificate", (*add, "x", "template.json")),
            ("no certificate for orders", NOT_FOUND, "not-found", (*add, "x", "--order-cert",
                                                                   "absent", "new.pem")),
            ("one for orders of P-256", REFUSED, "certificate", (*add, "x", "--order-cert",
                                                                 "new.pem", f"{ADMIN}.pem")),
            ("one for orders of RSA-2048", REFUSED, "certificate", (
                *add, "x", "--order-cert", "small.pem", f"{ADMIN}.pem")),
            ("one for orders without key identifier", REFUSED, "certificate", (
                *add, "x", "--order-cert", "nameless.pem", f"{ADMIN}.pem")),
            ("nobody to remove", NOT_FOUND, "client-unknown", ("remove", NOBODY)),
            ("another tenant's", NOT_FOUND, "client-unknown", ("remove", "--tenant", "other",
                                                               new))):
        bad(f"client {args[0]}: {name}", status, code, dergctl("client", *args))
    good("client remove", dergctl("client", "remove", new), "")
    bad("who is gone", NOT_FOUND, "client-unknown", dergctl("client", "remove", new))
    for args in ((), ("nonsense",), ("list", "more"), ("add", "new.pem"), ("remove",),
                 ("add", "--label", "x", "new.pem"), ("list", "--nonsense")):
        bad(f"client {' '.join(args)}", USAGE, "usage", dergctl("client", *args))
    for flags in ((), ("--json",)):
        bad(f"client list {' '.join(flags)}: output is full", INTERNAL, "io", full(
            "dergctl", "client", "list", *flags))


def test_receipt():
    """Of a launch that was prepared, but not ordered"""
    def receipt(*more, **other):
        options = {"statement": "third.statement", "order": "third.order", "customer-cert":
                   "order.pem", "ewc": "third.ewc", **other}
        return dergctl("receipt", *[x for k, v in options.items() for x in ("--" + k, v)], "-o",
                       "x.receipt", *more)

    for name in ("statement", "order", "ewc", "customer-cert"):
        bad(f"receipt: no such {name}", NOT_FOUND, "not-found", receipt(**{name: "absent"}),
            "absent: ")
    for name, code, other in (
            ("an envelope that is cut", "envelope-length", {
                "ewc": write("cut.ewc", read("third.ewc")[:-1])}),
            ("no envelope", "envelope-magic", {"ewc": "app.payload"}),
            ("another envelope", "order-ewc", {"ewc": "app.ewc"}),
            ("another order", "order-statement", {"order": "app.order"}),
            ("another customer", "cms-signer", {"customer-cert": CERT})):
        bad(f"receipt: {name}", REFUSED, code, receipt(**other))
    ok(not os.path.exists(path("x.receipt")), "which has made none")
    for option in ("--not-before", "--not-after"):
        bad(f"receipt: {option} of nonsense", USAGE, "usage", receipt(option, "soon"),
            f"{option}: not a time: soon")
    bad("receipt: without statement", USAGE, "usage", dergctl("receipt", "--order", "app.order"))


def test():
    app, second, third = launches("app", "second", "third")
    test_evidence(app, second)
    test_record(app)
    test_provider(second)
    test_receipt()
    test_client()
    fresh = Launch("fresh", app.machine)
    test_epoch(app)
    test_machine(fresh)
    test_policy()
    ok(third.digest != app.digest, "each launch has a receipt of its own")


main(test)
