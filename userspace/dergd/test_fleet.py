# SPDX-License-Identifier: GPL-2.0-only
"""dergd under load over HTTPS, killed again and again: TAP on standard output.

    test_fleet.py BUILD POSTGRESQL      directory with the programs; URL of an empty database

Two sessions want each launch, at the same time and without end: what one of them is granted stays
granted to it, byte for byte, and the other gets nothing, whatever dies in between. First one dergd
on SQLite that is killed 50 times, then two on one PostgreSQL, whose clients ask now the one, now the
other, while either is killed. Behind that an independent implementation reads the log from its tiles: every
answered entry is where the answer said, and every checkpoint that was seen is a prefix.
"""
import base64
import copy
import json
import os
import random
import shutil
import sys
import threading
import time
import traceback

sys.dont_write_bytecode = True

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey           # noqa: E402

from test_http_fixture import (ADMIN, CUSTOMER, DIR, Server, certificate, done, note,   # noqa: E402
                               ok, request)
from test_api_machine import Machine, b64                                               # noqa: E402
from test_api_provider import BUILD, T, package, provider                               # noqa: E402
import oracle_log                                                                       # noqa: E402

RIVALS = 2
RELEASE = 5             # enum erot_log_kind
SPENT = "receipt-spent"


class Lost(Exception):
    """No answer: the server died, or was not there."""


def post(s, path, body, client=None):
    try:
        a = request(s, "POST", path, body=json.dumps(body), client=client)
    except (OSError, EOFError) as e:
        raise Lost from e
    if a.status == 503:         # busy with another transaction, or about to end
        raise Lost
    return a


class Fleet:
    """@n servers on one database; killed ones are replaced."""

    def __init__(self, n):
        self.servers = [self.start() for _ in range(n)]
        self.kills = 0

    def start(self):
        return Server(program=f"{BUILD}/dergd", directory=f"{DIR}/derg")

    def any(self):
        return random.choice(self.servers)

    def kill(self):
        i = random.randrange(len(self.servers))
        self.servers[i].process.kill()
        self.kills += self.servers[i].process.wait() == -9
        self.servers[i] = self.start()


class Launch:
    """A receipt that @RIVALS sessions want."""

    def __init__(self, s, machine, number, want):
        a = post(s, T + "/statements", want, CUSTOMER)
        envelope, order = package(base64.b64decode(a.json["statement"]), "app")
        a = post(s, T + "/receipts", {"statement": a.json["statement"], "order": b64(order),
                                      "envelope": b64(envelope)}, CUSTOMER)
        self.number = number
        self.receipt = base64.b64decode(a.json["receipt"])
        self.digest = bytes.fromhex(a.json["digest"])
        self.rivals = [copy.copy(machine) for _ in range(RIVALS)]
        for r in self.rivals:
            r.boot, r.session = X25519PrivateKey.generate(), X25519PrivateKey.generate()
        self.answers = [set() for _ in range(RIVALS)]   # every one that came


class Load:
    """Rivals that ask until they are stopped."""

    def __init__(self, fleet, launches, machine):
        self.fleet, self.launches, self.machine = fleet, launches, machine
        self.proofs, self.wrong = [], []
        self.answered = self.rounds = 0
        self.stop = False
        self.lock = threading.Lock()

    def one(self, launch, i):
        """Asks for one launch until there is an answer."""
        rival = launch.rivals[i]
        while not self.stop:
            try:
                a = post(self.fleet.any(), f"{T}/machines/{self.machine.id}/challenges", {})
                body = rival.release(launch.receipt, launch.digest,
                                     base64.b64decode(a.json["challenge"]))
                a = post(self.fleet.any(), T + "/releases", body)
            except Lost:
                time.sleep(0.01)        # it is not there yet: nothing to wait for but time
                continue
            with self.lock:
                self.answered += 1
                if a.status == 200:
                    launch.answers[i].add(a.json["release"])
                    self.proofs.append((launch.number, a.json["proof"]))
                elif a.code == SPENT:
                    launch.answers[i].add(SPENT)
                else:
                    self.wrong.append(f"{a.status} {a.body[:200]}")
            return

    def rival(self, i):
        try:
            while not self.stop:
                for launch in self.launches:
                    self.one(launch, i)
                self.rounds += 1
        except Exception:       # pylint: disable=broad-except
            self.wrong.append(traceback.format_exc())

    def run(self, kills):
        """Some answers, then a death in the middle of something; and all of it again."""
        threads = [threading.Thread(target=self.rival, args=(i,)) for i in range(RIVALS)]
        for t in threads:
            t.start()
        while self.fleet.kills < kills and not self.wrong:
            want = self.answered + random.randrange(1, 6)
            while self.answered < want and not self.wrong:
                time.sleep(0.001)
            time.sleep(random.random() * 0.03)  # anywhere in the next transactions
            self.fleet.kill()
        while self.rounds < 2 * RIVALS and not self.wrong:      # everybody has asked for everything
            time.sleep(0.01)
        self.stop = True
        for t in threads:
            t.join()


# ---- what is left

def proof_of(text):
    """C2SP tlog-proof: index, hashes, checkpoint."""
    head, checkpoint = text.split("\n\n", 1)
    lines = head.splitlines()
    index = int(lines[1].split()[1])
    return index, [base64.b64decode(x) for x in lines[2:]], checkpoint


