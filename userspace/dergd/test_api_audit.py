# SPDX-License-Identifier: GPL-2.0-only
"""ewc fetch and ewc audit as a customer runs them: what they print, and with which status.

Each alteration that a file alone can have is made once, and must be the BAD row of its own check.
What takes a provider that signs or logs a lie is in test_attested_lies.c.
"""
import base64
import copy
import http.server
import json
import os
import ssl
import subprocess
import threading

from test_http_fixture import CUSTOMER, DIR, note, ok, openssl
from test_api_machine import b64
from test_api_provider import BUILD

GOOD, USAGE, REFUSED, NOT_FOUND = 0, 2, 3, 4
CONFIG = {"EWC_CONFIG": f"{DIR}/ewc.conf"}
ABSENT = ("endorsement",)       # a software key is endorsed by nobody


def ewc(*args, env=None):
    return subprocess.run((f"{BUILD}/ewc", *args), cwd=DIR, capture_output=True, check=False,
                          env={**os.environ, **(env or {})})


def write(name, data):
    with open(f"{DIR}/{name}", "wb") as out:
        out.write(data)
    return name


def flip(text, at):
    data = bytearray(base64.b64decode(text))
    data[at] ^= 1
    return b64(data)


def flipped(name, at):
    return lambda b: b.update({name: flip(b[name], at)})


def entry_flipped(name, at):
    return lambda b: b["entries"][-1].update({name: flip(b["entries"][-1][name], at)})


