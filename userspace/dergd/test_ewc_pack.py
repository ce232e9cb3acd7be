# SPDX-License-Identifier: GPL-2.0-only
"""ewc prepare, seal and pack: what becomes of a directory and of a tar, whoever made the tar.

    test_ewc_pack.py BUILD          directory with ewc, dergctl and erot-hsm

Payloads are decrypted here, by a second implementation, and the image compared with that of the
directory of the same files. After each run the temporary directory is empty, and a directory
that hostile archives aim at is as it was.
"""
import base64
import io
import json
import os
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile

sys.dont_write_bytecode = True

from test_http_fixture import LIMIT, note, ok                                       # noqa: E402
from test_launch_fixture import (BUILD, CERT, GOOD, INTERNAL, NOT_FOUND, REFUSED,   # noqa: E402
                                 USAGE, bad, flip, good, launches, main, path, read,
                                 run, says, tool, write)
from test_api_machine import oracle                                                 # noqa: E402
from cryptography.hazmat.primitives import hashes                                   # noqa: E402
from cryptography.hazmat.primitives.ciphers.aead import AESGCM                      # noqa: E402

CHUNK = 16384
DERIVE = f"{BUILD}/dergctl --dir derg derive --machine machine.der"
SECRET = b"what stands outside\n"


# ---- what is seen

