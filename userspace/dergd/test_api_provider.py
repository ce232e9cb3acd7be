# SPDX-License-Identifier: GPL-2.0-only
"""A provider and a customer, made with the real tools, for the tests of dergd's API."""
import json
import os
import shutil
import subprocess
import sys

import test_http_fixture as fixture
from test_http_fixture import ADMIN, CUSTOMER, DIR

BUILD = sys.argv[1]
T = "/v1/tenants/default"


def run(*args):
    done_ = subprocess.run((f"{BUILD}/{args[0]}", *args[1:]), cwd=DIR, capture_output=True,
                           check=False)
    if done_.returncode:
        raise RuntimeError(f"{args}: {done_.stderr.decode()}")
    return done_.stdout.decode()


def package(statement, name):
    """The customer's side, with the real tool: envelope and order."""
    with open(f"{DIR}/{name}.statement", "wb") as out:
        out.write(statement)
    run("ewc", "seal", "--statement", f"{name}.statement", "--cert", "derg/receipt-cert.der",
        "--payload", "app.payload", "--key", "app.key", "--manifest", "app.manifest",
        "-o", f"{name}.ewc")
    run("ewc", "order", "--statement", f"{name}.statement", "--ewc", f"{name}.ewc", "--key",
        "order.key", "--cert", "order.pem", "-o", f"{name}.order")
    parts = []
    for kind in ("ewc", "order"):
        with open(f"{DIR}/{name}.{kind}", "rb") as f:
            parts.append(f.read())
    return parts


def provider(*options):
    """@options of dergctl init"""
    fixture.openssl("req", "-x509", "-newkey", "rsa:3072", "-nodes", "-keyout", "order.key",
                    "-out", "order.pem", "-days", "2", "-subj", "/CN=order", "-addext",
                    "subjectKeyIdentifier=hash")
    run("dergctl", "--dir", f"{DIR}/derg", "init", "--log-name", "example.org/erot", *options)
    run("dergctl", "--dir", f"{DIR}/derg", "client", "add", "--admin", "--label", "ops",
        f"{ADMIN}.pem")
    run("dergctl", "--dir", f"{DIR}/derg", "client", "add", "--tenant", "default", "--label",
        "build", "--order-cert", "order.pem", f"{CUSTOMER}.pem")
    os.makedirs(f"{DIR}/root/bin")
    shutil.copy("/bin/true", f"{DIR}/root/bin/true")
    with open(f"{DIR}/template.json", "w") as out:
        json.dump({"process": {"args": ["/bin/true"], "cwd": "/"}, "root": {"readonly": True},
                   "linux": {"resources": {"memory": {"limit": 1 << 24}, "pids": {"limit": 4}}},
                   "erot": {"maxRuntime": 60}}, out)
    run("ewc", "prepare", "--manifest", "template.json", "--key", "app.key", "--finished",
        "app.manifest", "root", "-o", "app.payload")