# check, code, what is done to the bundle
FORGED = (
    ("bundle", "bundle-unknown", lambda b: b.update({"more": 1})),
    ("statement", "cms-signature", flipped("statement", -1)),
    ("receipt", "cms-signature", flipped("receipt", -1)),
    ("order", "cms-signature", flipped("order", -1)),
    ("derivation", "audit-tenant", lambda b: b.update({"tenant": "other"})),
    ("machine", "audit-enrolment", flipped("enrolment", 20)),
    ("policy", "policy-none", lambda b: b.pop("policy")),
    ("destruction", "cms-signature", flipped("destruction", -1)),
    ("destruction", "audit-destruction", lambda b: b.pop("destruction")),
    ("checkpoint", "note-signature", lambda b: b.update(
        {"checkpoint": b["checkpoint"].replace("\n", "\n9", 1)})),
    ("history", "log-consistency", lambda b: b["history"]["proof"].pop()),
    ("history", "audit-history", lambda b: b.pop("history")),
    ("inclusion", "log-inclusion", entry_flipped("entry", -1)),
    ("inclusion", "log-commitment", entry_flipped("content", 3)),
    ("logged", "audit-not-in-log", lambda b: b["entries"].pop()),
    ("chain", "log-gap", lambda b: b["chain"].pop(len(b["chain"]) // 2)),
    ("chain", "audit-chain", lambda b: b["chain"].pop()),
)


class Audit:
    """One launch; @options say what its bundle is held against."""

    def __init__(self, server, receipt):
        write("app.receipt", receipt)
        write("ewc.conf", (
            f"derg = https://127.0.0.1:{server.port}\nca = {DIR}/server.pem\ntenant = default\n"
            f"client_cert = {DIR}/{CUSTOMER}.pem\nclient_key = {DIR}/{CUSTOMER}.key\n").encode())
        self.options = {"--cert": "derg/receipt-cert.der", "--ewc": "app.ewc",
                        "--customer-cert": "order.pem"}

    def fetch(self, name, *options):
        return ewc("fetch", *options, "app.receipt", "-o", name, env=CONFIG)

    def run(self, bundle, *flags, **other):
        options = {**self.options, **{"--" + k.replace("_", "-"): v for k, v in other.items()}}
        return ewc("audit", *[x for o in options.items() for x in o], *flags, bundle)

    def rows(self, bundle, **other):
        done = self.run(bundle, "--json", **other)
        return done, {r["check"]: r for r in json.loads(done.stdout or "[]")}

    def bad(self, name, check, code, bundle, **other):
        """Refused, and by this check for this reason."""
        done, rows = self.rows(bundle, **other)
        row = rows.get(check, {})
        verdict = "missing" if code in ("policy-none", "audit-destruction") else "BAD"
        if not ok(done.returncode == REFUSED and row.get("verdict") == verdict and
                  row.get("code") == code, f"audit: {name}: {check} is {verdict}, {code}"):
            note(f"{done.returncode} {row} {done.stderr}")


def test_audit(server, receipt):
    a = Audit(server, receipt)
    ok(a.fetch("app.audit").returncode == GOOD, "ewc fetch: the bundle of a launch")
    done = a.run("app.receipt")
    ok(done.returncode == GOOD and done.stdout.endswith(b"\nThe chain holds.\n") and
       not done.stderr and b"BAD" not in done.stdout, "ewc audit: the chain holds; .receipt names it")
    os.rename(f"{DIR}/app.audit", f"{DIR}/kept.audit")
    return a


class Liar(http.server.BaseHTTPRequestHandler):
    """A DERG that has one answer, whatever it is asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):       # pylint: disable=invalid-name
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    do_POST = do_GET

    def log_message(self, *_):
        pass


def lied_to(answer, call):
    """What @call makes of an answer, which it gets from the address that it is called with."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Liar)
    server.answer = json.dumps(answer).encode()
    ctx = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ctx.load_cert_chain(f"{DIR}/server.pem", f"{DIR}/server.key")
    server.socket = ctx.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    done = call(f"https://127.0.0.1:{server.server_port}")
    thread.join()
    server.server_close()
    return done


def fetch_from_liar(a, answer):
    done = lied_to(answer, lambda url: a.fetch("liar.audit", "--derg", url))
    written = os.path.exists(f"{DIR}/liar.audit")
    if written:
        os.unlink(f"{DIR}/liar.audit")
    return done, written


def test_launch(a, bundle, other_receipt):
    """A provider that answers with another launch than was asked about."""
    done, written = fetch_from_liar(a, bundle)
    ok(done.returncode == GOOD and written, "fetch: the bundle of this launch")
    done, written = fetch_from_liar(a, {**bundle, "receipt": b64(other_receipt)})
    if not ok(done.returncode == REFUSED and done.stderr.endswith(b" (audit-launch)\n") and
              done.stderr.count(b"\n") == 1 and not written, "of another one: nothing is written"):
        note(done.stderr)
    for receipt in ("!", b64(b"x")):
        done, written = fetch_from_liar(a, {**bundle, "receipt": receipt})
        ok(done.returncode not in (GOOD, USAGE) and done.stderr and not written,
           "of none: nothing is written")
    write("second.receipt", other_receipt)
    write("second.audit", json.dumps(bundle).encode())
    for name in ("second.receipt", "second.audit"):
        a.bad(f"{name}, beside another launch's", "launch", "audit-launch", name)
    a.bad("--receipt names it", "launch", "audit-launch", "app.audit", receipt="second.receipt")
    done, rows = a.rows("second.audit", receipt="app.receipt")
    ok(done.returncode == GOOD and rows["launch"]["verdict"] == "good",
       "--receipt is what counts, and not what is beside the bundle")
    write("alone.audit", json.dumps(bundle).encode())
    done, rows = a.rows("alone.audit")
    ok(done.returncode == GOOD and rows["launch"]["verdict"] == "missing" and
       rows["container"]["verdict"] == "good", "without a receipt the container must be given")
    done = ewc("audit", "--cert", a.options["--cert"], "alone.audit")
    ok(done.returncode == USAGE and b"--receipt" in done.stderr and not done.stdout,
       "with neither there is no audit")
    done = a.run("alone.audit", receipt="none.receipt")
    ok(done.returncode == NOT_FOUND, "a receipt that was named must be there")
    done = a.run("app.receipt", receipt="app.receipt")
    ok(done.returncode == USAGE, "and is named once")


def test_machine(bundle):
    """A provider that answers with a key statement for another machine than was asked for."""
    done = lied_to({"statement": bundle["statement"]}, lambda url: ewc(
        "pack", "--derg", url, "--manifest", "template.json", "--machine", "0" * 64,
        "--order-cert", "order.pem", "--order-key", "order.key", "--cert", "derg/receipt-cert.der",
        "-o", "lied.ewc", "root", env=CONFIG))
    if not ok(done.returncode == REFUSED and done.stderr.endswith(b" (statement-machine)\n") and
              not os.path.exists(f"{DIR}/lied.ewc"), "pack: for another machine nothing is sealed"):
        note(done.stderr)


def test_audit_later(a, other_receipt):
    """The log has grown since."""
    ok(a.fetch("app.audit", "--since", "kept.audit").returncode == GOOD, "fetch --since a bundle")
    with open(f"{DIR}/kept.audit") as f:
        kept = json.load(f)["checkpoint"]
    write("kept.note", kept.encode())
    ok(a.fetch("app.audit", "--since", "kept.note").returncode == GOOD, "or a checkpoint")
    since = {"since": "kept.note"}
    done, rows = a.rows("app.audit", **since)
    if not ok(done.returncode == GOOD and len(rows) == 21 and
              {r["verdict"] for n, r in rows.items() if n not in ABSENT} == {"good"},
              "every check holds, and the log goes on from what was kept"):
        note(done.stdout.decode())
    with open(f"{DIR}/app.audit") as f:
        bundle = json.load(f)
    for check, code, alter in FORGED:
        forged = copy.deepcopy(bundle)
        alter(forged)
        write("forged.audit", json.dumps(forged).encode())
        a.bad("an altered bundle", check, code, "forged.audit", **since)
    done = a.run("forged.audit")
    ok(done.returncode == REFUSED and done.stdout.endswith(b"\nThe chain does not hold.\n") and
       b"\nchain        BAD " in done.stdout, "as text, too")
    test_launch(a, bundle, other_receipt)
    test_machine(bundle)
    forged = {**bundle, "receipt": b64(other_receipt)}
    write("forged.audit", json.dumps(forged).encode())
    a.bad("another launch's receipt", "derivation", "receipt-statement", "forged.audit")
    a.bad("another launch's container", "container", "receipt-ewc", "app.audit", ewc="second.ewc")
    openssl("req", "-x509", "-newkey", "rsa:3072", "-nodes", "-keyout", "x.key", "-out", "x.pem",
            "-days", "2", "-subj", "/CN=x", "-addext", "subjectKeyIdentifier=hash")
    a.bad("another customer", "customer", "audit-customer", "app.audit", customer_cert="x.pem")
    a.bad("another provider", "receipt", "cms-signer", "app.audit", cert="x.pem")
    write("forged.note", kept.replace("\n", "\n1", 1).encode())
    a.bad("a checkpoint of nobody", "history", "note-signature", "app.audit", since="forged.note")
    os.rename(f"{DIR}/app.audit", f"{DIR}/newer.audit")
    a.bad("a log that was cut", "history", "log-consistency", "kept.audit", since="newer.audit")

    for name, status, done in (
            ("no such bundle", NOT_FOUND, a.run("none.audit")),
            ("no such checkpoint", NOT_FOUND, a.run("newer.audit", since="none.audit")),
            ("no certificate named", USAGE, ewc("audit", "newer.audit")),
            ("two bundles", USAGE, a.run("newer.audit", "newer.audit")),
            ("fetch of nothing", NOT_FOUND, ewc("fetch", "--derg", "https://127.0.0.1:1", "none",
                                                "-o", "x.audit")),
            ("fetch: another tenant's", REFUSED, a.fetch("x.audit", "--tenant", "other")),
            ("pack for a machine that nobody knows", NOT_FOUND, ewc(
                "pack", "--manifest", "template.json", "--machine", "0" * 64, "--order-cert",
                "order.pem", "--order-key", "order.key", "root", "-o", "x.ewc", env=CONFIG)),
            ("fetch: a checkpoint that is none", REFUSED, a.fetch("x.audit", "--since", "app.ewc")),
            ("fetch: the log never had that size", REFUSED,
             a.fetch("x.audit", "--since", "forged.note"))):
        if not ok(done.returncode == status and done.stderr.startswith(b"ewc: ") and
                  not os.path.exists(f"{DIR}/x.audit"), f"{name}: status {status}"):
            note(f"{done.returncode} {done.stderr}")
