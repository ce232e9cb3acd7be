# SPDX-License-Identifier: GPL-2.0-only
"""One request at a time, good and bad, against one server."""
import json
import re
import socket
import ssl
import subprocess

from test_http_fixture import (ADMIN, CUSTOMER, DIR, EXPIRED, LIMIT, STRANGER, Conn, alive, context,
                               der, fingerprint, note, ok, raw, refused, request, text_of)


def test_plain(s):
    a = request(s, "GET", "/v1/ping")
    ok(a.status == 200 and a.json == {"pong": True}, "GET")
    ok(a.headers["content-type"] == "application/json" and
       a.headers["cache-control"] == "no-store", "its headers")
    ok(f"id={a.headers['x-request-id']} method=GET route=/v1/ping status=200" in
       s.wait_log(a.headers["x-request-id"]), "its line in the log")
    a = request(s, "HEAD", "/v1/ping")
    ok(a.status == 200 and a.headers["content-length"] == "13" and not a.body, "HEAD")
    a = request(s, "OPTIONS", "/v1/ping")
    ok(a.status == 204 and a.headers["allow"] == "GET, HEAD, OPTIONS", "OPTIONS")
    a = request(s, "GET", "/v1/raw/a/b%20c/d")
    ok(a.status == 200 and a.body == b"a/b c/d" and
       a.headers["cache-control"] == "public, max-age=60", "the rest of a path, as bytes")
    with Conn(s) as c:
        for _ in range(3):
            c.send(text_of("GET", "/v1/ping"))
            last = c.read()
        c.send(text_of("GET", "/v1/ping") * 2)
        ok(last.status == 200 and c.read().status == 200 and c.read().status == 200,
           "several requests on one connection, pipelined too")
    curl = subprocess.run(("curl", "-sS", "--cacert", f"{DIR}/server.pem", "--cert",
                           f"{DIR}/admin.pem", "--key", f"{DIR}/admin.key", "-X", "DELETE",
                           f"https://127.0.0.1:{s.port}/v1/tenants/t%C3%A9/things"),
                          capture_output=True, timeout=LIMIT, check=False)
    ok(curl.returncode == 0 and json.loads(curl.stdout) == {"tenant": "t\u00e9", "label":
                                                            "the admin"}, "curl")


def test_routes(s):
    refused(request(s, "GET", "/"), 404, "path-unknown", "the root")
    refused(request(s, "GET", "/v1/ping/"), 404, "path-unknown", "a slash at the end")
    refused(request(s, "GET", "/v1//ping"), 404, "path-unknown", "an empty segment")
    refused(request(s, "GET", "/v1/tenants//things"), 404, "path-unknown", "an empty parameter")
    refused(request(s, "GET", "/V1/ping"), 404, "path-unknown", "upper case")
    refused(request(s, "GET", "/v1/../v1/ping"), 404, "path-unknown", "dots")
    for path in ("/v1/raw/a%2Fb", "/v1/raw/a%00", "/v1/raw/a%0a", "/v1/raw/%", "/v1/raw/%f",
                 "/v1/raw/%zz", "/v1/raw/%ff", "/" + "a/" * 20, "https://127.0.0.1/v1/ping"):
        refused(request(s, "GET", path), 400, "path-syntax", path)
    for method in ("POST", "PUT", "DELETE", "TRACE", "BREW", "get"):
        a = request(s, method, "/v1/ping")
        refused(a, 405, "method", method)
        ok(a.headers.get("allow") == "GET, HEAD, OPTIONS", f"{method}: what is allowed")
    a = request(s, "PUT", "/v1/tenants/acme/things")
    ok(a.status == 405 and a.headers["allow"] == "GET, HEAD, DELETE, OPTIONS",
       "all methods of a path")
    for query in ("x=1", "own", "own=true&own=true", "own=%zz", "=1", "own=true&x=1", "%6fwn=1"):
        refused(request(s, "GET", "/v1/refused?" + query), 400, "query", query)
    refused(request(s, "GET", "/v1/refused?own=1"), 400, "query", "a bool that is none")
    ok(request(s, "GET", "/v1/ping?").status == 200, "an empty query")


