"""browser_login beside playwright-core: the same provider, the same headless shell, warm, a fresh context each, in turns.

Ours is the whole run as it is reported: metadata, keys, login, consent, exchange, validation, userinfo. Its window is made
ready between runs, as it is in the daemon; that costs CPU, which counts, and no time of the run. Theirs is the context, the
page, login and consent, up to the request with the code.
"""

import contextlib
import json
import os
import queue
import re
import statistics
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IDP = ROOT / "tests" / "idp"
PEER = ROOT / "benches" / "peers" / "playwright"
BROWSER = "/usr/lib/chromium/chromium-headless-shell"
TICK = os.sysconf("SC_CLK_TCK")
LOGINS, WARM_UP = 30, 5
REDIRECT_URI = "http://127.0.0.1:8765/cb"
PATIENCE = 60  # seconds

CONFIG = """
[server]
listen = "{listen}"

[[region]]
name = "here"

[[provider]]
name = "bench"
issuer = "{issuer}"

[[client]]
name = "web"
provider = "bench"
client_id = "web"
client_secret = {{ env = "WEB_SECRET" }}
redirect_uri = "{redirect_uri}"
scopes = ["openid", "profile"]

[[user]]
name = "alice"
username = "alice"
password = {{ env = "PASSWORD" }}

# Never due: every run is asked for.
[[probe]]
name = "login"
kind = "browser_login"
client = "web"
user = "alice"
cron = "0 0 1 1 *"
timezone = "UTC"
timeout = "30s"
"""


class Spoken:
    """A process that answers line by line."""

    def __init__(self, *command, **options):
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, start_new_session=True, **options)
        self.lines = queue.Queue()
        threading.Thread(target=lambda: [self.lines.put(line.strip()) for line in self.process.stdout], daemon=True).start()

    def until(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise RuntimeError(f"{self.process.args[0]} never said {pattern!r}") from None
            if found := re.match(pattern, line):
                return found

    def say(self, line=""):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()


def tree(pid):
    """The process and all that came of it."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                todo += [int(child) for child in (task / "children").read_text().split()]
    return found


def cpu(pid):
    """Seconds of a tree, with what its dead had used."""
    total = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(field) for field in fields[11:15])
    return total / TICK


def memory(pid):
    """Megabytes of a tree, shared pages counted once (PSS)."""
    total = 0
    for one in tree(pid):
        with contextlib.suppress(OSError, TypeError):
            total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.M)[1])
    return total / 1000


def ours(url):
    request = urllib.request.Request(f"{url}/api/v1/probes/login/run", method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        run = json.load(answer)["runs"][0]
    if run["verdict"] != "good":
        raise RuntimeError(f"our login is not good: {run['fault']['class']}: {run['fault']['detail']}")
    steps = {step["name"]: step["duration_seconds"] * 1000 for step in run["steps"]}
    return run["duration_seconds"] * 1000, steps, run["browser"]["overhead_seconds"] * 1000


def theirs(peer):
    peer.say()
    took = float(peer.until(r"([\d.]+)$")[1])
    peer.until("closed")
    return took


def measure(bench, running, free_port):
    listen = f"127.0.0.1:{free_port()}"
    idp = Spoken("node", "server.mjs", cwd=IDP, env={**os.environ, "PORT": str(free_port())})
    try:
        issuer = idp.until(r"ready (\S+)")[1]
        config = bench.folder / "browser.toml"
        config.write_text(CONFIG.format(listen=listen, issuer=issuer, redirect_uri=REDIRECT_URI))
        peer = Spoken("node", PEER / "login.mjs", BROWSER, issuer, "web", REDIRECT_URI, "alice", "wonderland-7")
        try:
            peer.until("ready")
            env = {"WEB_SECRET": "web-secret", "PASSWORD": "wonderland-7", "RUST_LOG": "warn"}
            command = [bench.authprobe, "run", "--config", config]
            with running(*command, ready=f"http://{listen}/-/ready", env=env) as process:
                side_by_side(bench, f"http://{listen}", process.pid, peer)
                # It ends its browsers itself; what follows would not.
                process.terminate()
                process.wait(timeout=PATIENCE)
        finally:
            peer.end()
    finally:
        idp.end()


def side_by_side(bench, url, pid, peer):
    for _ in range(WARM_UP):
        ours(url)
        theirs(peer)
    mine, other, steps, overheads = [], [], [], []
    used = [0.0, 0.0]
    for _ in range(LOGINS):
        before = cpu(pid)
        took, run, overhead = ours(url)
        # The next window is made ready now, and belongs to the price.
        time.sleep(0.3)
        used[0] += cpu(pid) - before
        mine.append(took), steps.append(run), overheads.append(overhead)
        before = cpu(peer.process.pid)
        other.append(theirs(peer))
        time.sleep(0.3)
        used[1] += cpu(peer.process.pid) - before
    ratio = statistics.median(mine) / statistics.median(other)
    bench.row(
        "wall time of a whole browser_login, against login and consent with playwright-core",
        f"{ratio:.2f} (medians {statistics.median(mine):.0f} ms / {statistics.median(other):.0f} ms of {LOGINS} each)",
        "≤ 1.0", ratio <= 1.0)
    parts = {name: statistics.median(run[name] for run in steps) for name in steps[0] if name != "revoke"}
    shown = ", ".join(f"{name} {took:.0f}" for name, took in parts.items())
    bench.row("  of that (medians, ms)", f"{shown}; WebDriver's own overhead {statistics.median(overheads):.0f}", "-", None)
    bench.row("CPU per login, all processes", f"{used[0] / used[1]:.2f} ({1000 * used[0] / LOGINS:.0f} ms / "
              f"{1000 * used[1] / LOGINS:.0f} ms)", "-", None)
    own, others = memory(pid), memory(peer.process.pid)
    bench.row("memory, all processes (PSS)", f"{own / others:.2f} ({own:.0f} MB / {others:.0f} MB)", "-", None)
