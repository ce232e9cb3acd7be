# SPDX-License-Identifier: GPL-2.0-only
"""The API of dergd against Documentation/openapi.yaml, over the wire: TAP on standard output.

    test_api.py BUILD       directory with dergd, dergctl, erot-hsm and ewc

The routes are the same on both sides; every answer is of the described schema; every request that
the schema forbids is refused. In between a whole launch, its machine played here with a software
key: enrolment, statement, receipt, release, evidence, bundle.
"""
import base64
import json
import os
import shutil
import ssl
import subprocess
import sys
import traceback

sys.dont_write_bytecode = True

from test_http_fixture import (ADMIN, CUSTOMER, DIR, LIMIT, STRANGER, Server,               # noqa: E402
                               certificate, der, done, fingerprint, note, ok, refused, request)
from test_api_document import (API, mutations, objects, operations, pattern_of,      # noqa: E402
                               resolve, valid)
from test_api_machine import Machine, b64                                        # noqa: E402
from test_api_audit import test_audit, test_audit_later                             # noqa: E402
from test_api_provider import BUILD, T, package, provider, run                       # noqa: E402

# ---- requests

COVERED = set()


def call(s, method, path, body=None, client=None, want=200, name=None, described=True):
    """One request; request and answer are held against the document."""
    item = API["paths"][pattern_of(path)]
    operation = item[method.lower()]
    a = request(s, method, path, client=client,
                body=None if body is None else json.dumps(body))
    name = name or f"{method} {path.replace(T, '')[:60]}"
    good = a.status == want
    why = f"{a.status} {a.body[:300]}"
    if body is not None and described:
        node = resolve(operation["requestBody"])["content"]["application/json"]["schema"]
        wrong = valid(body, node)
        good, why = good and not wrong, wrong or why
    responses = operation["responses"]
    response = resolve(responses.get(str(a.status), responses["default"]))
    kind = a.headers.get("content-type", "").split(";")[0]
    if str(a.status) in responses and not response.get("content"):
        good = good and not a.body
    elif kind not in response["content"]:
        good, why = False, f"content type {kind}"
    elif a.json is not None:
        wrong = valid(a.json, response["content"][kind]["schema"])
        good, why = good and not wrong, wrong or why
    if a.status < 300:
        COVERED.add((method, pattern_of(path)))
    if not ok(good, f"{name}: {want}"):
        note(why)
    return a


# ---- tests

def test_routes():
    have = {}
    for line in run("dergd", "--routes").splitlines():
        method, path, role, body = line.split()
        have[method, path] = (role, int(body))
    want = {}
    for method, path, operation in operations():
        want[method, path] = (operation["x-role"], operation.get("x-body-max", 0))
    for key in sorted(set(have) | set(want)):
        if have.get(key) != want.get(key):
            note(f"{key}: server {have.get(key)}, document {want.get(key)}")
    ok(len(have) > 20 and have == want, f"{len(have)} routes, roles and largest bodies agree")
    for method, path, operation in operations():
        names = {resolve(p)["name"] for p in
                 API["paths"][path].get("parameters", []) + operation.get("parameters", [])
                 if resolve(p)["in"] == "path"}
        written = {p[1:-1] for p in path.split("/") if p.startswith("{")}
        if names != written:
            ok(False, f"parameters of {method} {path}")
        public = operation["x-role"] in ("none", "machine")
        if public != (operation.get("security") == []):
            ok(False, f"security of {method} {path}")


def test_document():
    loose = []
    for method, path, operation in operations():
        nodes = [resolve(operation["requestBody"])] if "requestBody" in operation else []
        nodes += [resolve(r) for r in operation["responses"].values()]
        for node in nodes:
            for media in node.get("content", {}).values():
                loose += [f"{method} {path} {p}" for p, o in objects(media["schema"])
                          if "additionalProperties" not in o]
        if "default" not in operation["responses"]:
            loose.append(f"{method} {path}: no default")
    if not ok(not loose, "no object of the document is open"):
        note("\n".join(loose))
    # the check itself can fail
    ok(valid({"status": "ok", "entries": 1, "x": 1}, API["paths"]["/healthz"]["get"]["responses"][
        "200"]["content"]["application/json"]["schema"]) and
       valid("AA=", API["components"]["schemas"]["Base64"]), "the validator refuses")


