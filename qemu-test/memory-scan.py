#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Boots machines, ends sessions in each way there is, and searches the machines' memory.

memory-scan.py WORK [MACHINE|NAME]...   WORK was made by memory-scan.sh
memory-scan.py --names                  the workloads that are wanted, one a line

Secrets come from two sides: what the customer knows from its own files, what only the module
knows from erot-reveal.ko (qemu-test/reveal), which stops the machine at each. The customer's
content key and chunk key must be the module's: that is a check of the method.
"""
import concurrent.futures
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from memory_secrets import COLUMNS, INSIDE, TRACES, Secrets, expand

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = TOP + "/build"
MEMORY = 384	# MB
LIMIT = 240	# seconds that a machine may take to answer

ENDINGS = ["exit", "kill", "erotd", "deadline", "destroy", "gate", "panic"]
WORDS = {
    "exit": "exit", "kill": "SIGKILL", "erotd": "erotd killed", "deadline": "deadline",
    "destroy": "DESTROY", "gate": "exec gate", "panic": "panic", "reboot": "reboot",
    "reset": "reset, next boot",
}
SHIPPED = ["plain-" + e for e in ENDINGS]
NAMES = ENDINGS + ["reboot", "reset"] + SHIPPED

# at least one of each; where a number is known it is asked for
SOME = "some"
NEW = {"boot": 1, "session": 1}
PROVISIONED = {"boot": 1, "erot": 1, "evidence": 1}
ATTACHED = {"boot": 1, "evidence": 1, "chunk": SOME, "nonce": 1, "schedule": SOME}
RUNNING = dict(ATTACHED, file=SOME, **{t: SOME for t in TRACES})
ENDED = {"boot": 1}
NOTHING = {}


class Failure(Exception):
    pass


class Gone(Failure):
    """The machine has ended, though nobody wanted it to."""


# ---- the machine

class Machine:
    """A guest of run.sh. One loop serves its ports until it says what is waited for."""

    PORTS = ("qmp", "control", "provider", "reveal")
    stopping = False
    alive = []

    @classmethod
    def end_all(cls, *_):
        cls.stopping = True
        for machine in cls.alive:
            machine.process.terminate()
        sys.exit(143)

    def __init__(self, work, name):
        self.work, self.name = work, name
        self.buffer = {p: b"" for p in self.PORTS}
        self.lines = {"qmp": [], "control": []}
        self.on_secret = self.on_release = lambda *args: None
        self.log = open(f"{work}/{name}.log", "w", encoding="utf-8", buffering=1)
        self.runner_log = f"{work}/{name}.run"
        self.socket, self.process = {}, None

    def start(self):
        """Until it can be told what to do. The runner boots it once more, with all ports connected
        anew, when the kernel fails before the module is there."""
        if Machine.stopping:
            raise Failure("stopped")
        listeners = {}
        for p in self.PORTS:	# QEMU connects, so that nobody has to ask whether it listens yet
            listeners[p] = socket.socket(socket.AF_UNIX)
            listeners[p].bind(self.path(p))
            listeners[p].listen(1)
        options = f"-qmp unix:{self.path('qmp')}"
        for p in self.PORTS[1:]:
            options += f" -chardev socket,id={p},path={self.path(p)}"
        for p in ("control", "provider"):
            options += f" -device virtserialport,chardev={p},name=erot.{p}"
        options += " -device isa-serial,chardev=reveal,index=2,iobase=0x3e8,irq=4"
        with open(self.runner_log, "wb") as log:
            self.process = subprocess.Popen(
                [TOP + "/qemu-test/run.sh", "-m", str(MEMORY), "--name", "memory-" + self.name,
                 "--image", self.work + "/image", "--disk", self.work + "/disk.tar",
                 "--timeout", "900", "--append", "erot.open=1", "--qemu", options,
                 "--", "bash", "-c", self.COMMAND],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        Machine.alive.append(self)
        try:
            self.connect(listeners)
        except Gone as gone:
            self.connect(listeners, gone)
            print(f"# {gone}, and was booted once more (build/memory-{self.name}.console.first)",
                  flush=True)
        for listener in listeners.values():
            listener.close()

    def connect(self, listeners, gone=None):
        for p, listener in listeners.items():
            if p in self.socket:
                self.socket[p].close()
            self.socket[p] = self.accept(listener, gone)
            self.buffer[p] = b""
        self.lines = {"qmp": [], "control": []}
        self.qmp("qmp_capabilities")
        self.ask(None, "ready")

    def accept(self, listener, gone):
        listener.settimeout(1)
        for _ in range(LIMIT):
            try:
                return listener.accept()[0]
            except socket.timeout:
                if self.process.poll() is not None:
                    break
        raise gone or Failure(f"machine {self.name} does not start")

    # the disk with what the machine is given is found by its serial number
    COMMAND = """for disk in /sys/block/vd*; do
        if [ "$(cat "$disk/serial")" = erot-data ]; then
            mkdir -p /srv/scan && tar -xf "/dev/${disk##*/}" -C /srv/scan
        fi
    done
    exec /srv/scan/guest.sh"""

    def path(self, port):
        return f"{self.work}/{self.name}.{port}"

    def send(self, port, data):
        try:
            self.socket[port].sendall(data)
        except OSError as e:
            raise Gone(f"machine {self.name} is gone") from e

    def serve(self):
        """Waits for one port to say something, and takes whole lines from it."""
        ready = select.select(list(self.socket.values()), [], [], LIMIT)[0]
        if not ready:
            raise Failure(f"machine {self.name} says nothing")
        for port, sock in self.socket.items():
            if sock not in ready:
                continue
            try:
                data = sock.recv(65536)
            except OSError:
                data = b""
            if not data:
                raise Gone(f"machine {self.name} is gone")
            *lines, self.buffer[port] = (self.buffer[port] + data).split(b"\n")
            for line in lines:
                self.take(port, line.decode(errors="replace").strip("\r"))

    def note(self, text):
        print(f"{time.monotonic():.1f} {text}", file=self.log)

    def take(self, port, line):
        self.note(f"{port}: {line.split()[0] if port == 'reveal' else line[:200]}")
        if port == "provider":
            self.provide(line)
        elif port == "reveal":
            name, value = line.split(" ")
            self.on_secret(name, bytes.fromhex(value))
            self.send("reveal", b".")
        elif port == "qmp":
            self.lines[port].append(json.loads(line))
        else:
            self.lines[port].append(line)

    def provide(self, line):
        operation, request = line.split(" ", 1)
        if operation == "release":
            self.on_release()
        done = subprocess.run(
            [BUILD + "/dergctl", "--dir", self.work + "/derg", "provider", operation],
            input=request.encode(), stdout=subprocess.PIPE, check=False)
        reply = done.stdout.decode().replace("\n", "")
        self.note(f"{operation}: {done.returncode} {reply[:200]}")
        self.send("provider", f"{done.returncode} {reply}\n".encode())

    def wait(self, port, wanted):
        """The first line that is wanted; those before it are dropped."""
        while True:
            while self.lines[port]:
                line = self.lines[port].pop(0)
                if wanted(line):
                    return line
            self.serve()

    def qmp(self, command, **arguments):
        self.send("qmp", json.dumps({"execute": command, "arguments": arguments}).encode())
        answer = self.wait("qmp", lambda m: "return" in m or "error" in m)
        if "error" in answer:
            raise Failure(f"{command}: {answer['error']['desc']}")

    def tell(self, command):
        self.send("control", command.encode() + b"\n")

    def ask(self, command, wanted):
        if command:
            self.tell(command)
        answer = self.wait("control", lambda line: True)
        if not answer.startswith(wanted):
            raise Failure(f"machine {self.name}: {command}: {answer}")

    def dump(self, to, go_on=True):
        self.qmp("stop")
        self.qmp("pmemsave", val=0, size=MEMORY << 20, filename=to)
        if go_on:
            self.qmp("cont")

    def end(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            Machine.alive.remove(self)
        for sock in self.socket.values():
            sock.close()
        self.log.close()

    def last_words(self):
        words = []
        for path in (self.log.name, self.runner_log):
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as f:
                    words += f.read().splitlines()[-5:]
        return words


# ---- a launch and its dumps

class Launch:
    """Follows one launch from NEW to its end."""

    def __init__(self, machine, name, reveal, stages):
        self.machine, self.name, self.reveal, self.stages = machine, name, reveal, stages
        self.secrets = Secrets(machine.work, name)
        self.dumps = []
        self.opened = 0
        machine.on_secret, machine.on_release = self.on_secret, self.on_release

    def dump(self, stage, go_on=True):
        path = f"{self.machine.work}/{self.name}.{len(self.dumps)}.dump"
        self.machine.dump(path, go_on)
        self.dumps.append((stage, path))

    def on_release(self):
        if self.stages:
            self.dump("NEW")

    def on_secret(self, name, value):
        add, of = self.secrets.add, self.secrets.of
        if name == "erot_hpke_open":
            self.opened += 1
            add(("session", "boot", "erot")[min(self.opened, 3) - 1], value)
        elif name == "erot_evidence_key":
            add("erot", value)
            add("evidence", expand("sha256", value, b"erot/evidence/v1", 32))
        elif name == "erot_hkdf_expand_sha512":
            if value != of["content"][0]:
                raise Failure("the module's content key is not the customer's")
        elif name in ("erot_gcm_open", "erot_gcm_alloc", "erot_hkdf_expand_sha256"):
            if value not in of["chunk"] + of["erot"]:
                add("hpke", value)
        elif name == "erot_image_load" and self.stages:
            self.dump("PROVISIONED")
        elif name == "erot_sandbox_bind" and self.stages:
            self.dump("ATTACHED")

    def run(self):
        self.machine.ask("launch " + self.name, "running")
        if self.reveal and (self.opened != 3 or len(self.secrets.of["erot"]) != 1):
            raise Failure("the module did not use the keys that it should")
        self.dump("RUNNING")


# ---- what is found

class Report:
    EXPECTED = {"NEW": NEW, "PROVISIONED": PROVISIONED, "ATTACHED": ATTACHED, "RUNNING": RUNNING}

    def __init__(self, work):
        self.work, self.rows, self.results = work, [], []
        self.before = []	# of this machine; they must not come back

    @staticmethod
    def scan(lines, paths):
        found = subprocess.run([BUILD + "/memory-scan"] + paths, input="".join(lines).encode(),
                               stdout=subprocess.PIPE, check=True)
        return found.stdout.decode().splitlines()

    def search(self, secrets, paths):
        """For each dump and column the places."""
        places = {p: {c: [] for c in COLUMNS} for p in paths}
        for line in self.scan(secrets.lines(), paths):
            path, column, place, length = line.rsplit(" ", 3)
            places[path][column].append(f"{place}+{length}")
        return places

    def test(self, ok, name, why=()):
        self.results.append((ok, name, list(why)))

    def judge(self, row, places, expected, unknown=()):
        why = []
        for column in COLUMNS:
            want, hits = expected.get(column, 0), len(places[column])
            if column not in unknown and (not hits if want is SOME else hits != want):
                why.append(f"{column}: {hits} hits, expected {want}: "
                           + " ".join(places[column][:8]))
        self.test(not why, row, why)
        self.rows.append((row, ["." if c in unknown else str(len(places[c])) for c in COLUMNS]))

    def launch(self, launch, label, expected):
        """Its stages, then its end, which is the last dump; also for every launch before."""
        unknown = () if launch.reveal else INSIDE
        places = self.search(launch.secrets, [path for _, path in launch.dumps])
        for stage, path in launch.dumps:
            end = stage == "ENDED"
            self.judge(label if end else f"{label}: {stage}", places[path],
                       expected if end else self.EXPECTED[stage], unknown)
        if self.before:
            hits = self.scan(self.before, [path])
            self.test(not hits, f"{label}: nothing of the sessions before", hits)
        self.before.extend(line for line in launch.secrets.lines() if not line.startswith("boot "))
        if not os.environ.get("EROT_KEEP_DUMPS"):
            for _, path in launch.dumps:
                os.unlink(path)


def show(reports):
    """TAP of each as it comes, then one table of all. How many were good, and were not."""
    passed = failed = 0
    rows = []
    print("TAP version 13")
    for report in reports:
        rows += report.rows
        for ok, name, why in report.results:
            passed, failed = passed + ok, failed + (not ok)
            print("ok" if ok else "not ok", passed + failed, "-", name)
            for line in why:
                print("#  ", line)
        sys.stdout.flush()
    print(f"1..{passed + failed}")
    width = max((len(row) for row, _ in rows), default=0)
    print("#", " " * width, *(f"{c:>8}" for c in COLUMNS))
    for row, cells in rows:
        print("#", f"{row:{width}}", *(f"{c:>8}" for c in cells))
    return passed, failed


# ---- ways to end

def finish(machine, launch, ending):
    if ending in ("panic", "reboot"):
        # both end in a reset: memory is as it was then, and nothing runs that could write to it
        machine.qmp("set-action", reboot="shutdown", shutdown="pause")
        machine.tell(ending)
        machine.wait("qmp", lambda m: m.get("event") == "SHUTDOWN")
    elif ending == "reset":
        machine.ask("sync", "ok")	# it boots from that disk again
        machine.qmp("set-action", reboot="reset")
        machine.qmp("system_reset")
        machine.ask(None, "ready")
    else:
        if ending in ("exit", "kill", "gate"):
            signals = {"exit": "TERM", "kill": "KILL", "gate": "USR1"}
            machine.ask("signal " + signals[ending], "ok")
        elif ending == "destroy":
            machine.ask("destroy", "ok")
        elif ending == "erotd":
            machine.ask("erotd_killed", "ok")
        machine.ask("gone", "gone")
    launch.dump("ENDED", ending not in ("panic", "reboot"))
    if ending == "erotd":
        machine.ask("erotd_start", "ok")


def boot(work, name, names, reveal):
    machine, report = Machine(work, name), Report(work)
    try:
        machine.start()
        if reveal:
            machine.ask("reveal", "ok")
        for n in names:
            ending = n.replace("plain-", "")
            launch = Launch(machine, n, reveal, reveal and n == names[0] == ENDINGS[0])
            launch.run()
            finish(machine, launch, ending)
            label = WORDS[ending] if reveal else f"{WORDS[ending]}, as shipped"
            boot_ends = ending in ("panic", "reboot", "reset")
            report.launch(launch, label, NOTHING if boot_ends else ENDED)
    except Failure as e:
        report.test(False, name, [str(e)] + machine.last_words())
    finally:
        machine.end()
    return report


def main():
    if sys.argv[1:] == ["--names"]:
        print(*NAMES, sep="\n")
        return 0
    signal.signal(signal.SIGTERM, Machine.end_all)
    work, only = sys.argv[1], sys.argv[2:]
    begun = time.monotonic()
    jobs = []
    for name, names, reveal in (("sessions", ENDINGS, True), ("shipped", SHIPPED, False),
                                ("reset", ["reset"], True), ("reboot", ["reboot"], True)):
        names = [n for n in names if not only or name in only or n in only]
        if names:
            jobs.append((work, name, names, reveal))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:	# an emulated one is a processor's work
        passed, failed = show(pool.map(lambda job: boot(*job), jobs))
    print(f"# {time.monotonic() - begun:.0f} s")
    if "EROT_RESULT" in os.environ:
        with open(os.environ["EROT_RESULT"], "w", encoding="ascii") as f:
            f.write(f"counts {passed} {failed} 0\n")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
