#!/usr/bin/env python3
"""docs/openapi.json against the running server: openapi.py VDB_HTTPD OPENAPI ROUTES_C

Every route is described and nothing else is; every example is sent and its answer is what
the description says; so are answers to bad requests.
"""
import json
import os
import re
import struct
import sys

OPENAPI, ROUTES_C = (os.path.abspath(sys.argv.pop(2)) for _ in range(2))

from support import Server, expect, run  # noqa: E402

with open(OPENAPI, encoding="utf-8") as description:
    DOC = json.load(description)

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool,
         "null": type(None), "number": (int, float), "integer": int}


def is_type(value, name):
    return isinstance(value, TYPES[name]) and not (
        isinstance(value, bool) and name in ("number", "integer"))


def faults(value, schema, where="$"):
    """What of `value` is not as `schema` has it."""
    while "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        schema = DOC["components"]["schemas"][name]
    if "anyOf" in schema:
        all_faults = [faults(value, one, where) for one in schema["anyOf"]]
        return [] if [] in all_faults else all_faults[0]
    if "oneOf" in schema:
        fits = [one for one in schema["oneOf"] if not faults(value, one, where)]
        if len(fits) != 1:
            return [f"{where}: {len(fits)} of {schema['oneOf']} fit"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value!r} is none of {schema['enum']}"]
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_type(value, name) for name in types):
        return [f"{where}: {value!r} is none of {types}"]
    found = []
    if isinstance(value, (int, float)) and value < schema.get("minimum", value):
        found.append(f"{where}: {value} is below {schema['minimum']}")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{where}.{name} is missing" for name in schema.get("required", [])
                  if name not in value]
        for name, member in value.items():
            if name in known:
                found += faults(member, known[name], f"{where}.{name}")
            elif schema.get("additionalProperties", True) is False:
                found.append(f"{where}.{name} is not described")
    if isinstance(value, list) and "items" in schema:
        for i, element in enumerate(value):
            found += faults(element, schema["items"], f"{where}[{i}]")
    return found


def operations():
    for path, methods in DOC["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def check(name, operation, got):
    """An answer's status, type and body are described."""
    described = operation["responses"].get(str(got.status))
    if not expect(f"{name}: {got.status} is described", described is not None, True):
        return
    kind = got.headers.get("content-type", "").split(";")[0]
    if not expect(f"{name}: {kind} is described", kind in described["content"], True):
        return
    if kind == "application/json":
        expect(f"{name}: body", faults(got.json(), described["content"][kind]["schema"]), [])


def the_routes():
    with open(ROUTES_C, encoding="utf-8") as file:
        table = re.findall(r'\{"([A-Z]+)",\s*"([^"]+)",\s*ACCESS_([A-Z]+)', file.read())
    there = {(method, re.sub(r":(\w+)", r"{\1}", path), access.lower())
             for method, path, access in table}
    described = {(method, path, operation["x-access"])
                 for method, path, operation in operations()}
    expect("routes that are not described", there - described, set())
    expect("described routes that are not there", described - there, set())
    for method, path, operation in operations():
        for status, answer in operation["responses"].items():
            if status != "default" and status < "400":
                continue
            for kind, content in answer["content"].items():
                expect(f"{method} {path}: {status}: {kind} is an error",
                       path == "/health" and status == "503" or
                       faults({"error": "words"}, content["schema"]) == [] and
                       faults({}, content["schema"]) != [], True)
        expect(f"{method} {path}: what any request may get",
               "default" in operation["responses"], True)
    for name in re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(DOC)):
        if name not in DOC["components"]["schemas"]:
            expect(f"schema {name}", "missing", "there")


def the_examples():
    os.mkdir("backups")
    with Server("--backup-dir", "backups") as s:
        s.post("/vectors", {"id": "a", "vector": [1, 2, 3], "metadata": {"kind": "x"}})
        for method, path, operation in sorted(operations(), key=lambda o: o[0] == "DELETE"):
            target = path.replace("{id}", "a")
            bodies = operation.get("requestBody", {}).get("content", {None: {}})
            for kind, content in bodies.items():
                if kind == "application/octet-stream":
                    got = s.ask(method, target + "?dim=3&id_prefix=f",
                                struct.pack("<6f", 1, 2, 3, 4, 5, 6), kind=kind)
                else:
                    body = content.get("example")
                    if kind == "application/json":
                        expect(f"{method} {path}: its own example",
                               faults(body, content["schema"]), [])
                    got = s.ask(method, target, body, kind=kind or "application/json")
                name = f"{method} {path} {kind or ''}"
                expect(f"{name}: succeeds", got.status // 100, 2)
                check(name, operation, got)
        for method, path, operation in operations():
            if "requestBody" not in operation:
                continue
            target = path.replace("{id}", "a")
            for body, kind in [("{", "application/json"), ("[]", "application/json"),
                               ("{}", "text/plain"), ("3", None), ("", "application/json"),
                               ('{"ids": 3, "vectors": 3, "queries": 3, "vector": 3, '
                                '"filter": 3, "metadata": 3}', "application/json")]:
                got = s.ask(method, target, body, kind=kind)
                if got.status >= 400:
                    check(f"{method} {path} {body[:9]} {kind}", operation, got)
        for method, path, operation in operations():
            if "404" in operation["responses"] and "{id}" in path:
                body = {"vector": [1, 2, 3], "metadata": {}} if method in (
                    "PUT", "PATCH") else None
                got = s.ask(method, path.replace("{id}", "nobody"), body)
                expect(f"{method} {path}: nobody", got.status, 404)
                check(f"{method} {path}: nobody", operation, got)


if __name__ == "__main__":
    run([the_routes, the_examples])