def test_forbidden(s, samples):
    """Whatever the document forbids in a body the server refuses."""
    seen = 0
    for method, path, operation in operations():
        if "requestBody" not in operation:
            continue
        real, body = samples[method, path]
        node = resolve(operation["requestBody"])["content"]["application/json"]["schema"]
        wrong = []
        for bad, code, name in mutations(body, node):
            if not valid(bad, node):
                wrong.append(f"{name}: the document allows it")
            a = request(s, method, real, body=json.dumps(bad), client=ADMIN)
            if a.status != 400 or a.code != code:
                wrong.append(f"{name}: {a.status} {a.code}, not 400 {code}")
            seen += 1
        if not ok(not wrong, f"forbidden bodies of {method} {path}"):
            note("\n".join(wrong))
    ok(seen > 100, f"{seen} forbidden bodies")


def test_roles(s):
    """Each route refuses whoever its role excludes."""
    wrong = []
    for method, path, operation in operations():
        real = path.replace("{tenant}", "default").replace("{epoch}", "1").replace(
            "{tile}", "000")
        for name in ("machine", "statement", "receipt", "client"):
            real = real.replace("{" + name + "}", "0" * 64)
        wants = {"customer": {None: "client-missing", STRANGER: "client-unknown"},
                 "admin": {None: "client-missing", STRANGER: "client-unknown",
                           CUSTOMER: "client-role"}}.get(operation["x-role"], {})
        for client, code in wants.items():
            a = request(s, method, real, client=client)
            if a.status != 403 or a.code != code:
                wrong.append(f"{method} {real} by {client}: {a.status} {a.code}, not {code}")
        if wants:
            a = request(s, method, real.replace("/default", "/other"), client=CUSTOMER)
            code = "client-tenant" if operation["x-role"] == "customer" else "client-role"
            if a.status != 403 or a.code != code:
                wrong.append(f"{method} {real} of another tenant: {a.status} {a.code}")
    if not ok(not wrong, "every role is asked for"):
        note("\n".join(wrong))


def test_public(s):
    a = call(s, "GET", "/healthz")
    ok(a.json["status"] == "ok", "healthy")
    a = call(s, "GET", "/v1/certificates")
    with open(f"{DIR}/derg/receipt-cert.der", "rb") as f:
        ok(ssl.PEM_cert_to_DER_cert(a.json["receipt"]) == f.read() and
           a.json["log"].startswith("example.org/erot+"), "the certificate and the log's key")
    call(s, "GET", "/metrics")
    a = call(s, "GET", "/v1/log/checkpoint")
    size = int(a.body.decode().splitlines()[1])
    ok(a.body.startswith(b"example.org/erot\n") and size >= 1, "a checkpoint")
    call(s, "GET", f"/v1/log/tile/0/000.p/{size}")
    a = call(s, "GET", f"/v1/log/tile/entries/000.p/{size}")
    ok(a.headers["cache-control"].startswith("public"), "tiles may be kept")
    call(s, "GET", "/v1/log/tile/0/001", want=404)
    call(s, "GET", "/v1/log/tile/x", want=400)


