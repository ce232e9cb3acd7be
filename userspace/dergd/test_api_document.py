# SPDX-License-Identifier: GPL-2.0-only
"""Documentation/openapi.yaml: what it describes, and what it forbids."""
import copy
import os

import jsonschema
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
METHODS = ("get", "post", "put", "delete")

with open(f"{HERE}/../../Documentation/openapi.yaml") as f:
    API = yaml.safe_load(f)


def resolve(node):
    while "$ref" in node:
        target = API
        for part in node["$ref"].split("/")[1:]:
            target = target[part]
        node = target
    return node


def operations():
    for path, item in API["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def pattern_of(path):
    """The described path that a real one belongs to."""
    want = path.split("?")[0].split("/")
    for one in API["paths"]:
        have = one.split("/")
        rest = have[-1] == "{tile}" and len(want) >= len(have)
        if (len(have) == len(want) or rest) and all(
                a == b or a.startswith("{") for a, b in zip(have, want)):
            return one
    raise KeyError(path)


def schema_of(node):
    """With the definitions that it refers to."""
    return {**node, "components": API["components"]}


def valid(value, node):
    try:
        jsonschema.Draft202012Validator(schema_of(node)).validate(value)
        return None
    except jsonschema.ValidationError as e:
        return f"{list(e.absolute_path)}: {e.message[:200]}"


def objects(node, path="schema"):
    node = resolve(node)
    if node.get("type") == "object":
        yield path, node
    for key in ("properties", "items", "oneOf"):
        sub = node.get(key, {})
        if key == "items" and sub:
            yield from objects(sub, path + "[]")
        for i, one in enumerate(sub) if isinstance(sub, list) else ():
            yield from objects(one, f"{path}/{i}")
        if key == "properties":
            for name, one in sub.items():
                yield from objects(one, f"{path}.{name}")


WRONG = {"string": 7, "integer": "7", "boolean": "true", "object": [], "array": {}}


def mutations(body, node):
    """Bodies that the schema forbids, each with the code of the refusal."""
    node = resolve(node)
    yield [], "json-type", "an array"
    more = copy.deepcopy(body)
    more["additional"] = 1
    yield more, "json-unknown", "a member more"
    for name in node.get("required", ()):
        less = copy.deepcopy(body)
        less.pop(name, None)
        yield less, "json-missing", f"no {name}"
    for name, sub in node.get("properties", {}).items():
        sub = resolve(sub)
        if sub.get("type") in WRONG:
            yield {**body, name: WRONG[sub["type"]]}, "json-type", f"{name} of a wrong type"
            yield {**body, name: None}, "json-type", f"{name} null"
        if "pattern" in sub:
            yield {**body, name: "?"}, "json-value", f"{name} not of its form"
        if sub.get("minimum") == 0:
            yield {**body, name: -1}, "json-value", f"{name} negative"
        if sub.get("minLength"):
            yield {**body, name: ""}, "json-value", f"{name} empty"
            yield {**body, name: "x" * (sub["maxLength"] + 1)}, "json-value", f"{name} too long"
