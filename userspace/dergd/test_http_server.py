# SPDX-License-Identifier: GPL-2.0-only
"""The server as a process: limits, deadlines, signals, its start and its end."""
import os
import re
import resource
import select
import signal
import socket
import ssl
import threading
import time

from test_http_fixture import (CUSTOMER, DIR, LIMIT, Conn, Server, alive, der, issued, note, ok,
                               refused, request, text_of)


def test_slow():
    """Each phase has a fixed end, whatever the peer still sends."""
    s = Server(header_timeout=2, body_timeout=2, send_timeout=3, idle_timeout=2)

    def trickle(c, first, seconds):
        c.send(first)
        start = time.monotonic()
        try:
            while time.monotonic() - start < seconds:
                c.send(b"a")
                c.sock.settimeout(0.2)
                try:
                    if not c.sock.recv(1):
                        break
                except socket.timeout:
                    pass
        except OSError:
            pass
        return time.monotonic() - start

    with Conn(s) as c:
        took = trickle(c, "GET /v1/ping HTTP/1.1\r\nHost: a\r\nX: ", LIMIT)
    ok(1 < took < 4, f"a header by single bytes is cut: {took:.1f} s")
    with Conn(s) as c:
        took = trickle(c, "POST /v1/big HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                       "Content-Length: 100000\r\n\r\n", LIMIT)
    ok(1 < took < 4, f"a body by single bytes is cut: {took:.1f} s")
    with Conn(s) as c:
        c.send(text_of("GET", "/v1/ping"))
        c.read()
        took = c.closed(LIMIT)
    ok(took and 1 < took < 4, f"an idle connection is cut: {took} s")
    with socket.create_connection(("127.0.0.1", s.port), LIMIT) as sock:
        start = time.monotonic()
        sock.settimeout(LIMIT)
        try:
            left = sock.recv(1)
        except OSError:
            left = b""
        took = time.monotonic() - start
    ok(not left and 1 < took < 4, f"a handshake that does not begin is cut: {took:.1f} s")
    with Conn(s) as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.send(text_of("GET", "/v1/lots"))
        s.wait_log("route=/v1/lots")
    ok("end=cut" in s.wait_log("route=/v1/lots"), "an answer that nobody reads is cut")
    ok(s.metric("erot_connections_cut_total") >= 5, "all of them are counted")
    alive(s, "slow clients")
    ok(s.stop() == 0, "a clean end")


def test_many():
    """Thousands of idle connections from many addresses, and what they cost."""
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    s = Server(max_connections=500, max_per_address=50, header_timeout=60)
    alive(s, "nothing yet")
    before = s.status("VmHWM")
    idle = []
    for i in range(4000):
        sock = socket.socket()
        sock.settimeout(LIMIT)
        sock.bind((f"127.0.{1 + i // 2000}.{1 + i % 200}", 0))
        sock.connect(("127.0.0.1", s.port))
        idle.append(sock)
        if i % 1000 == 999:
            ok(request(s, "GET", "/v1/ping").status == 200,
               f"answers among {i + 1} idle connections")
    grown = s.status("VmHWM") - before
    ok(s.metric("erot_connections") <= 750, "no more than may be are open")
    ok(grown < 80 * 1024, f"memory stays bounded: {grown} KiB more")
    for sock in idle:
        sock.close()
    idle = []
    alive(s, "thousands of idle connections")
    same = 0
    for _ in range(80):
        sock = socket.socket()
        sock.bind(("127.0.9.9", 0))
        sock.connect(("127.0.0.1", s.port))
        idle.append(sock)
    for sock in idle:
        sock.settimeout(0.05)
        try:
            same += not sock.recv(1)
        except socket.timeout:
            pass
        except OSError:
            same += 1
    ok(same == 30, f"at most 50 of one address: {80 - same}")
    ok(request(s, "GET", "/v1/ping").status == 200, "others are not kept out by it")
    for sock in idle:
        sock.close()
    ok(s.metric("erot_connections_refused_total") >= 30, "refusals are counted")
    ok(s.stop() == 0, "a clean end")


def test_share(s, head):
    """One address that sends all it can is in nobody's way but its own."""
    greedy = "127.0.8.3"
    first = Conn(s, source=greedy)
    first.send(head + "x" * 499999)
    end = time.monotonic() + LIMIT
    while s.metric("erot_body_bytes") != 499999 and time.monotonic() < end:
        pass
    more = Conn(s, source=greedy)
    more.send(head + "x" * 499999)
    end = time.monotonic() + 1
    while s.metric("erot_body_bytes") != 2 * 499999 and time.monotonic() < end:
        pass
    with Conn(s, source="127.0.8.4") as c:
        c.send(head.replace("500000", "400013") + '{"text":"' + "a" * 400002 + '"}')
        ok(c.read().status == 200, "another address has room meanwhile")
    more.send("x")
    refused(more.read(), 503, "busy", "one address: more than its share")
    more.sock.close()
    first.send("x")
    refused(first.read(), 400, "json-syntax", "the first body of the address is read")
    first.sock.close()
    end = time.monotonic() + LIMIT
    while s.metric("erot_body_bytes") and time.monotonic() < end:
        pass


def test_memory():
    """All bodies being read share one limit, of which one address has a quarter."""
    s = Server(max_body_memory=1 << 20)
    half = []
    head = ("POST /v1/big HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            "Content-Length: 500000\r\n\r\n")
    for i in range(2):
        c = Conn(s, source=f"127.0.8.{1 + i}")
        c.send(head + "x" * 499999)
        half.append(c)
    end = time.monotonic() + LIMIT
    while s.metric("erot_body_bytes") != 2 * 499999 and time.monotonic() < end:
        pass
    with Conn(s) as c:
        c.send(head + "x" * 500000)
        refused(c.read(), 503, "busy", "a body over the limit of all bodies")
    for c in half:
        c.send("x")
        refused(c.read(), 400, "json-syntax", "those that were there first")
        c.sock.close()
    a = request(s, "POST", "/v1/big", body='{"text":"' + "a" * 400000 + '"}')
    ok(a.status == 200, "room again")
    ok(s.metric("erot_body_bytes") == 0, "nothing is held for long")
    test_share(s, head)
    ok(s.metric("erot_body_bytes") == 0, "nothing is held in the end")
    ok(s.stop() == 0, "a clean end")


def wait_held(s, n):
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if request(s, "GET", "/v1/waiting").json.get("held") == n:
            return True
    return False


def test_queue():
    """A full queue is refused at once; the network does not wait for handlers."""
    s = Server(workers=2, max_queue=2, drain_timeout=1)
    conns = [Conn(s) for _ in range(5)]
    conns[0].send(text_of("POST", "/v1/hold"))
    ok(wait_held(s, 1), "one handler waits")
    for c in conns[1:]:
        c.send(text_of("POST", "/v1/hold"))
    # room for one more handler and two in the queue: somebody is over
    ready = select.select([c.sock for c in conns], [], [], LIMIT)[0]
    a = [c for c in conns if c.sock in ready][0].read()
    refused(a, 503, "busy", "when the queue is full")
    ok(a.headers.get("retry-after") == "1", "with Retry-After")
    s.process.send_signal(signal.SIGTERM)
    ok(s.process.wait(60) == 3, "handlers that never end do not keep the service from ending")
    for c in conns:
        c.sock.close()


def test_reload():
    s = Server(header_timeout=30)
    results, stop = [], threading.Event()

    def load(c):
        try:
            while not stop.is_set():
                if c:
                    c.send(text_of("GET", "/v1/ping"))
                    results.append(c.read().status)
                else:
                    with socket.create_connection(("127.0.0.1", s.port), LIMIT) as sock:
                        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                        ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
                        with ctx.wrap_socket(sock) as tls:
                            tls.sendall(text_of("GET", "/v1/ping"))
                            results.append(200 if tls.recv(100) else 0)
        except (OSError, EOFError) as e:
            results.append(repr(e))

    # connected before the first reload: they trust the first certificate
    kept = Conn(s)
    threads = [threading.Thread(target=load, args=(Conn(s) if i % 2 == 0 else None,))
               for i in range(4)]
    for t in threads:
        t.start()
    for i in range(10):
        name = "other" if i % 2 == 0 else "server"
        s.configure(certificate=f"{DIR}/{name}.pem", key=f"{DIR}/{name}.key")
        s.signal(signal.SIGHUP)
        s.wait_log("event=reload ", i + 1)
    s.configure(certificate=f"{DIR}/other.pem", key=f"{DIR}/other.key")
    s.signal(signal.SIGHUP)
    s.wait_log("event=reload ", 11)
    stop.set()
    for t in threads:
        t.join()
    wrong = [x for x in results if x != 200]
    if not ok(len(results) > 20 and not wrong,
              f"{len(results)} requests over 11 reloads, none lost"):
        note(wrong[:5])
    kept.send(text_of("GET", "/v1/ping"))
    ok(kept.read().status == 200, "a connection from before")
    with Conn(s, ca="other") as c:
        ok(c.sock.getpeercert(True) == der("other"), "a new one sees the new certificate")
    for name, change, code in (
            ("an unknown key", {"nonsense": 1}, "config-unknown"),
            ("a bad value", {"header_timeout": 0}, "config-value"),
            ("a certificate that is not there", {"certificate": "/nonexistent"},
             "tls-certificate"),
            ("a key that does not belong to it", {"key": f"{DIR}/server.key"}, "tls-certificate"),
            ("a file that is no certificate", {"certificate": s.file}, "tls-certificate"),
            ("another address", {"listen": "127.0.0.1:1"}, "config-restart"),
            ("more workers", {"workers": 9}, "config-restart")):
        old = dict(s.settings)
        seen = s.log().count("event=reload-refused")
        s.configure(**change)
        s.signal(signal.SIGHUP)
        line = s.wait_log("event=reload-refused", seen + 1)
        ok(f"code={code} " in line and (not code.startswith("config-v") or
                                        re.search(r"\.conf:\d+: ", line)), f"{name}: {code}")
        s.settings = old
    with Conn(s, ca="other") as c:
        ok(c.sock.getpeercert(True) == der("other"), "refused ones change nothing")
    s.configure(client_ca=f"{DIR}/ca.pem")
    s.signal(signal.SIGHUP)
    s.wait_log("event=reload ", 12)
    path = "/v1/tenants/acme/things"
    refused(request(s, "GET", path, client=CUSTOMER, ca="other"), 403, "client-issuer",
            "a known client that the new CA has not issued")
    s.configure(max_per_address=1)
    s.signal(signal.SIGHUP)
    s.wait_log("event=reload ", 13)
    kept.send(text_of("GET", "/v1/ping"))
    ok(kept.read().status == 200, "limits cut nobody that is there")
    try:
        Conn(s, ca="other")
        ok(False, "new limits hold")
    except OSError:
        ok(True, "new limits hold")
    kept.send(text_of("GET", "/metrics"))
    text = kept.read().body.decode()
    ok("\nerot_reloads_total 13\n" in text and "\nerot_reload_failures_total 7\n" in text,
       "both are counted")
    ok(s.stop() == 0, "a clean end")


def test_issuer():
    """With a CA configured, its clients are let in as well as known."""
    issued("branch", "ca")
    s = Server(admin="branch", client_ca=f"{DIR}/ca.pem")
    path = "/v1/tenants/acme/things"
    ok(request(s, "GET", path, client="branch").status == 200, "a known client of the CA")
    issued("twig", "ca")
    refused(request(s, "GET", path, client="twig"), 403, "client-unknown",
            "an unknown client of the CA")
    ok(s.stop() == 0, "a clean end")


def test_stop():
    s = Server(drain_timeout=15)
    idle, held, reading = Conn(s), Conn(s), Conn(s)
    held.send(text_of("POST", "/v1/hold"))
    ok(wait_held(s, 1), "a handler waits")
    reading.send("POST /v1/pass HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                 "Content-Length: 2\r\n\r\n")
    idle.send(text_of("GET", "/v1/ping"))
    idle.read()
    start = time.monotonic()
    s.signal(signal.SIGTERM)
    ok(idle.closed(LIMIT) is not None, "an idle connection is ended")
    try:
        socket.create_connection(("127.0.0.1", s.port), LIMIT).close()
        ok(False, "nobody new is let in")
    except OSError:
        ok(True, "nobody new is let in")
    reading.send("{}")
    a = reading.read()
    ok(a.status == 200 and a.json == {"held": 1}, "a body that was being read is taken")
    a = held.read()
    ok(a.status == 200 and a.headers.get("connection") == "close",
       "a handler that ran is answered, and its connection ended")
    ok(s.process.wait(LIMIT) == 0 and time.monotonic() - start < 14, "then the process ends")


def test_service_manager():
    path = f"{DIR}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as n, socket.socket() as listener:
        n.bind(path)
        n.settimeout(LIMIT)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        # the service manager puts it where sd_listen_fds(3) says
        script = (f'exec 3<&{listener.fileno()} {listener.fileno()}<&-; '
                  f'LISTEN_PID=$$ exec "$@"')
        os.set_inheritable(listener.fileno(), True)
        s = Server(prefix=("bash", "-c", script, "bash"), listen="127.0.0.1:1",
                   env={**os.environ, "NOTIFY_SOCKET": path, "LISTEN_FDS": "1"}, wait=False)
        s.wait_log("event=ready")
        s.port = port
        ok(n.recv(100) == b"READY=1", "READY=1")
        ok(request(s, "GET", "/v1/ping").status == 200, "serves the socket it was given")
        s.signal(signal.SIGHUP)
        ok(re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", n.recv(100)) and
           n.recv(100) == b"READY=1", "RELOADING=1, READY=1")
        s.signal(signal.SIGTERM)
        ok(n.recv(100) == b"STOPPING=1" and s.process.wait(LIMIT) == 0, "STOPPING=1")


def test_process(shared):
    with open(f"/proc/{shared.process.pid}/limits") as f:
        ok(re.search(r"^Max core file size +0 +0 ", f.read(), re.M), "no core files")
    ok(shared.status("VmLck") > 0, "memory is locked")
    if os.getuid():
        return
    # as somebody else, who has neither the right nor the limit
    os.chmod(DIR, 0o755)
    os.chmod(f"{DIR}/server.key", 0o644)
    prefix = ("prlimit", "--memlock=65536", "setpriv", "--reuid=65534", "--regid=65534",
              "--clear-groups", "--inh-caps=-all", "--bounding-set=-all")
    s = Server(wait=False, prefix=prefix)
    ok(s.process.wait(LIMIT) == 1 and "code=memory-lock" in s.log() and
       "memory_lock = optional" in s.log(), "without locked memory it does not start")
    s = Server(prefix=prefix, memory_lock="optional")
    ok("event=memory-lock" in s.log(), "unless it is told to, and says so")
    # files of a dumpable process would be the user's
    ok(os.stat(f"/proc/{s.process.pid}/environ").st_uid == 0, "not dumpable")
    ok(s.stop() == 0, "a clean end")


def test_start():
    for name, change, code in (
            ("no certificate file", {"certificate": "/nonexistent"}, "tls-certificate"),
            ("no key file", {"key": "/nonexistent"}, "tls-key"),
            ("an empty CA file", {"client_ca": "/dev/null"}, "tls-ca"),
            ("a key of another certificate", {"key": f"{DIR}/other.key"}, "tls-certificate"),
            ("an address that is not here", {"listen": "192.0.2.1:1"}, "listen"),
            ("a port without an address", {"listen": ":1"}, "config-value"),
            ("IPv6 without brackets", {"listen": "::1:80"}, "config-value"),
            ("an unknown key", {"nonsense": 1}, "config-unknown"),
            ("a missing key", {"directory": None}, "config-missing"),
            ("more of one address than of all", {"max_per_address": 4096}, "config-value"),
            ("more connections than descriptors", {"max_connections": 65000}, "http")):
        prefix = ("prlimit", "--nofile=1024:4096") if code == "http" else ()
        s = Server(wait=False, prefix=prefix, **change)
        ok(s.process.wait(LIMIT) == 1 and f"event=failed code={code} " in s.log(),
           f"does not start with {name}: {code}")
