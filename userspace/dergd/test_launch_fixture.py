# SPDX-License-Identifier: GPL-2.0-only
"""Launches with the command-line tools alone, for their tests; the machine is played here.

The provider asks for no quotes (dergctl init --open-mode), so that dergctl answers for releases.
What a document says is read from it here by offsets and with openssl, not by the tools.
"""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import traceback

from test_http_fixture import ADMIN, CUSTOMER, DIR, certificate, done, note, ok
from test_api_machine import HOST_ALL, Machine, b64, raw
from test_api_provider import BUILD, package, provider, run

GOOD, INTERNAL, USAGE, REFUSED, NOT_FOUND = 0, 1, 2, 3, 4
CERT = "derg/receipt-cert.der"


def path(name):
    return f"{DIR}/{name}"


def read(name):
    with open(path(name), "rb") as f:
        return f.read()


def write(name, data):
    with open(path(name), "wb") as f:
        f.write(data)
    return name


def flip(data, at):
    """@data with one bit of byte @at turned"""
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


def tool(*args, env=None, stdin=b"", stdout=subprocess.PIPE):
    """A program of this build in DIR; dergctl's DERG is the one there."""
    args = [f"{BUILD}/{args[0]}"] + (["--dir", "derg"] if args[0] == "dergctl" else []) + list(
        args[1:])
    return subprocess.run(args, cwd=DIR, check=False, input=stdin, stdout=stdout,
                          stderr=subprocess.PIPE, env={**os.environ, **(env or {})})


def says(got):
    return f"{got.returncode} {got.stdout!r} {got.stderr!r}"


def good(name, got, *texts):
    """It succeeded, complained of nothing, and said each of @texts."""
    if not ok(got.returncode == GOOD and not got.stderr and
              all(t.encode() in got.stdout for t in texts), name):
        note(says(got))
    return got


def bad(name, status, code, got, text=""):
    """One line: the program, @text, @code in brackets at its end; and just that status."""
    lines = got.stderr.decode().splitlines()
    program = os.path.basename(got.args[0])
    end = f" ({code})" if status != USAGE else ""
    if not ok(got.returncode == status and len(lines) == 1 and lines[0].endswith(end) and
              lines[0].startswith(program + ": ") and text in lines[0],
              f"{name}: {status} {code}"):
        note(says(got))
    return got


def full(*args):
    """With a standard output that takes nothing."""
    with open("/dev/full", "wb") as out:
        return tool(*args, stdout=out)


def content(name, cert="derg-cert.pem"):
    """What a signed file says, once openssl has found its signature good."""
    return subprocess.run(("openssl", "cms", "-verify", "-binary", "-noverify", "-inform", "DER",
                           "-in", path(name), "-certfile", path(cert)), check=True,
                          capture_output=True).stdout


def digest(name, cert="derg-cert.pem"):
    return hashlib.sha256(content(name, cert)).digest()


class Launch:
    """@name.statement, .ewc, .order and .receipt, of app.payload unless seal() made another."""

    def __init__(self, name, machine):
        self.name, self.machine, self.secret = name, machine, None
        run("dergctl", "--dir", "derg", "derive", "--machine", "machine.der", "--manifest",
            "app.manifest", "-o", f"{name}.statement")
        package(read(f"{name}.statement"), name)
        run("dergctl", "--dir", "derg", "receipt", "--statement", f"{name}.statement", "--order",
            f"{name}.order", "--customer-cert", "order.pem", "--ewc", f"{name}.ewc", "-o",
            f"{name}.receipt")
        self.digest = digest(f"{name}.receipt")

    def request(self):
        return json.dumps({"receipt": b64(read(f"{self.name}.receipt")),
                           "session_key": b64(raw(self.machine.session.public_key())),
                           "boot_key": b64(raw(self.machine.boot.public_key())),
                           "host_state": HOST_ALL}).encode()

    def release(self):
        got = tool("dergctl", "provider", "release", stdin=self.request())
        if got.returncode:
            raise RuntimeError(says(got))
        release = base64.b64decode(json.loads(got.stdout)["release"])
        self.secret = self.machine.open(release, self.digest)

    def end(self, name=None):
        """The module's evidence, @name.evidence"""
        end = self.machine.end(b"", self.digest, self.secret)
        return write(f"{name or self.name}.evidence", base64.b64decode(end["evidence"]))


def launches(*names):
    """A provider, a customer, a machine, and a launch for each name."""
    for one in (ADMIN, CUSTOMER):
        certificate(one, "-days", "2")
    provider("--open-mode")
    subprocess.run(("openssl", "x509", "-inform", "DER", "-in", path(CERT), "-out",
                    path("derg-cert.pem")), check=True)
    machine = Machine()
    write("machine.der", machine.spki)
    return [Launch(name, machine) for name in names]


def main(test):
    """Runs it, and ends the program."""
    try:
        test()
    except Exception as e:      # what is broken is said
        note(traceback.format_exc())
        ok(False, f"went through: {e!r}")
    finally:
        shutil.rmtree(DIR, ignore_errors=True)
    sys.exit(done())
