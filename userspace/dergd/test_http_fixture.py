# SPDX-License-Identifier: GPL-2.0-only
"""A server, a client that sends whatever it is told to, and TAP, for the tests of HTTPS."""
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

SERVER = sys.argv[1]
DIR = tempfile.mkdtemp(prefix="erot-http-")
ADMIN, CUSTOMER, STRANGER, EXPIRED = "admin", "customer", "stranger", "expired"
LIMIT = 10      # seconds that anything here may take
count = failed = 0


def ok(good, name):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} {name}", flush=True)
    return good


def done():
    """The verdict, last; returns the exit status."""
    print(f"1..{count}\n# {count - failed} passed, {failed} failed")
    return 1 if failed or not count else 0


def note(text):
    for line in str(text).splitlines():
        print("# " + line)


# ---- keys, made here

def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, cwd=DIR, capture_output=True)


def certificate(name, *more):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", name + ".key", "-out", name + ".pem", "-subj", "/CN=" + name,
            "-addext", "subjectAltName=IP:127.0.0.1", *more)


def issued(name, ca):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name)
    with open(f"{DIR}/{name}.ext", "w") as f:
        f.write("extendedKeyUsage=clientAuth\n")
    openssl("x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key",
            "-CAcreateserial", "-days", "2", "-extfile", name + ".ext", "-out", name + ".pem")


def der(name):
    with open(f"{DIR}/{name}.pem") as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


def fingerprint(name):
    return hashlib.sha256(der(name)).hexdigest()


# ---- a server

class Server:
    """One server process, its configuration and its log."""

    all = []

    def __init__(self, wait=True, prefix=(), env=None, admin=ADMIN, program=None, **settings):
        Server.all.append(self)
        self.file = f"{DIR}/dergd-{len(Server.all)}.conf"
        self.logname = f"{DIR}/log-{len(Server.all)}"
        self.settings = {"listen": "127.0.0.1:0", "certificate": f"{DIR}/server.pem",
                         "key": f"{DIR}/server.key", "directory": DIR, "workers": 4}
        self.configure(**settings)
        with open(self.logname, "w") as log:
            command = ((program, "--config", self.file) if program else
                       (SERVER, "--serve", self.file, fingerprint(admin), fingerprint(CUSTOMER)))
            self.process = subprocess.Popen((*prefix, *command), stderr=log, env=env,
                                            close_fds=False)
        self.port = None
        if wait:
            line = self.wait_log("event=ready")
            self.port = int(re.search(r"listen=127\.0\.0\.1:(\d+)", line).group(1))

    def configure(self, **settings):
        self.settings.update(settings)
        with open(self.file, "w") as f:
            for key, value in self.settings.items():
                if value is not None:
                    f.write(f"{key} = {value}\n")

    def log(self):
        with open(self.logname, errors="replace") as f:
            return f.read()

    def wait_log(self, text, times=1):
        """The log is its only voice: read it until the line is there."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            lines = [x for x in self.log().splitlines() if text in x]
            if len(lines) >= times:
                return lines[times - 1]
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        note(self.log()[-2000:])
        raise RuntimeError(f"no {text} in the log")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.process.wait(LIMIT * 2)

    def status(self, key):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(rf"^{key}:\s*(\d+)", f.read(), re.M).group(1))

    def metric(self, name):
        text = request(self, "GET", "/metrics").body.decode()
        found = re.search(rf"^{re.escape(name)} (\d+)$", text, re.M)
        return int(found.group(1)) if found else 0


# ---- a client

class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.json = None
        if body and "json" in headers.get("content-type", ""):
            self.json = json.loads(body)

    @property
    def code(self):
        return (self.json or {}).get("code")


def context(client=None, ca="server"):
    ctx = ssl.create_default_context(cafile=f"{DIR}/{ca}.pem")
    if client:
        ctx.load_cert_chain(f"{DIR}/{client}.pem", f"{DIR}/{client}.key")
    return ctx


CONTEXTS = {}


class Conn:
    """A TLS connection that sends whatever it is told to."""

    def __init__(self, server, client=None, source=None, ca="server"):
        key = (client, ca)
        if key not in CONTEXTS:
            CONTEXTS[key] = context(client, ca)
        raw = socket.create_connection(("127.0.0.1", server.port), LIMIT,
                                       (source, 0) if source else None)
        self.sock = CONTEXTS[key].wrap_socket(raw, server_hostname="127.0.0.1")
        self.buf = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def _more(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.buf += data

    def read(self, head=False):
        while True:
            while b"\r\n\r\n" not in self.buf:
                self._more()
            top, self.buf = self.buf.split(b"\r\n\r\n", 1)
            lines = top.decode().split("\r\n")
            status = int(lines[0].split()[1])
            if status != 100:
                break
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        size = 0 if head or status == 204 else int(headers.get("content-length", 0))
        while len(self.buf) < size:
            self._more()
        body, self.buf = self.buf[:size], self.buf[size:]
        return Answer(status, headers, body)

    def closed(self, seconds):
        """How long until the server ends it; None: it did not."""
        start = time.monotonic()
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
        except socket.timeout:
            return None
        except OSError:
            pass
        return time.monotonic() - start


def text_of(method, path, headers=None, body=None, kind="application/json"):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if body is not None:
        body = body if isinstance(body, bytes) else body.encode()
        lines.append(f"Content-Length: {len(body)}")
        if kind:
            lines.append(f"Content-Type: {kind}")
    lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def request(server, method, path, headers=None, body=None, kind="application/json", client=None,
            ca="server", source=None):
    with Conn(server, client, source, ca) as c:
        try:
            c.send(text_of(method, path, headers, body, kind))
        except OSError:
            pass        # an answer may be there although not everything was read
        return c.read(method == "HEAD")


def raw(server, data):
    """Status of the answer to bytes that are no proper request; None: closed without one."""
    with Conn(server) as c:
        try:
            c.send(data)
            return c.read().status
        except (OSError, EOFError):
            return None


def alive(server, name):
    answer = request(server, "GET", "/v1/ping")
    ok(answer.status == 200 and answer.json == {"pong": True}, "alive after " + name)


def refused(answer, status, code, name):
    good = answer.status == status and answer.code == code
    if not ok(good, f"{name}: {status} {code}"):
        note(f"{answer.status} {answer.headers} {answer.body[:300]}")