def test_problems(s):
    a = request(s, "GET", "/v1/refused")
    refused(a, 403, "policy-pcr", "a refusal")
    ok(a.headers["content-type"] == "application/problem+json", "its type")
    ok(a.json == {"type": "urn:erot:problem:policy-pcr", "title": "policy pcr", "status": 403,
                  "detail": "PCR 7 differs", "code": "policy-pcr",
                  "expected": fingerprint(ADMIN), "actual": fingerprint(CUSTOMER)},
       "its members, with both digests")
    a = request(s, "GET", "/v1/refused?own=true")
    refused(a, 500, "hsm-helper", "a fault of the service")
    ok(b"/secret" not in a.body and "/secret/path" in s.wait_log(a.headers["x-request-id"]),
       "what it is about stands in the log only")
    ok(request(s, "HEAD", "/v1/nothing").status == 404, "HEAD of nothing")
    for accept, good in (("*/*", 1), ("application/*;q=0.1", 1), ("text/html, */*;q=0.1", 1),
                         ("APPLICATION/JSON", 1), ("text/html", 0), ("application/jsonx", 0),
                         ("application/json;q=0", 0), ("application/json;q=0.000, text/*", 0)):
        a = request(s, "GET", "/v1/ping", {"Accept": accept})
        if good:
            ok(a.status == 200, f"Accept: {accept}")
        else:
            refused(a, 406, "accept", f"Accept: {accept}")


BAD_JSON = (
    ("{", "json-syntax"), ("", "json-missing"), ("{}", "json-missing"), ("[]", "json-type"),
    ("1", "json-syntax"), ("null", "json-syntax"), ('{"text":"a"}x', "json-syntax"),
    ('{"text":"a","text":"b"}', "json-syntax"), ('{"text":"\\u0000"}', "json-syntax"),
    (b'{"text":"\xff"}', "json-syntax"), (b'{"text":"\xed\xa0\x80"}', "json-syntax"),
    (b'\x00', "json-syntax"), (b'{"text":"a"\x00}', "json-syntax"),
    ("{'text':'a'}", "json-syntax"), ('{"text":"a",}', "json-syntax"),
    ('{"text":NaN}', "json-syntax"), ('{"text":"\\ud800"}', "json-syntax"),
    ('{"text":1}', "json-type"), ('{"text":null}', "json-type"), ('{"text":["a"]}', "json-type"),
    ('{"text":""}', "json-value"), ('{"text":"12345678901234567"}', "json-value"),
    ('{"text":"a","more":1}', "json-unknown"), ('{"text":"a","Text":"a"}', "json-unknown"),
    ('{"text":"a","bytes":"AA"}', "json-value"), ('{"text":"a","bytes":"AAAA\\n"}', "json-value"),
    ('{"text":"a","bytes":"AB=="}', "json-value"), ('{"text":"a","bytes":"-_8="}', "json-value"),
    ('{"text":"a","bytes":"' + "AAAA" * 22 + '"}', "json-value"),
    ('{"text":"a","digest":"' + "0" * 63 + '"}', "json-value"),
    ('{"text":"a","digest":"' + "A" * 64 + '"}', "json-value"),
    ('{"text":"a","digest":"' + "0" * 66 + '"}', "json-value"),
    ('{"text":"a","number":-1}', "json-value"), ('{"text":"a","number":1.0}', "json-type"),
    ('{"text":"a","number":1e3}', "json-type"), ('{"text":"a","number":"1"}', "json-type"),
    ('{"text":"a","number":99999999999999999999}', "json-syntax"),
    ('{"text":"a","small":101}', "json-value"), ('{"text":"a","flag":0}', "json-type"),
    ('{"text":"a","list":{}}', "json-type"), ('{"text":"a","list":[1,2,3]}', "json-value"),
    ('{"text":"a","object":[]}', "json-type"),
    ('{"a":' * 30 + "1" + "}" * 30, "json-limit"), ("[" * 4000, "json-limit"),
)


def test_json(s):
    a = request(s, "POST", "/v1/echo", body='{"text":"\u00e9","bytes":"AP8=","number":7,'
                '"flag":true,"digest":"' + "0a" * 32 + '","list":[1,[]],"object":{}}')
    ok(a.status == 201 and a.json == {"text": "\u00e9", "bytes": "AP8=", "number": 7,
                                      "flag": True, "seen": True}, "a full body")
    a = request(s, "POST", "/v1/echo", body='{"text":"\\"{[,:"}')
    ok(a.status == 201 and a.json["seen"] is False and a.json["text"] == '"{[,:',
       "delimiters in a string")
    for body, code in BAD_JSON:
        refused(request(s, "POST", "/v1/echo", body=body), 400, code, repr(body[:48]))
    body = '{"text":"a","list":[' + ",".join(["{}"] * 1300) + "]}"
    refused(request(s, "POST", "/v1/echo", body=body), 400, "json-value", "1300 values")
    body = '{"text":"' + "a" * (1 << 18) + '"}'
    ok(request(s, "POST", "/v1/big", body=body).json == {"bytes": 1 << 18}, "256 KiB")
    body = '{"text":[' + ",".join(["{}"] * 100000) + "]}"
    before = s.status("VmHWM")
    refused(request(s, "POST", "/v1/big", body=body), 400, "json-limit", "100000 values")
    ok(s.status("VmHWM") - before < 8192, "which were not made in memory")
    secret = "bd8e3a5c0f"
    refused(request(s, "POST", "/v1/echo", body='{"text":"a" "%s"}' % secret), 400,
            "json-syntax", "a secret where none belongs")
    refused(request(s, "POST", "/v1/echo", body='{"text":"%s-and-more-than-16"}' % secret), 400,
            "json-value", "a secret that is too long")
    refused(request(s, "POST", "/v1/echo", body='{"text":"a","%s":1}' % secret), 400,
            "json-unknown", "a secret as a name")
    s.wait_log("code=json-unknown")
    ok(secret not in s.log(), "no body in the log")


