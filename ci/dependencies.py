#!/usr/bin/env python3
"""Holds the locked dependencies against deny.toml (licences, banned crates, sources), without cargo-deny and offline."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def packages():
    """What is really built for this machine: the lock also names what no chosen feature asks for."""
    host = re.search(r"^host: (.+)$", output("rustc", "-vV"), re.M)[1]
    offline = ["--locked", "--offline"]
    tree = output("cargo", "tree", *offline, "--prefix", "none", "--format", "{p}")
    built = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    metadata = json.loads(output("cargo", "metadata", *offline, "--format-version", "1", "--filter-platform", host))
    return [package for package in metadata["packages"] if (package["name"], f"v{package['version']}") in built]


def permitted(expression, allowed):
    """Whether an SPDX expression can be satisfied with the allowed licences. `/` is the old way to write OR."""
    tokens = re.findall(r"[()]|[A-Za-z0-9.+-]+", expression.replace("/", " OR "))

    def either():
        value = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            value = both() or value
        return value

    def both():
        value = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            value = one() and value
        return value

    def one():
        token = tokens.pop(0)
        if token == "(":
            value = either()
            if tokens.pop(0) != ")":
                raise ValueError(expression)
            return value
        name = token
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            name += f" WITH {tokens.pop(0)}"
        return name in allowed

    value = either()
    if tokens:
        raise ValueError(expression)
    return value


def problems(package, rules):
    """Everything about one package that deny.toml forbids."""
    licence, source = package["license"], package["source"]
    if source is None:
        return
    if not source.startswith("registry+") or not source.endswith("/crates.io-index"):
        yield f"comes from {source}"
    if package["name"] in {entry["crate"] for entry in rules["bans"]["deny"]}:
        yield "is banned"
    if not licence or not permitted(licence, set(rules["licenses"]["allow"])):
        yield f"has the licence {licence!r}"


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    found = packages()
    wrong = [f"{p['name']} {p['version']} {problem}" for p in found for problem in problems(p, rules)]
    own = next(p for p in found if p["source"] is None)
    wrong += [f"{d['name']} is required in any version" for d in own["dependencies"] if d["req"] == "*"]
    print("\n".join(wrong) or f"{len(found)} packages fit deny.toml")
    return 1 if wrong or len(found) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