def test_admin(s):
    policy = json.dumps({"version": 1, "bank": "sha256", "pcrs": {}, "moduleVersions": ["0.1"],
                         "hostState": [], "hardwareKeys": ["software"],
                         "eventLog": "optional"}).encode()
    refused(call(s, "GET", T + "/policy", client=ADMIN, want=404), 404, "policy-none",
            "no policy yet")
    a = call(s, "PUT", T + "/policy", {"policy": b64(policy)}, ADMIN)
    ok(base64.b64decode(a.json["policy"]) == policy, "a policy, as it was given")
    ok(call(s, "GET", T + "/policy", client=ADMIN).json == a.json, "the same again")
    call(s, "PUT", T + "/policy", {"policy": b64(b"{}")}, ADMIN, 400)
    a = call(s, "GET", T + "/epochs", client=ADMIN)
    ok([e["state"] for e in a.json["epochs"]] == ["active"], "one epoch")
    a = call(s, "POST", T + "/epochs", {}, ADMIN, 201)
    ok(a.json["epoch"] == 2, "a second one")
    a = call(s, "POST", T + "/epochs/2/drain", {}, ADMIN)
    ok(a.json["state"] == "draining", "draining")
    a = call(s, "POST", T + "/epochs/2/destroy", {"force": False}, ADMIN)
    ok(a.json["state"] == "destroyed", "destroyed")
    call(s, "POST", T + "/epochs/9/drain", {}, ADMIN, 404)
    call(s, "POST", T + "/epochs/x/drain", {}, ADMIN, 400)
    body = {"certificate": b64(der(STRANGER)), "role": "customer", "label": "new"}
    a = call(s, "POST", T + "/clients", body, ADMIN, 201)
    ok(a.headers["location"] == f"{T}/clients/{fingerprint(STRANGER)}", "its place")
    refused(call(s, "POST", T + "/clients", body, ADMIN, 409), 409, "client-exists",
            "the same client again")
    # the version's length in two bytes, for which all lengths around it grow by one
    ber = bytearray(der(CUSTOMER))
    ok(ber[:2] == ber[4:6] == b"\x30\x82" and ber[8:10] == b"\xa0\x03", "a certificate of version 3")
    ber[9:9] = b"\x81"
    for at in (2, 6):
        ber[at:at + 2] = (int.from_bytes(ber[at:at + 2], "big") + 1).to_bytes(2, "big")
    refused(call(s, "POST", T + "/clients", dict(body, orderCertificate=b64(bytes(ber))), ADMIN,
                 400), 400, "certificate", "a certificate for orders that is not in DER")
    refused(call(s, "POST", T + "/clients", dict(body, orderCertificate=b64(der(CUSTOMER))), ADMIN,
                 400), 400, "certificate", "one for orders of P-256")
    call(s, "GET", T + "/machines", client=STRANGER)
    ok({c["client"] for c in call(s, "GET", T + "/clients", client=ADMIN).json["clients"]} ==
       {fingerprint(STRANGER), fingerprint(CUSTOMER)}, "both customers")
    call(s, "DELETE", f"{T}/clients/{fingerprint(STRANGER)}", client=ADMIN, want=204)
    refused(call(s, "GET", T + "/machines", client=STRANGER, want=403), 403, "client-unknown",
            "who was forgotten")
    call(s, "DELETE", f"{T}/clients/{fingerprint(STRANGER)}", client=ADMIN, want=404)
    return {("PUT", "policy"): {"policy": b64(policy)}, ("POST", "clients"): body}


def enrol(s, machine):
    a = call(s, "POST", T + "/machines", {"softwareKey": b64(machine.spki)}, want=201)
    ok(a.json["id"] == machine.id and a.headers["location"] == f"{T}/machines/{machine.id}",
       "a machine's id is the digest of its key")
    secret = {"secret": b64(machine.prove(base64.b64decode(a.json["secret"])))}
    a = call(s, "POST", f"{T}/machines/{machine.id}/activation", secret)
    a = call(s, "GET", f"{T}/machines/{machine.id}", client=CUSTOMER)
    ok(a.json["state"] == "enrolled" and a.json["software"], "enrolled")
    refused(call(s, "POST", T + "/machines", {"softwareKey": b64(machine.spki)}, want=409), 409,
            "machine-enrolled", "enrolled twice")
    return secret