def test_bodies(s):
    a = request(s, "POST", "/v1/echo", body="x" * 4097)
    refused(a, 413, "body-size", "a byte too many")
    refused(request(s, "POST", "/v1/echo", body="x" * 300000), 413, "body-size", "300 kB")
    with Conn(s) as c:
        c.send("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
               "Content-Length: 99999999999\r\n\r\n")
        refused(c.read(), 413, "body-size", "100 GB announced, none sent")
    refused(request(s, "GET", "/v1/ping", body="{}"), 400, "body-unexpected", "GET with a body")
    for kind in (None, "text/plain", "application/jsonp", "application/json; charset=latin1",
                 "application/json,text/plain", "application/x-www-form-urlencoded"):
        refused(request(s, "POST", "/v1/echo", body="{}", kind=kind), 415, "content-type",
                f"Content-Type: {kind}")
    for kind in ("application/json; charset=utf-8", 'Application/JSON ;charset="UTF-8"'):
        ok(request(s, "POST", "/v1/echo", body='{"text":"a"}', kind=kind).status == 201, kind)
    head = "POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    with Conn(s) as c:
        c.send(head + 'Transfer-Encoding: chunked\r\n\r\nc\r\n{"text":"a"}\r\n0\r\n\r\n')
        refused(c.read(), 411, "length-required", "chunks")
    body = '{"text":"a"}'
    for name, more in (
            ("two lengths", f"Content-Length: {len(body)}\r\nContent-Length: {len(body)}\r\n"),
            ("two lengths that differ", "Content-Length: 1\r\nContent-Length: 12\r\n"),
            ("a length and chunks", "Content-Length: 12\r\nTransfer-Encoding: chunked\r\n"),
            ("a length with a sign", "Content-Length: +12\r\n"),
            ("a negative length", "Content-Length: -12\r\n"),
            ("a list of lengths", "Content-Length: 12, 12\r\n"),
            ("a length in hexadecimal", "Content-Length: 0xc\r\n"),
            ("a length over 2^64", "Content-Length: 18446744073709551628\r\n")):
        status = raw(s, head + more + "\r\n" + body)
        ok(status in (400, 411, 413), f"{name}: {status}")
    with Conn(s) as c:
        c.send(text_of("POST", "/v1/echo", {"Expect": "100-continue"}, body))
        ok(c.read().status == 201, "Expect: 100-continue")
    alive(s, "bad bodies")


def test_headers(s):
    a = request(s, "GET", "/v1/ping", {"X-Long": "a" * 4000})
    ok(a.status == 200, "4 kB of header")
    refused(request(s, "GET", "/v1/ping", {"X-Long": "a" * 8200}), 431, "header-size",
            "a header over the limit")
    for name, data, wants in (
            ("1 MB of header", b"GET /v1/ping HTTP/1.1\r\nHost: a\r\nX: " + b"a" * (1 << 20),
             (431, 400, 413, None)),
            ("100000 headers", b"GET /v1/ping HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 100000,
             (431, 400, 413, None)),
            ("a path of 1 MB", b"GET /" + b"a" * (1 << 20), (414, 431, 400, None)),
            ("a method of 100 kB", b"A" * 100000, (414, 431, 400, 501, 405, None)),
            ("no Host", b"GET /v1/ping HTTP/1.1\r\n\r\n", (400,)),
            ("two Hosts", b"GET /v1/ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", (400,)),
            ("no version", b"GET /v1/ping\r\n\r\n", (400, 505, None)),
            ("version 3", b"GET /v1/ping HTTP/3.0\r\nHost: a\r\n\r\n", (400, 505, None)),
            ("a header without a colon", b"GET /v1/ping HTTP/1.1\r\nHost: a\r\nbad\r\n\r\n",
             (400,)),
            ("a folded header", b"GET /v1/ping HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
             (200, 400)),
            ("a zero byte in the path", b"GET /v1/ping\0 HTTP/1.1\r\nHost: a\r\n\r\n",
             (200, 400, 404, None)),
            ("noise", bytes(range(256)) * 8 + b"\r\n\r\n", (400, 501, 505, 405, 404, None)),
            ("only newlines", b"\r\n" * 5000, (400, 431, 414, None))):
        status = raw(s, data + (b"" if data.endswith(b"\n") or len(data) > 4000 else b"\r\n"))
        ok(status in wants, f"{name}: {status or 'closed'}")
    alive(s, "bad headers")