def image(name):
    """The EROFS image in NAME.payload, decrypted with NAME.key"""
    key = json.loads(read(f"{name}.key"))
    payload = read(f"{name}.payload")
    okm = oracle.expand(base64.b64decode(key["contentKey"]),
                        b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
                        + base64.b64decode(key["salt"]) + b"erot/payload/v1", 76,
                        hashes.SHA512())
    aead, base = AESGCM(okm[:32]), okm[32:44]
    size = key["imageBytes"]
    text = b"".join(
        aead.decrypt(oracle.xor_nonce(base, n), payload[n * (CHUNK + 16):(n + 1) * (CHUNK + 16)],
                     None) for n in range(-(-size // CHUNK)))
    return text[:size]


def outside():
    """Everything about the directory that is aimed at, but when it was read."""
    seen = []
    for top, dirs, files in os.walk(path("outside")):
        for name in (top, *(f"{top}/{x}" for x in dirs + files)):
            s = os.lstat(name)
            seen.append((name, s.st_mode, s.st_uid, s.st_nlink, s.st_size, s.st_mtime_ns))
    return sorted(seen), read("outside/secret")


def prepare(source, name="x", template="template.json", umask=0o022):
    """ewc prepare, with a temporary directory that must be empty again"""
    for end in ("payload", "key", "manifest"):
        if os.path.exists(path(f"{name}.{end}")):
            os.unlink(path(f"{name}.{end}"))
    before = outside()
    old = os.umask(umask)
    got = tool("ewc", "prepare", "--manifest", template, source, "-o", f"{name}.payload",
               env={"TMPDIR": path("tmp")})
    os.umask(old)
    left = os.listdir(path("tmp"))
    if left or outside() != before:
        ok(False, f"{source}: nothing is left behind, nothing outside is touched")
        note(f"{left} {before} {outside()}")
    return got


def same_image(name, source, want, **how):
    got = prepare(source, **how)
    if got.returncode or got.stderr or image("x") != want:
        ok(False, name)
        return note(says(got))
    return ok(True, name)


def refused(name, source, text=""):
    """As a tar; of what it would have made nothing is there."""
    got = prepare(source)
    bad(name, REFUSED, "tar", got, text)
    left = [x for x in os.listdir(path("")) if x.startswith("x.")]
    if left:
        ok(False, f"{name}: {left} made")


# ---- tar files

def member(name, kind=tarfile.REGTYPE, data=b"", **more):
    """An entry that is what it says, however hostile"""
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size = kind, 0o755 if kind == tarfile.DIRTYPE else 0o644, len(data)
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def symlink(name, target):
    return member(name, tarfile.SYMTYPE, linkname=target)


def hardlink(name, target, data=b""):
    return member(name, tarfile.LNKTYPE, data, linkname=target)


def pack(*members, name="in.tar", form=tarfile.GNU_FORMAT):
    with tarfile.open(path(name), "w", format=form) as out:
        for info, data in members:
            out.addfile(info)
            if data:                        # tarfile writes none for a link
                pad = -len(data) % 512
                out.fileobj.write(data + bytes(pad))
                out.offset += len(data) + pad
    return name


def tree():
    """A directory with one of each kind that a tar and an image can have."""
    os.makedirs(path("tree/bin"))
    os.makedirs(path("tree/empty"))
    with open("/bin/true", "rb") as f:
        write("tree/bin/true", f.read())
    os.link(path("tree/bin/true"), path("tree/bin/hard"))
    os.symlink("../bin/true", path("tree/bin/soft"))
    os.symlink("/nowhere", path("tree/dangling"))
    os.mkfifo(path("tree/fifo"))
    write("tree/" + "n" * 120, b"a name longer than a header of old has room for\n")
    for name in ("gr\u00fc\u00dfe", "gru\u0308\u00dfe", "\u4f60"):
        write(f"tree/{name}", f"{name}: each of these names is another one\n".encode())
    deep = "tree/" + "/".join(["d" * 60] * 5)
    os.makedirs(path(deep))
    write(deep + "/leaf", b"a path longer than any prefix\n")
    with open(path("tree/sparse"), "wb") as f:
        f.truncate(300000)
        f.seek(150000)
        f.write(b"in the middle")
    for name, mode in (("bin/true", 0o4755), ("empty", 0o1777), ("fifo", 0o600), ("sparse", 0o640),
                       (".", 0o755)):
        os.chmod(path(f"tree/{name}"), mode)


def make_tar(name, *options):
    subprocess.run(("tar", "-C", path("tree"), *options, "-cf", path(name), "."), check=True)
    return name


# ---- tests

def test_same():
    good("a directory", prepare("tree", "dir"))
    ok(os.stat(path("dir.key")).st_mode & 0o777 == 0o600 and
       json.loads(read("dir.key"))["imageBytes"] == len(image("dir")), "its key is nobody else's")
    want = image("dir")
    same_image("the same directory, the same image", "tree", want)
    for form in ("gnu", "pax"):
        same_image(f"tar: {form}", make_tar("in.tar", f"--format={form}"), want)
    same_image("tar: with holes", make_tar("in.tar", "--sparse"), want)
    same_image("tar: pax with holes", make_tar("in.tar", "--sparse", "--format=pax"), want)
    for name, option in (("gzip", "-z"), ("bzip2", "-j"), ("xz", "-J"), ("zstd", "--zstd")):
        same_image(f"tar: {name}", make_tar("in.tar", option), want)
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(path("in.tar"), "w", format=form) as out:
            out.add(path("tree"), ".")
        same_image(f"tar: of Python, format {form}", "in.tar", want)
    same_image("tar: an absolute path of the archive", path(make_tar("in.tar")), want)
    os.symlink("in.tar", path("link.tar"))
    same_image("tar: behind a symbolic link", "link.tar", want)


def test_umask():
    """Directories that the archive does not name are made alike for everybody."""
    name = pack(member("usr/bin/app", data=b"app", mode=0o755))
    good("a tar without directories", prepare(name, "plain"))
    for mask in (0o077, 0o000):
        same_image(f"umask {mask:03o}: the same image", name, image("plain"), umask=mask)
        ok(stat.S_IMODE(os.stat(path("x.key")).st_mode) == 0o600, "and a key of one's own")
    os.makedirs(path("dirs/usr/bin"))
    write("dirs/usr/bin/app", b"app")
    for name in ("dirs", "dirs/usr", "dirs/usr/bin", "dirs/usr/bin/app"):
        os.chmod(path(name), 0o755)
    good("the directory of the same", prepare("dirs", "dir"))
    ok(image("dir") == image("plain"), "as if it had named them 0755")


def test_devices():
    files = (member(".", tarfile.DIRTYPE), member("a", data=b"a"))
    good("without devices", prepare(pack(*files), "plain"))
    for name, more in (
            ("character devices", member("null", tarfile.CHRTYPE, devmajor=1, devminor=3)),
            ("block devices", member("sda", tarfile.BLKTYPE, devmajor=8, devminor=0))):
        same_image(f"{name} are left out", pack(*files[:1], more, *files[1:]), image("plain"))
        same_image(f"{name}: and hard links to them", pack(
            *files[:1], more, hardlink("b", more[0].name), hardlink("c", "b"), *files[1:]),
                   image("plain"))
    null = member("b", tarfile.CHRTYPE, devmajor=1, devminor=3)
    good("with a link", prepare(pack(*files, member("b", data=b"b"), hardlink("c", "b")), "link"))
    same_image("a link to what took a device's name", pack(
        files[0], null, *files[1:], member("b", data=b"b"), hardlink("c", "b")), image("link"))


def test_hostile():
    out = path("outside")
    plain = member("a", data=b"a")
    for name, *members in (
            ("../", member("../escaped", data=b"x")),
            ("../ further up", member("../../escaped", data=b"x")),
            ("../ in the middle", member("a/../../../escaped", data=b"x")),
            ("a directory ..", member("../../escaped", tarfile.DIRTYPE)),
            ("an absolute path", member(f"{out}/escaped", data=b"x")),
            ("an absolute directory", member(f"{out}/escaped", tarfile.DIRTYPE)),
            ("an absolute symbolic link", symlink(f"{out}/escaped", "secret")),
            ("a file through a symbolic link", symlink("l", out), member("l/escaped", data=b"x")),
            ("over one that is there", symlink("l", out), member("l/secret", data=b"x")),
            ("a directory through a symbolic link", symlink("l", out),
             member("l/escaped", tarfile.DIRTYPE)),
            ("through one that is relative", symlink("l", "../../../outside"),
             member("l/escaped", data=b"x")),
            ("through two", member("d", tarfile.DIRTYPE), symlink("d/m", out), symlink("l", "d"),
             member("l/m/escaped", data=b"x")),
            ("through one deeper down", member("d", tarfile.DIRTYPE), symlink("d/l", out),
             member("d/l/escaped", data=b"x")),
            ("a symbolic link through one", symlink("l", out), symlink("l/escaped", "x")),
            ("a hard link out", hardlink("h", "../../../outside/secret")),
            ("an absolute hard link", hardlink("h", f"{out}/secret")),
            ("a hard link through a symbolic link", symlink("l", out), hardlink("h", "l/secret")),
            ("and data written through it", symlink("l", out),
             hardlink("h", "l/secret", b"overwritten")),
            ("data for a hard link out", hardlink("h", f"{out}/secret", b"overwritten")),
            ("a hard link to nothing", hardlink("h", "absent")),
            ("a name below a file", member("a/b", data=b"x"))):
        refused(name, pack(plain, *members), members[-1][0].name.lstrip("/"))
        ok(not os.path.lexists(path("escaped")) and not os.path.lexists(path("tmp/escaped")),
           f"{name}: nothing elsewhere")


def test_harmless():
    """What looks like a way out, and is none"""
    out = path("outside")
    files = (member(".", tarfile.DIRTYPE), member("l", data=b"x"))
    good("a file", prepare(pack(*files), "plain"))
    same_image("a file instead of a symbolic link", pack(files[0], symlink("l", f"{out}/secret"),
                                                         files[1]), image("plain"))
    entries = (files[0], member("l", tarfile.DIRTYPE, mode=0o700), member("l/a", data=b"a"))
    good("a directory", prepare(pack(*entries), "plain"))
    same_image("a directory instead of a symbolic link", pack(
        files[0], symlink("l", out), *entries[1:]), image("plain"))


def test_broken():
    whole = read(make_tar("whole.tar"))
    with tarfile.open(path("whole.tar")) as f:
        members = f.getmembers()
    of_true = next(m for m in members if m.name == "./bin/true")
    for name, at in (("in a file", of_true.offset_data + 1000), ("in a header", of_true.offset + 7),
                     ("between two members", of_true.offset),
                     ("in front of its end mark", members[-1].offset_data)):
        refused(f"cut {name}", write("in.tar", whole[:at]))
    for name, option in (("gzip", "-z"), ("bzip2", "-j"), ("xz", "-J"), ("zstd", "--zstd")):
        packed = read(make_tar("in.tar", option))
        refused(f"{name}: cut", write("in.tar", packed[:len(packed) // 2]))
    refused("a header's checksum", write("in.tar", flip(whole, of_true.offset + 20)))
    refused("an empty file", write("in.tar", b""))
    refused("no archive", "template.json")
    refused("an archive, but no tar", write("in.tar", zipped()))
    refused("a device as archive", "/dev/null")
    bad("no such archive", NOT_FOUND, "not-found", prepare("absent.tar"))
    os.chmod(path("tree/empty"), 0o755)
    good("an empty directory", prepare("tree/empty", "dir"))
    same_image("an empty archive is an empty directory", pack(), image("dir"))


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as f:
        f.writestr("a", "a")
    return out.getvalue()


def test_interrupted():
    """A signal in the middle of an archive: what was unpacked goes."""
    os.mkfifo(path("slow.tar"))
    start = read(pack(member("a", data=b"a" * 200000)))[:150000]
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen((f"{BUILD}/ewc", "prepare", "--manifest", "template.json", "slow.tar",
                               "-o", "slow.payload"), cwd=path(""), stderr=subprocess.PIPE,
                              env={**os.environ, "TMPDIR": path("tmp")}) as p:
            with open(path("slow.tar"), "wb") as f:
                f.write(start)
                f.flush()
                end = time.monotonic() + LIMIT
                while not any("a" in files for _, _, files in os.walk(path("tmp"))):
                    if time.monotonic() > end:
                        raise RuntimeError("nothing was unpacked")
                p.send_signal(number)
                p.wait(LIMIT)
            ok(p.returncode == -number and not os.listdir(path("tmp")) and
               not [x for x in os.listdir(path("")) if x.startswith("slow.p")], f"{number.name}: dies of it, and tidies up")


# ---- mkfs.erofs that is not as it should be

def program(name, *lines):
    write(name, "\n".join(("#!/bin/sh", *lines, "")).encode())
    os.chmod(path(name), 0o755)
    return path(name)


def test_mkfs():
    def with_mkfs(*lines):
        program("bin/mkfs.erofs", *lines)
        got = tool("ewc", "prepare", "--manifest", "template.json", "root", "-o", "y.payload",
                   env={"PATH": path("bin") + ":/usr/sbin:/usr/bin:/sbin:/bin",
                        "TMPDIR": path("tmp")})
        left = os.listdir(path("tmp")) + [x for x in os.listdir(path("")) if x.startswith("y.")]
        if left and got.returncode:
            ok(False, f"of what failed nothing is left: {left}")
        return got

    real = '/usr/bin/mkfs.erofs "$@"'
    os.mkdir(path("bin"))
    good("mkfs.erofs of the test's own", with_mkfs(real))
    for name in ("y.payload", "y.key", "y.manifest"):
        os.unlink(path(name))
    bad("it fails, and says why", INTERNAL, "command", with_mkfs(
        "echo first >&2; echo 'it is too late' >&2; exit 1"), "it is too late: mkfs.erofs failed")
    bad("it fails, and says nothing", INTERNAL, "command", with_mkfs("exit 9"),
        "mkfs.erofs failed with status 9")
    bad("it makes nothing", INTERNAL, "image", with_mkfs("exit 0"), "made no image")
    last = 'for out; do before=$image image=$out; done; '
    bad("it makes something else", REFUSED, "image", with_mkfs(
        last + 'head -c 8192 /dev/zero >"$before"'), "not plain EROFS")
    bad("it compresses", REFUSED, "image", with_mkfs(real.replace('"$@"', '-zlz4 "$@"')),
        "features 0x1")
    bad("it is not there", NOT_FOUND, "command", tool(
        "ewc", "prepare", "--manifest", "template.json", "root", "-o", "y.payload",
        env={"PATH": path("outside")}), "apt install erofs-utils")


def test_tmpdir():
    def with_tmpdir(where):
        return tool("ewc", "prepare", "--manifest", "template.json", "root", "-o", "y.payload",
                    env={"TMPDIR": where})

    good("a relative TMPDIR is none", with_tmpdir("absent"))
    bad("a TMPDIR that is not there", INTERNAL, "io", with_tmpdir(path("absent")), "absent/ewc-")
    bad("a TMPDIR that is too long", USAGE, "usage", with_tmpdir("/" + "x" * 5000))


# ---- the envelope

def test_seal():
    files = {"statement": "app.statement", "cert": CERT, "payload": "app.payload",
             "key": "app.key", "manifest": "app.manifest"}

    def seal(*flags, out="y.ewc", command="seal", **other):
        options = {**files, **other}
        return tool("ewc", command, *[x for k, v in options.items() if v for x in ("--" + k, v)],
                    *flags, "-o", out)

    good("seal", seal(), "")
    good("renew, in one file", seal("--one-file", out="one.ewc", command="renew"), "")
    one, env = read("one.ewc"), read("y.ewc")
    ok(one.endswith(read("app.payload")) and
       len(one) == -(-len(env) // 4096) * 4096 + len(read("app.payload")),
       "the payload follows at a multiple of 4096")
    good("again, of a payload behind its envelope", seal("--one-file", out="two.ewc",
                                                         payload="one.ewc"))
    good("which is one that verifies", tool("ewc", "verify", "--ewc", "two.ewc", "--key",
                                            "app.key"), "payload: good")
    got = seal(cert=None)
    ok(got.returncode == GOOD and got.stderr == b"ewc: warning: nobody checked who signed "
       b"app.statement; give --cert\n", "without --cert it warns")

    os.unlink(path("y.ewc"))
    for name, code, other in (
            ("another manifest", "statement-manifest", {"manifest": "template.json"}),
            ("one of the same length", "statement-manifest", {
                "manifest": write("other.manifest", flip(read("app.manifest"), 20))}),
            ("a shorter one", "statement-manifest", {
                "manifest": write("short.manifest", read("app.manifest")[:-1])}),
            ("a payload that is cut", "payload-length", {
                "payload": write("short.payload", read("app.payload")[:-1])}),
            ("a payload of another size", "payload-length", {"payload": "dir.payload"}),
            ("no payload behind the envelope", "payload", {"payload": "app.ewc"}),
            ("a key file that is none", "key-file", {"key": "app.manifest"}),
            ("an image of an impossible size", "payload-image-size", {
                "key": write("odd.key", json.dumps({**json.loads(read("app.key")),
                                                    "imageBytes": 4097}).encode())}),
            ("a stranger's certificate", "cms-signer", {"cert": "order.pem"}),
            ("an altered statement", "cms-signature", {
                "statement": write("x", flip(read("app.statement"), -1))}),
            ("a receipt as statement", "statement-purpose", {"statement": "app.receipt"})):
        for flags in ((), ("--one-file",)):
            bad(f"seal: {name} {' '.join(flags)}", REFUSED, code, seal(*flags, **other))
    for name in files:
        bad(f"seal: no such {name}", NOT_FOUND, "not-found", seal(**{name: "absent"}), "absent: ")
    for flags in ((), ("--one-file",)):
        bad("seal: into no directory", NOT_FOUND, "io", seal(*flags, out="absent/y.ewc"))
        bad("seal: over a directory", REFUSED, "io", seal(*flags, out="outside"))
    bad("seal: a name too long", INTERNAL, "io", seal("--one-file", out="x/" * 2045))
    ok(not [x for x in os.listdir(path("")) if x.startswith("y.ewc") or "unfinished" in x or
            x.endswith(".tmp")], "none of these has left a file")
    for name in [x for x in files if x != "cert"]:
        bad(f"seal: without {name}", USAGE, "usage", seal(**{name: None}), "are needed")


# ---- all at once

def test_pack():
    def pack_of(source, *options, derive=DERIVE, out="z.ewc"):
        for name in os.listdir(path("")):
            if name.startswith(("z.", "z/")):
                os.unlink(path(name))
        got = tool("ewc", "pack", "--manifest", "template.json", "--cert", CERT, "--derive", derive,
                   source, *options, *(("-o", out) if out else ()), env={"TMPDIR": path("tmp")})
        if os.listdir(path("tmp")):
            ok(False, "the temporary directory is empty")
        return got, sorted(x for x in os.listdir(path("")) if x.startswith("z."))

    def failed(name, status, text, derive, code="command"):
        got, left = pack_of("root", derive=derive)
        last = got.stderr.decode().splitlines()[-1:]
        good_ = got.returncode == status and last and last[0].startswith("ewc: ") and text in last[
            0] and last[0].endswith(f"({code})" if code else "[-o EWC]")
        if not ok(good_ and left in (["z.key", "z.manifest"], ["z.key", "z.manifest",
                                                               "z.statement"]),
                  f"pack: {name}: {status}, no payload is left"):
            note(f"{says(got)} {left}")

    got, made = pack_of(make_tar("in.tar"))
    good("pack: a tar", got)
    ok(made == ["z.ewc", "z.key", "z.manifest", "z.statement"], "its files")
    good("pack: verifies", tool("ewc", "verify", "--ewc", "z.ewc", "--key", "z.key"), "good")
    got, made = pack_of("root", "--payload", "z.data", "--key", "z.secret")
    good("pack: payload and key elsewhere", got)
    ok(made == ["z.data", "z.ewc", "z.manifest", "z.secret", "z.statement"], "their files")
    good("pack: verifies", tool("ewc", "verify", "--ewc", "z.ewc", "--payload", "z.data", "--key",
                                "z.secret"), "good")
    write("root.json", read("template.json"))
    good("pack: names by default", tool("ewc", "pack", "--derive", DERIVE, "--cert", CERT, "root/"))
    good("pack: verifies", tool("ewc", "verify", "--ewc", "root.ewc", "--key", "root.key"), "good")

    program("exit", "exit $1")
    program("signal", "kill -9 $$")
    program("told", f'echo "$@" >{path("told.args")}; cat >{path("told.in")}; exit 1')
    write("not-executable", b"")
    for name, status, text, derive, *code in (
            ("refused", REFUSED, "./exit failed with status 3", "./exit 3"),
            ("not found", NOT_FOUND, "./exit failed with status 4", "./exit 4"),
            ("failed", INTERNAL, "./exit failed with status 1", "./exit 1"),
            ("killed", INTERNAL, "./signal: Killed", "./signal"),
            ("no such command", NOT_FOUND, "./absent: not installed", "./absent"),
            ("no command", INTERNAL, "status 126", "./not-executable"),
            ("no such epoch", NOT_FOUND, "failed with status 4", DERIVE + " --epoch 9"),
            ("no statement", NOT_FOUND, "z.statement", "true", "not-found"),
            ("another statement", REFUSED, "another manifest", "./other", "statement-manifest"),
            ("no words", USAGE, "--derive: empty", " \t", None),
            ("too many words", USAGE, "too long", "true" + " x" * 64, None)):
        program("other", f"cp {path('app.statement')} {path('z.statement')}")
        failed(name, status, text, derive, *code)
    failed("what it is told", INTERNAL, "status 1", "  ./told  a\tb ")
    ok(read("told.args") == b"a b --manifest z.manifest -o z.statement\n" and
       read("told.in") == b"", "words, files, no input")
    for name, text, args in (
            ("pack: nothing", "one directory or tar", ("--derive", "true")),
            ("pack: two sources", "one directory or tar", ("--derive", "true", "root", "root")),
            ("pack: nobody to ask", "--derive; or --derg", ("root",)),
            ("pack: a long name", "a name is too long", ("--derive", "true", "x" * 4090)),
            ("pack: a long output", "a name is too long", ("--derive", "true", "root", "-o",
                                                           "x" * 4090)),
            ("pack: a long payload", "a name is too long", ("--derive", "true", "--payload",
                                                            "x" * 5000, "root")),
            ("pack: an option that is none", "no such option", ("--nonsense", "root"))):
        bad(name, USAGE, "usage", tool("ewc", "pack", *args), text)


def test():
    launches("app")
    os.mkdir(path("tmp"))
    os.mkdir(path("outside"))
    write("outside/secret", SECRET)
    tree()
    test_same()
    test_umask()
    test_devices()
    test_hostile()
    test_harmless()
    test_broken()
    test_interrupted()
    test_mkfs()
    test_tmpdir()
    test_seal()
    test_pack()


main(test)