def test_launch(s, machine):
    with open(f"{DIR}/app.manifest", "rb") as f:
        want = {"machine": machine.id, "manifest": b64(f.read())}
    a = call(s, "POST", T + "/statements", want, CUSTOMER, 201)
    statement, digest = base64.b64decode(a.json["statement"]), a.json["digest"]
    ok("proof" in a.json and a.headers["location"] == f"{T}/statements/{digest}", "its proof")
    ok(call(s, "GET", f"{T}/statements/{digest}", client=CUSTOMER).json["statement"] ==
       a.json["statement"], "the same statement")
    call(s, "GET", f"{T}/keys/{digest}", client=CUSTOMER)
    refused(call(s, "GET", f"{T}/statements/{'0' * 64}", client=CUSTOMER, want=404), 404,
            "statement-unknown", "a statement that was never made")
    envelope, order = package(statement, "app")
    order_body = {"statement": b64(statement), "order": b64(order), "envelope": b64(envelope)}
    a = call(s, "POST", T + "/receipts", order_body, CUSTOMER, 201)
    receipt, rid = base64.b64decode(a.json["receipt"]), a.json["digest"]
    ok(call(s, "POST", T + "/receipts", order_body, CUSTOMER, 201).json["receipt"] ==
       a.json["receipt"], "the same order, the same receipt")
    ok(call(s, "GET", f"{T}/receipts/{rid}", client=CUSTOMER).json["state"] == "ready", "ready")

    a = call(s, "POST", f"{T}/machines/{machine.id}/challenges", {}, want=201)
    body = machine.release(receipt, bytes.fromhex(rid), base64.b64decode(a.json["challenge"]))
    dry = call(s, "POST", T + "/releases?dryRun=true", body)
    if not ok(dry.json["wouldRelease"] and all(c["verdict"] == "ok" for c in dry.json["checks"]),
              f"a dry run, {len(dry.json['checks'])} checks"):
        note(dry.json)
    forged = {**body, "challenge": b64(bytes(32))}
    dry = call(s, "POST", T + "/releases?dryRun=true", forged)
    ok(not dry.json["wouldRelease"] and [c for c in dry.json["checks"] if c.get("code")],
       "a dry run that says why not")
    a = call(s, "POST", T + "/releases", forged, want=403)
    signature = base64.b64decode(body["signature"])
    forged = {**body, "signature": b64(signature[:-1] + bytes([signature[-1] ^ 1]))}
    refused(call(s, "POST", T + "/releases", forged, want=403), 403, "softkey-signature",
            "not signed by the machine")
    ok(call(s, "GET", f"{T}/receipts/{rid}", client=CUSTOMER).json["state"] == "ready",
       "neither has spent the receipt")
    a = call(s, "POST", T + "/releases", body)
    secret = machine.open(base64.b64decode(a.json["release"]), bytes.fromhex(rid))
    ok(secret is not None, "what is released opens with both keys")
    ok(call(s, "POST", T + "/releases", body).json["release"] == a.json["release"],
       "again: the same, byte for byte")
    ok(call(s, "GET", f"{T}/receipts/{rid}", client=CUSTOMER).json["state"] == "released",
       "released")
    refused(call(s, "POST", f"{T}/receipts/{rid}/revocation", {"reason": "late"}, CUSTOMER, 403),
            403, "receipt-spent", "too late to revoke")
    end = machine.end(receipt, bytes.fromhex(rid), secret)
    bad = {**end, "evidence": b64(base64.b64decode(end["evidence"])[:-1] + b"\0")}
    refused(call(s, "POST", T + "/terminations", bad, want=403), 403, "evidence-mac",
            "forged evidence")
    bad = {**end, "signature": body["signature"]}
    refused(call(s, "POST", T + "/terminations", bad, want=403), 403, "softkey-signature",
            "evidence that the machine did not sign")
    refused(call(s, "GET", f"{T}/destructions/{rid}", client=CUSTOMER, want=404), 404,
            "destruction-unknown", "no destruction record yet")
    a = call(s, "POST", T + "/terminations", end)
    ok(call(s, "GET", f"{T}/destructions/{rid}", client=CUSTOMER).json == a.json,
       "the destruction record")
    ok(call(s, "GET", f"{T}/receipts/{rid}", client=CUSTOMER).json["state"] == "ended", "ended")
    call(s, "GET", f"{T}/receipts/{rid}/bundle", client=CUSTOMER)
    a = call(s, "GET", f"{T}/receipts/{rid}/bundle?since=3", client=CUSTOMER)
    ok(a.json["history"]["size"] == 3 and a.json["history"]["proof"], "with the log's history")
    refused(call(s, "GET", f"{T}/receipts/{rid}/bundle?since=x", client=CUSTOMER, want=400), 400,
            "query", "since what is no number")
    refused(call(s, "GET", f"{T}/receipts/{rid}/bundle?since=99999", client=CUSTOMER, want=400),
            400, "log-index", "since what never was")
    test_memory(s, secret, raw_key(call(s, "GET", "/v1/certificates").json["log"]))
    return want, order_body, body, end, receipt, rid