def test_clients(s):
    path = "/v1/tenants/acme/things"
    refused(request(s, "GET", path), 403, "client-missing", "no certificate")
    refused(request(s, "GET", path, client=STRANGER), 403, "client-unknown", "an unknown one")
    refused(request(s, "GET", path, client=EXPIRED), 403, "client-expired", "an expired one")
    a = request(s, "GET", path, client=CUSTOMER)
    ok(a.status == 200 and a.json["label"] == "acme's build", "a customer")
    refused(request(s, "GET", "/v1/tenants/other/things", client=CUSTOMER), 403, "client-tenant",
            "a customer of another tenant")
    refused(request(s, "GET", "/v1/tenants/acm/things", client=CUSTOMER), 403, "client-tenant",
            "of a tenant whose name begins alike")
    refused(request(s, "DELETE", path, client=CUSTOMER), 403, "client-role",
            "a customer where administrators belong")
    ok(request(s, "DELETE", path, client=ADMIN).status == 200, "an administrator")
    ok(request(s, "GET", "/v1/tenants/other/things", client=ADMIN).json["tenant"] == "other",
       "an administrator with any tenant")
    ok(request(s, "GET", "/v1/ping", client=STRANGER).status == 200,
       "an unknown certificate where none is needed")
    s.wait_log("caller=\"acme's build\"")
    ok(True, "the caller's name in the log")


def test_tls(s):
    ctx = context()
    ctx.minimum_version = ctx.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with socket.create_connection(("127.0.0.1", s.port), LIMIT) as sock:
            ctx.wrap_socket(sock, server_hostname="127.0.0.1")
        ok(False, "TLS 1.2 is refused")
    except OSError:
        ok(True, "TLS 1.2 is refused")
    with Conn(s) as c:
        ok(c.sock.version() == "TLSv1.3", "TLS 1.3")
        ok(c.sock.getpeercert(True) == der("server"), "the server's certificate")
    with socket.create_connection(("127.0.0.1", s.port), LIMIT) as sock:
        sock.sendall(text_of("GET", "/v1/ping"))
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        ok(not data.startswith(b"HTTP"), "no HTTP without TLS")
    alive(s, "bad TLS")


def test_metrics(s):
    text = request(s, "GET", "/metrics").body.decode()
    line = re.compile(r'(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="[^"\\\n]*"'
                      r'(,[a-z_]+="[^"\\\n]*")*\})? [0-9.e+-]+)')
    wrong = [x for x in text.splitlines() if not line.fullmatch(x)]
    if not ok(text.endswith("\n") and not wrong, "every line is of the format"):
        note("\n".join(wrong[:5]))
    types = re.findall(r"^# TYPE (\S+)", text, re.M)
    ok(len(types) == len(set(types)), "every family once")
    before = s.metric('erot_refusals_total{code="method"}')
    request(s, "PUT", "/v1/ping")
    ok(s.metric('erot_refusals_total{code="method"}') == before + 1, "refusals by code")
    name = 'erot_http_requests_total{method="GET",route="/v1/raw/{rest}",status="200"}'
    before = s.metric(name)
    request(s, "GET", "/v1/raw/x")
    ok(s.metric(name) == before + 1, "requests by route and status")
    family = 'erot_http_request_duration_seconds_bucket{method="GET",route="/v1/ping",le='
    buckets = [int(x) for x in re.findall(re.escape(family) + r'"[^"]+"\} (\d+)', text)]
    total = re.search(r'duration_seconds_count\{method="GET",route="/v1/ping"\} (\d+)', text)
    ok(len(buckets) == 13 and buckets == sorted(buckets) and buckets[-1] == int(total.group(1)),
       "a histogram that adds up")
    wrong = [x for x in s.log().splitlines()
             if not re.fullmatch(r'([a-z]+=("([^"\\]|\\.)*"|[^ "=\\]+) ?)+', x)]
    if not ok(not wrong, "every line of the log is of its format"):
        note("\n".join(wrong[:5]))
