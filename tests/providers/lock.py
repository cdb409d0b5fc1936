"""Pins what requirements.in asks for, with the hash of every wheel that pip would take on Linux: requirements.txt.

Needs Python 3.11 or newer with pip 23 or newer, and whatever index pip is set up for.
"""

import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
MACHINES = ["x86_64", "aarch64"]
# Newest first, as pip ranks what it may take.
SYSTEMS = ["manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1", "linux"]


def chosen(python, machine):
    """Name, version and hash of each wheel that pip takes there."""
    platforms = [option for system in SYSTEMS for option in ("--platform", f"{system}_{machine}")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run"]
    command += ["--ignore-installed", "--only-binary", ":all:", "--python-version", python, *platforms]
    command += ["--target", "unused", "--report", "-", "--requirement", str(HERE / "requirements.in")]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    for package in report["install"]:
        name, version = package["metadata"]["name"].lower(), package["metadata"]["version"]
        yield f"{name}=={version}", package["download_info"]["archive_info"]["hashes"]["sha256"]


def main():
    hashes = {}
    for python in PYTHONS:
        for machine in MACHINES:
            for pin, sha256 in chosen(python, machine):
                hashes.setdefault(pin, set()).add(sha256)
    names = [pin.split("==")[0] for pin in hashes]
    if len(names) != len(set(names)):
        sys.exit(f"error: a package in two versions: {sorted(hashes)}")
    lines = ["# Made by lock.py of requirements.in.", "--only-binary :all:"]
    for pin in sorted(hashes):
        lines.append(" \\\n    ".join([pin, *(f"--hash=sha256:{value}" for value in sorted(hashes[pin]))]))
    (HERE / "requirements.txt").write_text("\n".join(lines) + "\n")


main()