def memory_has(pid, needles):
    """Which of some byte strings stand anywhere in a process's memory."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            start, end = (int(x, 16) for x in span.split("-"))
            if not rights.startswith("r") or "[v" in line:
                continue
            try:
                mem.seek(start)
                data = mem.read(end - start)
            except OSError:
                continue
            found |= {name for name, needle in needles.items() if needle in data}
    return found


def raw_key(vkey):
    """The 32 bytes of a verifier key."""
    return base64.b64decode(vkey.split("+", 2)[2])[1:]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(x) for x in f.read().split()]


def test_memory(s, secret, known):
    """No half of a released key is left, neither as it was sealed nor as X25519 clamps it."""
    clamped = bytes([secret[0] & 248]) + secret[1:31] + bytes([secret[31] & 127 | 64])
    needles = {"known": known, "first half": secret[:16], "second half": secret[16:],
               "clamped, first": clamped[:16], "clamped, second": clamped[16:]}
    found = memory_has(s.process.pid, needles)
    ok(found == {"known"}, f"no released key in dergd, where the search finds what it has: {found}")
    helper = children(s.process.pid)
    found = memory_has(helper[0], {**needles, "known": b"pin-source"})
    ok(len(helper) == 1 and found == {"known"}, f"nor in the HSM helper: {found}")


def test_revocations(s, machine, want):
    a = call(s, "POST", T + "/statements", want, CUSTOMER, 201)
    envelope, order = package(base64.b64decode(a.json["statement"]), "second")
    a = call(s, "POST", T + "/receipts", {"statement": a.json["statement"], "order": b64(order),
                                          "envelope": b64(envelope)}, CUSTOMER, 201)
    receipt = base64.b64decode(a.json["receipt"])
    a = call(s, "POST", f"{T}/receipts/{a.json['digest']}/revocation", {"reason": "a mistake"},
             CUSTOMER)
    ok(a.json["state"] == "revoked", "a receipt is revoked")
    a = call(s, "POST", f"{T}/machines/{machine.id}/revocation", {"reason": "sold"}, ADMIN)
    ok(a.json["state"] == "revoked", "a machine is revoked")
    refused(call(s, "POST", T + "/statements", want, CUSTOMER, 403), 403, "machine-revoked",
            "nothing is derived for it")
    ok(call(s, "GET", T + "/machines", client=CUSTOMER).json["machines"][0]["state"] ==
       "revoked", "it stays in the list")
    return receipt


def test_helper(s):
    """Without the HSM helper the service ends, and says so, to be started anew."""
    helper = children(s.process.pid)
    ok(len(helper) == 1, "one child, the HSM helper")
    os.kill(helper[0], 9)
    ok(s.process.wait(LIMIT * 2) == 1 and "code=hsm-helper" in s.log(),
       "ends when its helper has ended")


def test_check():
    def check(conf):
        with open(f"{DIR}/check.conf", "w") as out:
            out.write(conf)
        got = subprocess.run((f"{BUILD}/dergd", "--check", f"{DIR}/check.conf"),
                             capture_output=True, check=False)
        return got.returncode, got.stderr.decode()

    good = (f"listen = 127.0.0.1:0\ncertificate = {DIR}/server.pem\nkey = {DIR}/server.key\n"
            f"directory = {DIR}/derg\n")
    ok(check(good) == (0, ""), "a good configuration")
    code, text = check(good + "\n# more\nidle_timeout = 0\n")
    ok(code == 2 and f"config-value: {DIR}/check.conf:7: idle_timeout must be" in text,
       "a bad value, with its line")
    code, text = check(good.replace("/derg\n", "/none\n"))
    ok(code == 2 and "not-found" in text, "a directory that is no DERG's")
    with open(f"{DIR}/derg/derg.conf") as f:
        conf = f.read()
    os.makedirs(f"{DIR}/bad")
    with open(f"{DIR}/bad/derg.conf", "w") as out:
        out.write("# broken\nnonsense = 1\n" + conf)
    code, text = check(good.replace("/derg\n", "/bad\n"))
    ok(code == 2 and f"{DIR}/bad/derg.conf:2: unknown key" in text, "derg.conf is checked too")


def test_no_attestation():
    """What anybody may have then is said where operators look."""
    os.makedirs(f"{DIR}/open")
    for name in os.listdir(f"{DIR}/derg"):
        os.symlink(f"{DIR}/derg/{name}", f"{DIR}/open/{name}")
    with open(f"{DIR}/derg/derg.conf") as f:
        conf = f.read()
    os.remove(f"{DIR}/open/derg.conf")
    with open(f"{DIR}/open/derg.conf", "w") as out:
        out.write(conf.replace("attestation = required", "attestation = none"))
    for directory, said in (("derg", 0), ("open", 1)):
        s = Server(program=f"{BUILD}/dergd", directory=f"{DIR}/{directory}")
        ok(s.stop() == 0 and s.log().count("level=warning event=no-attestation") == said,
           f"without attestation there is a warning: {directory}")


def main():
    for name in ("server", ADMIN, CUSTOMER, STRANGER):
        certificate(name, "-days", "2")
    test_routes()
    test_document()
    provider()
    s = Server(program=f"{BUILD}/dergd", directory=f"{DIR}/derg")
    test_public(s)
    test_roles(s)
    admin = test_admin(s)
    machine = Machine()
    secret = enrol(s, machine)
    want, order, release, end, receipt, rid = test_launch(s, machine)
    audit = test_audit(s, receipt)
    m, r = f"{T}/machines/{machine.id}", f"{T}/receipts/{rid}"
    pre = "/v1/tenants/{tenant}"
    test_forbidden(s, {
        ("POST", pre + "/machines"): (T + "/machines", {"softwareKey": b64(machine.spki)}),
        ("POST", pre + "/machines/{machine}/activation"): (m + "/activation", secret),
        ("POST", pre + "/machines/{machine}/revocation"): (m + "/revocation", {"reason": "x"}),
        ("POST", pre + "/machines/{machine}/challenges"): (m + "/challenges", {}),
        ("POST", pre + "/statements"): (T + "/statements", want),
        ("POST", pre + "/receipts"): (T + "/receipts", order),
        ("POST", pre + "/receipts/{receipt}/revocation"): (r + "/revocation", {"reason": "x"}),
        ("POST", pre + "/releases"): (T + "/releases", release),
        ("POST", pre + "/terminations"): (T + "/terminations", end),
        ("POST", pre + "/epochs"): (T + "/epochs", {}),
        ("POST", pre + "/epochs/{epoch}/drain"): (T + "/epochs/1/drain", {}),
        ("POST", pre + "/epochs/{epoch}/destroy"): (T + "/epochs/1/destroy", {}),
        ("PUT", pre + "/policy"): (T + "/policy", admin["PUT", "policy"]),
        ("POST", pre + "/clients"): (T + "/clients", admin["POST", "clients"]),
    })
    test_audit_later(audit, test_revocations(s, machine, want))
    missing = {(m, p) for m, p, _ in operations()} - COVERED
    if not ok(not missing, "every route has given its good answer"):
        note(missing)
    ok(s.stop() == 0, "a clean end")
    s = Server(program=f"{BUILD}/dergd", directory=f"{DIR}/derg")
    test_helper(s)
    test_check()
    test_no_attestation()


try:
    main()
except Exception as e:      # what is broken is said; the servers end below
    note(traceback.format_exc())
    ok(False, f"went through: {e!r}")
finally:
    for one in Server.all:
        if one.process.poll() is None:
            one.process.kill()
    shutil.rmtree(DIR, ignore_errors=True)
sys.exit(done())
