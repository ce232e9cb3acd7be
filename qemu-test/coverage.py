#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""coverage.py TOP JSON: of gcovr's JSON, lines reached by file, and error paths that are not."""

import glob
import json
import os
import re
import sys

# how an error is made or passed on here, in the kernel and in the programs
ERROR_PATH = re.compile(
    r"return -E[A-Z]"
    r"|return ERR_(PTR|CAST)\("
    r"|\b(err|ret) = -E[A-Z]"
    r"|goto (fail|err|out|undo|bad|drop)\w*;"
    r"|\berot_fail\(|\bnl_fail\(|\bproblem\w*\(|\brefuse\w*\("
    r"|\*why = \""
)


def name_of(path):
    """As in the repository: the module is built from a copy."""
    return re.sub(r"^build-coverage/module-[^/]*/", "", path)


def functions_of(entry):
    return sorted((f["lineno"], f["name"]) for f in entry.get("functions", []))


def function_at(functions, number):
    found = "?"
    for start, name in functions:
        if start > number:
            break
        found = name
    return found


def check_whole(top, path, files):
    """What has counters, and functions, must be among what was found."""
    for counters in glob.glob(f"{os.path.dirname(path)}/module-*/kernel/*.gcda"):
        name = "kernel/" + os.path.basename(counters).replace(".gcda", ".c")
        with open(f"{top}/{name}", encoding="utf-8") as f:
            if re.search(r"^\{", f.read(), re.MULTILINE) and name not in files:
                sys.exit(f"coverage.py: {name} has counters, and gcovr left it out")


def read(top, path):
    with open(path, encoding="utf-8") as f:
        entries = json.load(f)["files"]
    files = {}
    for entry in entries:
        name = name_of(entry["file"])
        if re.search(r"/(test|bench)_[^/]*$", name):
            continue
        lines = files.setdefault(name, {"count": {}, "functions": functions_of(entry)})
        for line in entry["lines"]:
            if line.get("gcovr/noncode"):
                continue
            number = line["line_number"]
            lines["count"][number] = lines["count"].get(number, 0) + line["count"]
    check_whole(top, path, files)
    for name, lines in files.items():
        with open(f"{top}/{name}", encoding="utf-8") as f:
            lines["text"] = f.read().splitlines()
    return files


def table(files):
    groups = {}
    for name in files:
        groups.setdefault(name.rsplit("/", 1)[0], []).append(name)
    print("Lines reached")
    print("=============\n")
    for group in sorted(groups):
        total_hit = total = 0
        for name in sorted(groups[group]):
            counts = files[name]["count"].values()
            hit = sum(1 for c in counts if c)
            print(f"{100 * hit / max(1, len(counts)):6.1f} %  {hit:5} of {len(counts):5}  {name}")
            total_hit += hit
            total += len(counts)
        print(f"{100 * total_hit / max(1, total):6.1f} %  {total_hit:5} of {total:5}  {group}: total\n")


def error_paths(files):
    print("Error paths that no test takes")
    print("==============================\n")
    for name in sorted(files):
        entry = files[name]
        for number in sorted(n for n, c in entry["count"].items() if not c):
            text = entry["text"][number - 1].strip()
            if ERROR_PATH.search(text):
                where = function_at(entry["functions"], number)
                print(f"{name}:{number}: {where}(): {text}")


def main():
    files = read(sys.argv[1], sys.argv[2])
    if not files:
        sys.exit("coverage: nothing was counted")
    table(files)
    error_paths(files)


main()
