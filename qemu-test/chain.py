#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The whole chain over the network, as TAP: dergd and customer here, the machine with its TPM in a
virtual machine that is booted three times (selftests/chain.sh is its part).

    chain.py [IMAGE]    made by image.sh; default $EROT_IMAGE

Between machine and dergd stands a relay that kills dergd (SIGKILL) in the middle of a step and
starts it again: as planned by the machine, before a request is forwarded or after it was carried
out, its answer then being lost.
"""
import base64
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD", f"{TOP}/build")
HOST = "10.0.2.2"       # this host, in the guest
LIMIT = 60              # seconds for dergd to be ready
LAUNCHED = ("plain", "challenged", "released", "running", "ended", "unlucky", "restarted", "orphan",
            "offline", "again")
REFUSED = ("late", "stolen", "spoiled")
count = failed = 0


def ok(good, name, why=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    if not good:
        for line in str(why).splitlines():
            print("#   " + line, flush=True)
    return good


def run(*args, check=True, env=None):
    done = subprocess.run(args, capture_output=True, check=False, env=env)
    if check and done.returncode:
        raise RuntimeError(f"{args}: {done.returncode}: {done.stderr.decode()[-500:]}")
    return done


# ---- the provider

class Dergd:
    """It listens on one port, whenever it is there."""

    def __init__(self, place):
        self.place, self.port, self.process = place, 0, None
        self.lock = threading.Lock()
        self.kills = 0

    def start(self):
        with self.lock:
            if self.process:
                return
            with open(f"{self.place}/dergd.conf", "w") as out:
                out.write(f"listen = 127.0.0.1:{self.port}\ncertificate = {self.place}/server.pem\n"
                          f"key = {self.place}/server-key.pem\ndirectory = {self.place}/derg\n"
                          "memory_lock = optional\n")
            process = subprocess.Popen((f"{BUILD}/dergd", "--config", f"{self.place}/dergd.conf"),
                                       stderr=subprocess.PIPE, text=True)
            for line in process.stderr:
                found = re.search(r"event=ready.*listen=127\.0\.0\.1:(\d+)", line)
                if found:
                    break
            else:
                raise RuntimeError("dergd did not start")
            self.port = int(found.group(1))
            threading.Thread(target=process.stderr.read, daemon=True).start()
            self.process = process

    def kill(self):
        with self.lock:
            if self.process:
                self.process.kill()
                self.process.wait()
                self.process = None
                self.kills += 1

    def crash(self):
        """It is back in a moment: whoever asks meanwhile finds nobody."""
        self.kill()
        threading.Thread(target=self.start, daemon=True).start()


class Provider:
    def __init__(self, place):
        self.place = place
        self.plan, self.requests, self.packed = [], [], False
        self.dergd = Dergd(place)

    def openssl(self, *args):
        run("openssl", *args)

    def path(self, name):
        return f"{self.place}/{name}"

    def dergctl(self, *args):
        return run(f"{BUILD}/dergctl", "--dir", self.path("derg"), *args).stdout.decode()

    def certificate(self, name, *extensions):
        more = [x for e in ("subjectKeyIdentifier=hash", *extensions) for x in ("-addext", e)]
        self.openssl("req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "30", "-subj",
                     f"/CN={name}", "-keyout", self.path(f"{name}-key.pem"), "-out",
                     self.path(f"{name}.pem"), *more)

    def begin(self):
        self.certificate("server", f"subjectAltName=IP:{HOST},IP:127.0.0.1")
        run(f"{TOP}/qemu-test/tpm.sh", self.path("tpm"))
        self.dergctl("init", "--ek-roots", self.path("tpm/ek-roots.pem"), "--log-name",
                     "chain.example/erot")
        self.dergctl("epoch", "new", "--tenant", "other")
        for tenant, name in (("default", "customer"), ("other", "second")):
            self.certificate(name)
            self.certificate(f"{name}-order")
            self.dergctl("client", "add", "--tenant", tenant, "--label", name, "--order-cert",
                         self.path(f"{name}-order.pem"), self.path(f"{name}.pem"))
        self.dergd.start()

    def files(self, relay):
        """What the machine may fetch."""
        os.makedirs(self.path("files"))
        shutil.copy(self.path("server.pem"), self.path("files/ca.pem"))
        shutil.copy(self.path("derg/receipt-cert.der"), self.path("files"))
        for name, tenant in (("attester", "default"), ("other", "other")):
            with open(self.path(f"files/{name}.conf"), "w") as out:
                out.write(f"derg = https://{HOST}:{relay}\nca = /etc/erot/ca.pem\n"
                          f"tenant = {tenant}\n")

    def learn(self, state):
        """One tenant accepts this boot only; the other looks at firmware alone."""
        with open(self.path("state.json"), "wb") as out:
            out.write(state)
        for tenant, pcrs in (("default", ()), ("other", ("--pcrs", "0"))):
            policy = self.path(f"policy-{tenant}.json")
            run(f"{BUILD}/dergctl", "policy", "learn", *pcrs, "-o", policy, self.path("state.json"))
            self.dergctl("policy", "put", "--tenant", tenant, policy)

    def pack(self):
        """Directory to container and receipt in one command, for each launch."""
        root = self.path("root")
        for d in ("bin", "dev", "proc", "sys", "tmp", "run", "etc"):
            os.makedirs(f"{root}/{d}")
        shutil.copy("/bin/busybox", f"{root}/bin/busybox")
        os.symlink("busybox", f"{root}/bin/sh")
        os.symlink("busybox", f"{root}/bin/sleep")
        names = [(n, "default", "customer") for n in LAUNCHED + REFUSED]
        machine = self.dergctl("machine", "list", "--tenant", "default").split()[0]
        for name, tenant, client in names + [("lenient", "other", "second")]:
            self.pack_one(name, tenant, client, machine, root)
        self.packed = True

    def config(self, tenant, client):
        path = self.path(f"ewc-{tenant}.conf")
        with open(path, "w") as out:
            out.write(f"derg = https://127.0.0.1:{self.dergd.port}\nca = {self.path('server.pem')}\n"
                      f"tenant = {tenant}\nclient_cert = {self.path(client)}.pem\n"
                      f"client_key = {self.path(client)}-key.pem\n"
                      f"order_cert = {self.path(client)}-order.pem\n"
                      f"order_key = {self.path(client)}-order-key.pem\n"
                      f"receipt_cert = {self.path('derg/receipt-cert.der')}\n")
        return {**os.environ, "EWC_CONFIG": path}

    def pack_one(self, name, tenant, client, machine, root):
        command = f"echo {name} ran" + ("; sleep 1000" if name == "orphan" else "")
        with open(self.path(f"{name}.json"), "w") as out:
            json.dump({"process": {"args": ["/bin/sh", "-c", command], "cwd": "/",
                                   "env": ["PATH=/bin"]},
                       "root": {"readonly": True},
                       "linux": {"resources": {"memory": {"limit": 1 << 25},
                                               "pids": {"limit": 8}}},
                       "erot": {"maxRuntime": 600}}, out)
        run(f"{BUILD}/ewc", "pack", "--machine", machine, "--manifest", self.path(f"{name}.json"),
            "-o", self.path(f"files/{name}.ewc"), root, env=self.config(tenant, client))

    def audit(self, name):
        """Asks for the bundle of a launch, then checks it offline."""
        env = self.config("default", "customer")
        bundle = self.path(f"{name}.audit")
        run(f"{BUILD}/ewc", "fetch", self.path(f"files/{name}.receipt"), "-o", bundle, env=env)
        return run(f"{BUILD}/ewc", "audit", "--cert", self.path("derg/receipt-cert.der"),
                   "--receipt", self.path(f"files/{name}.receipt"),
                   "--ewc", self.path(f"files/{name}.ewc"),
                   "--customer-cert", self.path("customer-order.pem"),
                   "--ek-roots", self.path("tpm/ek-roots.pem"),
                   bundle, check=False)


# ---- what the machine talks to

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider = None

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/octet-stream"):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


class Relay(Handler):
    """To dergd, unless the plan says that it dies now."""

    def planned(self, when, what):
        plan = self.provider.plan
        if not plan or plan[0] != f"{when} {what}":
            return False
        self.provider.dergd.crash()
        plan.pop(0)
        self.close_connection = True
        return True

    def do_POST(self):
        p, body = self.provider, self.body()
        what = self.path.split("/")[-1]
        p.requests.append((what, self.client_address))
        if self.planned("before", what):
            return
        try:
            dergd = http.client.HTTPSConnection("127.0.0.1", p.dergd.port, timeout=LIMIT, context=
                                                ssl.create_default_context(
                                                    cafile=p.path("server.pem")))
            dergd.request("POST", self.path, body, {"Content-Type": "application/json"})
            a = dergd.getresponse()
            data = a.read()
        except (OSError, http.client.HTTPException):
            self.close_connection = True    # nobody there: no answer from here either
            return
        if not self.planned("drop", what):
            self.answer(a.status, data, a.headers.get("Content-Type"))


class Control(Handler):
    """Plain HTTP, for the test itself."""

    def do_GET(self):
        name = self.path.removeprefix("/files/")
        if self.path == "/plan":
            self.answer(200, "\n".join(self.provider.plan).encode())
        elif name != self.path and re.fullmatch(r"[a-z-]+\.[a-z]+", name) and \
                os.path.exists(self.provider.path(f"files/{name}")):
            with open(self.provider.path(f"files/{name}"), "rb") as f:
                self.answer(200, f.read())
        else:
            self.answer(404, b"")

    def do_POST(self):
        p, body = self.provider, self.body()
        try:
            if self.path == "/plan":
                p.dergd.start()     # of the plan before, it may still be on its way
                p.plan[:] = body.decode().splitlines()
            elif self.path == "/dergd":
                (p.dergd.kill if body == b"down" else p.dergd.start)()
            else:
                p.learn(body)
                p.pack()
        except RuntimeError as e:
            print(f"# {e}", flush=True)
            self.answer(500, b"")
            return
        self.answer(200, b"")


def serve(handler, provider, cert=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("H", (handler,), {
        "provider": provider}))
    server.daemon_threads = True
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{cert}.pem", f"{cert}-key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


# ---- the machine

def boot(place, image, phase, control, append):
    """One boot; its results become ours."""
    before = os.environ.get("EROT_NAME", "")
    collect = os.environ.get("EROT_COLLECT")
    process = subprocess.Popen(
        (f"{TOP}/qemu-test/run.sh", "--name", f"{before}{before and '-'}chain-{phase}",
         "--image", image, "--tpm-state", f"{place}/tpm", "--net", "--uefi",
         "--append", f"{append} {os.environ.get('EROT_APPEND', '')}", "--timeout", "1100",
         *(("--collect", f"{collect}/chain-{phase}.tar.gz") if collect else ()), "--",
         "/selftests/chain.sh", phase, f"http://{HOST}:{control}"),
        stdout=subprocess.PIPE, text=True, errors="replace")
    try:
        results(process, phase)
    finally:
        process.terminate()
        process.wait()


def results(process, phase):
    seen, plan = 0, -1
    for line in process.stdout:
        line = line.rstrip()
        found = re.match(r"(not )?ok \d+ - (.*)", line)
        if found:
            seen += 1
            ok(not found.group(1), f"{phase}: {found.group(2)}")
        elif re.fullmatch(r"1\.\.\d+", line):
            plan = int(line[3:])
        elif not line.startswith("TAP version"):
            print(f"# {line.lstrip('# ')}", flush=True)
    status = process.wait()
    ok(status == 0 and seen == plan, f"{phase}: the machine went through",
       f"status {status}, {plan} planned, {seen} seen")


def chain(place, image):
    provider = Provider(place)
    try:
        provider.begin()
        relay = serve(Relay, provider, provider.path("server"))
        control = serve(Control, provider)
        provider.files(relay)
        boot(place, image, "first", control, "erot_lockdown")
        ok(provider.packed, "the customer has packed")
        boot(place, image, "late", control, "erot_late")
        provider.requests.clear()
        boot(place, image, "again", control, "erot_lockdown")
        names = [name for name, _ in provider.requests]
        ok("releases" in names and "machines" not in names, "a reboot needs no enrolment", names)
        ok(provider.requests[0][1] == provider.requests[1][1] and
           names[:2] == ["challenges", "releases"],
           "a launch has one connection", provider.requests)
        ok(provider.dergd.kills > 10, f"dergd was killed {provider.dergd.kills} times")
        provider.dergd.start()
        audits(provider)
    finally:
        provider.dergd.kill()


def audits(provider):
    for name in LAUNCHED:
        done = provider.audit(name)
        ok(done.returncode == 0, f"audit of {name}: the chain holds", done.stdout.decode())
    for name in REFUSED:
        done = provider.audit(name)
        ok(done.returncode == 3 and "The chain does not hold" in done.stdout.decode(),
           f"audit of {name}: it does not", done.stdout.decode())
    provider.openssl("x509", "-inform", "DER", "-in", provider.path("derg/receipt-cert.der"),
                     "-out", provider.path("derg.pem"))
    with open(provider.path("plain.audit")) as f:
        bundle = json.load(f)
    for what in ("statement", "receipt", "destruction"):
        with open(provider.path("one.cms"), "wb") as out:
            out.write(base64.b64decode(bundle[what]))
        done = run("openssl", "cms", "-verify", "-in", provider.path("one.cms"), "-inform", "DER",
                   "-certfile", provider.path("derg.pem"), "-CAfile", provider.path("derg.pem"),
                   "-purpose", "any", "-out", "/dev/null", check=False)
        ok(done.returncode == 0, f"openssl verifies the {what}", done.stderr.decode())


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    place = tempfile.mkdtemp(prefix="erot-chain-")
    try:
        chain(place, (sys.argv[1:] or [os.environ["EROT_IMAGE"]])[0])
    except Exception as e:      # pylint: disable=broad-except
        ok(False, f"went through: {e!r}")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(f"1..{count}")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
