# SPDX-License-Identifier: GPL-2.0-only
"""Client of the HTTPS server in test_http.c: TAP on standard output.

    test_http.py SERVER     SERVER --serve FILE ADMIN CUSTOMER is what it starts
"""
import shutil
import sys
import traceback

sys.dont_write_bytecode = True

from test_http_fixture import (ADMIN, CUSTOMER, DIR, STRANGER, Server, certificate,  # noqa: E402
                               done, note, ok, openssl)
import test_http_requests as requests   # noqa: E402
import test_http_server as server       # noqa: E402


def main():
    for name in ("server", "other", ADMIN, CUSTOMER, STRANGER, "ca"):
        certificate(name, "-days", "2")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            "expired.key", "-out", "expired.csr", "-subj", "/CN=expired")
    openssl("x509", "-req", "-in", "expired.csr", "-signkey", "expired.key", "-days", "-1",
            "-out", "expired.pem")
    shared = Server(admin=ADMIN)
    for test in (requests.test_plain, requests.test_routes, requests.test_problems,
                 requests.test_json, requests.test_bodies, requests.test_headers,
                 requests.test_clients, requests.test_tls, server.test_process,
                 requests.test_metrics):
        note(test.__name__)
        test(shared)
    ok(shared.stop() == 0, "a clean end")
    for test in (server.test_start, server.test_slow, server.test_many, server.test_memory,
                 server.test_queue, server.test_reload, server.test_issuer, server.test_stop,
                 server.test_service_manager):
        note(test.__name__)
        test()


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