def climb(index, size, leaf, path):
    """RFC 9162, 2.1.3.2: the root that a path leads to."""
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if fn & 1 or fn == sn:
            r = oracle_log.node_hash(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = oracle_log.node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return r if not sn else None


def read_log(s):
    """Every entry, from the tiles, and the log's verifier key."""
    vkey = request(s, "GET", "/v1/certificates").json["log"]
    note_ = request(s, "GET", "/v1/log/checkpoint").body
    size = int(oracle_log.note_text(vkey, note_).decode().splitlines()[1])
    entries = []
    for i in range((size + 255) // 256):
        name = oracle_log.tile_name("entries", i, min(256, size - 256 * i))
        bundle, at = request(s, "GET", f"/v1/log/{name}").body, 0
        while at < len(bundle):
            n = int.from_bytes(bundle[at:at + 2], "big")
            entries.append(bundle[at + 2:at + 2 + n])
            at += 2 + n
    return vkey, note_, entries


def check_log(name, load, s):
    vkey, note_, entries = read_log(s)
    hashes = [oracle_log.leaf_hash(e) for e in entries]
    root = base64.b64decode(oracle_log.note_text(vkey, note_).decode().splitlines()[2])
    oracle_log.check_streams(entries)
    ok(len(entries) and oracle_log.mth(hashes) == root, f"{name}: the log's {len(entries)} entries")
    lost, forked, places, roots = 0, 0, {}, {}
    for number, text in load.proofs:
        index, path, checkpoint = proof_of(text)
        lines = oracle_log.note_text(vkey, checkpoint.encode()).decode().splitlines()
        size, seen = int(lines[1]), base64.b64decode(lines[2])
        if size not in roots:
            roots[size] = oracle_log.mth(hashes[:size]) if size <= len(hashes) else None
        kind = int.from_bytes(entries[index][16:20], "little") if index < len(entries) else 0
        lost += kind != RELEASE or climb(index, size, hashes[index], path) != seen
        forked += roots[size] != seen
        places.setdefault(number, set()).add(index)
    ok(load.proofs and not lost, f"{name}: {lost} of {len(load.proofs)} answered entries are lost")
    ok(not forked, f"{name}: {forked} of {len(roots)} checkpoints are of another log")
    releases = sum(int.from_bytes(e[16:20], "little") == RELEASE for e in entries)
    ok(all(len(x) == 1 for x in places.values()) and releases == len(places) == len(load.launches),
       f"{name}: each launch has one entry: {releases}")


def check_launches(name, load):
    winners, unsteady, useless = [], 0, 0
    for launch in load.launches:
        unsteady += any(len(a) != 1 for a in launch.answers)
        won = [i for i, a in enumerate(launch.answers) if a != {SPENT}]
        winners.append(len(won))
        for i in won:
            useless += any(launch.rivals[i].open(base64.b64decode(x), launch.digest) is None
                           for x in launch.answers[i] - {SPENT})
    ok(winners and all(n == 1 for n in winners),
       f"{name}: {len(winners)} launches, each released to one session")
    ok(not unsteady, f"{name}: {unsteady} sessions got more than one answer")
    ok(not useless, f"{name}: the sessions that won have the key")


def begin(*options):
    """A provider, one machine with a software key."""
    shutil.rmtree(f"{DIR}/root", ignore_errors=True)
    provider(*options)
    fleet = Fleet(1)
    s, machine = fleet.servers[0], Machine()
    policy = json.dumps({"version": 1, "bank": "sha256", "pcrs": {}, "moduleVersions": ["0.1"],
                         "hostState": [], "hardwareKeys": ["software"],
                         "eventLog": "optional"}).encode()
    request(s, "PUT", T + "/policy", body=json.dumps({"policy": b64(policy)}), client=ADMIN)
    a = post(s, T + "/machines", {"softwareKey": b64(machine.spki)})
    post(s, f"{T}/machines/{machine.id}/activation",
         {"secret": b64(machine.prove(base64.b64decode(a.json["secret"])))})
    return fleet, machine


def test(name, servers, kills, launches, *options):
    fleet, machine = begin(*options)
    with open(f"{DIR}/app.manifest", "rb") as f:
        want = {"machine": machine.id, "manifest": b64(f.read())}
    load = Load(fleet, [Launch(fleet.servers[0], machine, i, want) for i in range(launches)],
                machine)
    while len(fleet.servers) < servers:
        fleet.servers.append(fleet.start())
    load.run(kills)
    ok(fleet.kills == kills, f"{name}: dergd killed {fleet.kills} times, {load.answered} answers")
    if not ok(not load.wrong, f"{name}: no answer but a release or {SPENT}"):
        note("\n".join(load.wrong[:5]))
    check_launches(name, load)
    check_log(name, load, fleet.any())
    ok(all(s.stop() == 0 for s in fleet.servers), f"{name}: a clean end")
    os.rename(f"{DIR}/derg", f"{DIR}/derg-{name}")


def main():
    for name in ("server", ADMIN, CUSTOMER):
        certificate(name, "-days", "2")
    test("sqlite", 1, 50, 40)
    test("postgresql", 2, 16, 24, "--database", sys.argv[2])


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
