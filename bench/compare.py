# SPDX-License-Identifier: GPL-2.0-only
"""What is compared with what, and what was aimed at. A side is (bench, case, metric); the ratio is
ours over theirs, taken round by round. Of "max" the ratio should stay below its target, of "min"
above; without a target the figure is for information."""


class Row:
    def __init__(self, text, ours, theirs=None, most=None, least=None):
        self.text, self.ours, self.theirs = text, ours, theirs
        self.most, self.least = most, least


def launch(text, metric, other, **target):
    return Row(text, ("launch", "erot", metric), ("launch", other, "first"), **target)


def read(text, pattern, other, metric=None, **target):
    return Row(text, ("read", "erot", pattern), ("read", other, metric or pattern), **target)


def sized(text, size, other, metric="released-to-first", theirs="first", **target):
    return Row(text % size, ("size", "erot-" + size, metric), ("size", other, theirs), **target)


def rows(cpus, sizes):
    many = str(cpus)
    out = [
        launch("release to first instruction, bubblewrap", "released-to-first", "bubblewrap", most=1.0),
        launch("release to first instruction, crun", "released-to-first", "crun", most=0.3),
        launch("release to first instruction, runc", "released-to-first", "runc"),
        launch("release to first instruction, unshare", "released-to-first", "unshare"),
        launch("release to first instruction, namespaces", "released-to-first", "namespaces"),
        launch("release to first instruction, fork+exec", "released-to-first", "fork+exec"),
        launch("command to first instruction, crun", "first", "crun"),
    ]
    out += [Row("  of it: %s" % step, ("launch", "erot", "phase-" + step)) for step in (
        "request", "session", "released", "provisioned", "started", "attached", "bound", "mounted",
        "exec", "first")]
    for size in sizes:
        if size != sizes[0]:
            out += [
                sized("release to first instruction: %%s MiB, %s MiB" % sizes[0], size,
                      "erot-" + sizes[0], theirs="released-to-first", most=1.1),
                sized("  whole command: %%s MiB, %s MiB" % sizes[0], size, "erot-" + sizes[0], "first"),
            ]
        out += [
            sized("release to first instruction: %s MiB, dm and bubblewrap", size, "dm-" + size),
            sized("release to first instruction: %s MiB, age, tar and bubblewrap", size, "age-" + size),
        ]
    out += [
        read("read in sequence, gcm+sha256 on all processors", "seq-1", "gcm+sha256", "seq-" + many,
             least=0.85),
        read("read in sequence, dm-verity on dm-crypt", "seq-1", "dm", least=1.0),
        read("mapped walk, dm-verity on dm-crypt", "map-1", "dm", least=1.0),
        read("random 128 KiB, dm-verity on dm-crypt", "rand128k-1", "dm", least=1.0),
        read("random 4 KiB, a quarter of gcm+sha256", "rand4k-1", "gcm+sha256", "seq-1", least=0.25 * 0.85),
        read("random 4 KiB, dm-verity on dm-crypt", "rand4k-1", "dm"),
        read("a reader on each processor, gcm+sha256 on all", "seq-" + many, "gcm+sha256", least=0.85),
        read("a reader on each processor, dm-verity on dm-crypt", "seq-" + many, "dm", least=1.0),
        read("with one processor: in sequence, gcm+sha256", "seq-alone", "gcm+sha256", least=0.85),
        read("with one processor: in sequence, dm-verity on dm-crypt", "seq-alone", "dm", least=1.0),
        Row("one reader: on all processors, with one", ("read", "erot", "seq-1"),
            ("read", "erot", "seq-alone"), least=0.9 * cpus),
        Row("a reader on each processor, with one", ("read", "erot", "seq-" + many),
            ("read", "erot", "seq-alone"), least=0.9 * cpus),
        Row("  gcm+sha256 on all processors, with one", ("read", "gcm+sha256", "seq-" + many),
            ("read", "gcm+sha256", "seq-alone")),
        Row("memcpy, gcm+sha256", ("read", "memcpy", "seq-1"), ("read", "gcm+sha256", "seq-1")),
        Row("death: keys gone", ("death", "alone", "keys")),
        Row("death: wait() returns, same program in plaintext", ("death", "alone", "wait"),
            ("death", "plain", "wait")),
        Row("death: everything released", ("death", "alone", "released")),
        Row("sessions that live meanwhile", ("death", "among", "sessions")),
        Row("death among them: keys gone, alone", ("death", "among", "keys"), ("death", "alone", "keys")),
        Row("death among them: wait() returns, alone", ("death", "among", "wait"),
            ("death", "alone", "wait")),
        Row("  in plaintext: among them, alone", ("death", "plain-among", "wait"),
            ("death", "plain", "wait")),
        Row("death among them: everything released, alone", ("death", "among", "released"),
            ("death", "alone", "released")),
        Row("death of all at once, each", ("death", "all", "released")),
        Row("fork, exec, exit: module idle, no module", ("probes", "idle", "forkexec"),
            ("probes", "absent", "forkexec"), most=1.01),
        Row("fork, exec, exit: among those sessions, as many processes", ("probes", "live", "forkexec"),
            ("probes", "plain", "forkexec")),
        Row("  among as many processes, alone", ("probes", "plain", "forkexec"),
            ("probes", "idle", "forkexec")),
        Row("sessions at once", ("scale", "erot", "sessions")),
        Row("session: memory of the kernel", ("scale", "erot", "memory"), most=4096),
        Row("  of it: slab", ("scale", "erot", "slab")),
        Row("session made: the last, the first", ("scale", "last", "make"), ("scale", "first", "make"),
            most=1.2),
        Row("  sealing for it, in userspace: then, at first", ("scale", "last", "seal"),
            ("scale", "first", "seal")),
        Row("GET of all sessions", ("scale", "many", "dump")),
        Row("  for each: of all, of one in a hundred", ("scale", "many", "dump-each"),
            ("scale", "few", "dump-each")),
        Row("GET of one session: among all, among one in a hundred", ("scale", "many", "get"),
            ("scale", "few", "get")),
        Row("close of all sessions, each", ("scale", "erot", "close")),
        Row("  until the last key is gone, each", ("scale", "erot", "release")),
        Row("unload: evidence of all unacknowledged, no session", ("scale", "many", "unload"),
            ("scale", "none", "unload")),
        Row("ewc prepare, mkfs.erofs + gcm + sha256", ("pack", "ewc", "seconds"),
            ("pack", "parts", "seconds"), most=1.0 / 0.85),
        Row("ewc prepare: memory of the largest, of the smallest", ("pack", "ewc-largest", "maxrss"),
            ("pack", "ewc-smallest", "maxrss"), most=1.1),
    ]
    out += [Row("entries of the long log", ("log", "long", "entries")),
            Row("append, to a log of 1,000", ("log", "long", "append"), ("log", "short", "append"), most=1.5),
            Row("proof, of a log of 1,000", ("log", "long", "prove"), ("log", "short", "prove"), most=1.5)]
    for database in ("sqlite", "postgresql", "postgresql-two"):
        for clients in (1, 4, 16):
            out += derg(database, clients)
    for database in ("sqlite", "postgresql"):
        for clients in (1, 4, 16):
            out += https(database, clients)
    return out


def within(side):
    return [Row(text, side[:2] + ("%s-%s" % (side[2], part),)) for part, text in (
        ("p50", "  half of them within"), ("p99", "  all but one in a hundred within"))]


# the target is that of many clients; what an append needs of the HSM is nothing
OPERATIONS = (("statement", "key statements", "statement"), ("receipt", "receipts", "receipt"),
              ("release", "releases", "release"), ("release-proof", "releases with proof", "release"),
              ("append", "log appends", None))


def derg(database, clients):
    out = []
    for metric, text, raw in OPERATIONS:
        ours = ("derg", database, "%s-%d" % (metric, clients))
        theirs = raw and ("derg", "hsm-" + database, "%s-%d" % (raw, clients))
        name = "%s a second, %s, %d at once" % (text, database, clients)
        out.append(Row(name + ", raw HSM" if raw else name, ours, theirs,
                       least=0.8 if raw and clients == 16 else None))
        out += within(ours)
    return out


# attested ones, by a dergd, and what is in them besides HTTP
def https(database, clients):
    def side(metric, case="attested-"):
        return "derg", case + database, "%s-%d" % (metric, clients)

    where = "%s, %d at once" % (database, clients)
    ours, plain, raw = side("release-https"), side("release-proof"), side("release", "hsm-attested-")
    return [
        Row("releases over HTTPS a second, %s, raw HSM" % where, ours, raw),
    ] + within(ours) + [
        Row("  over HTTPS, without HTTP", ours, plain),
        Row("  without HTTP, raw HSM", plain, raw),
        Row("challenges over HTTPS a second, %s" % where, side("challenge-https")),
    ] + within(side("challenge-https"))
