#!/usr/bin/env python3
"""Measures authprobe beside its peers, in one run on one machine, and prints one table: reached against target.

CPU is what the kernel has charged to each process (/proc/PID/stat), per answer that the common server gave in the same
window. Always ends well: a figure out of reach is a line to read, not a failure.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import browser

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benches" / "peers"
K6 = ROOT / ".authprobe-test" / "bench-venv" / "bin" / "k6"
TICK = os.sysconf("SC_CLK_TCK")
WARM_UP, WINDOW = 5, 20  # seconds


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, timeout=30):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


@contextlib.contextmanager
def running(*command, ready=None, env=None):
    """A process in a group of its own; `ready` is a URL that answers once it is up."""
    with tempfile.NamedTemporaryFile(prefix="authprobe-bench-", suffix=".log") as log:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=log, stderr=log, start_new_session=True, env={**os.environ, **(env or {})}
        )
        try:
            deadline = time.monotonic() + 60
            while ready:
                with contextlib.suppress(OSError):
                    fetch(ready)
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} is not up:\n{Path(log.name).read_text()[-2000:]}")
                time.sleep(0.05)
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid, field):
    """VmRSS or VmHWM, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.M)[1]) / 1000


def cost(pid, count):
    """CPU (µs) that a process takes for each of what `count` counts, and how many a second there were."""
    time.sleep(WARM_UP)
    cpu, answers, began = cpu_seconds(pid), count(), time.monotonic()
    time.sleep(WINDOW)
    cpu, answers, took = cpu_seconds(pid) - cpu, count() - answers, time.monotonic() - began
    if answers == 0:
        raise RuntimeError("nothing was answered")
    return 1e6 * cpu / answers, answers / took


class Bench:
    def __init__(self, authprobe, endpoint, folder):
        self.authprobe, self.endpoint, self.folder = authprobe, endpoint, Path(folder)
        self.rows = []

    def row(self, what, reached, target, fits):
        verdict = "" if fits is None else ("reached" if fits else "NOT REACHED")
        self.rows.append((what, reached, target, verdict))
        print(f"  {what}: {reached} (target {target}) {verdict}", flush=True)

    @contextlib.contextmanager
    def daemon(self, server, probes):
        listen = f"127.0.0.1:{free_port()}"
        config = self.folder / "authprobe.toml"
        config.write_text(f"""
[server]
listen = "{listen}"

[[region]]
name = "here"

[[provider]]
name = "bench"
issuer = "{server}"
metadata = "none"
endpoints = {{ jwks_uri = "{server}/jwks", token_endpoint = "{server}/token" }}

[[client]]
name = "svc"
provider = "bench"
client_id = "svc"
client_secret = {{ env = "SVC_SECRET" }}

{probes}""")
        env = {"SVC_SECRET": "svc-secret", "RUST_LOG": "warn"}
        url = f"http://{listen}"
        with running(self.authprobe, "run", "--config", config, ready=f"{url}/-/ready", env=env) as process:
            yield process, url

    @staticmethod
    def probes(count, every, rest):
        return "\n".join(f'[[probe]]\nname = "p{n}"\nevery = "{every}"\n{rest}\n' for n in range(count))

    def keys(self, server, count):
        with self.daemon(server, self.probes(500, "1s", 'kind = "jwks"\nprovider = "bench"')) as (process, url):
            ours, our_rate = cost(process.pid, lambda: count()["keys"])
            self.all_good(url)
        address = f"127.0.0.1:{free_port()}"
        command = ["prometheus-blackbox-exporter", f"--config.file={PEERS}/blackbox.yml", f"--web.listen-address={address}"]
        with running(*command, "--log.level=error", ready=f"http://{address}/-/healthy") as peer:
            target = f"http://{address}/probe?module=keys&target={server}/jwks"
            if "probe_success 1" not in fetch(target):
                raise RuntimeError("blackbox_exporter's probe fails")
            with running(self.endpoint, "drive", target, 500, WARM_UP + WINDOW + 5):
                theirs, their_rate = cost(peer.pid, lambda: count()["keys"])
        self.row(
            "CPU per jwks run at 500/s, against blackbox_exporter",
            f"{ours / theirs:.2f} ({ours:.0f} µs at {our_rate:.0f}/s, {theirs:.0f} µs at {their_rate:.0f}/s)",
            "≤ 0.5", ours / theirs <= 0.5,
        )

    def tokens(self, server, count):
        with self.daemon(server, self.probes(300, "1s", 'kind = "client_credentials"\nclient = "svc"')) as (process, url):
            ours, our_rate = cost(process.pid, lambda: count()["tokens"])
            our_peak = memory(process.pid, "VmHWM")
            self.all_good(url)
        env = {"URL": f"{server}/token", "RATE": "300", "SECONDS": str(WARM_UP + WINDOW + 10), "K6_NO_USAGE_REPORT": "true"}
        with running(K6, "run", "--quiet", "--address", f"127.0.0.1:{free_port()}", PEERS / "k6.js", env=env) as peer:
            theirs, their_rate = cost(peer.pid, lambda: count()["tokens"])
            their_peak = memory(peer.pid, "VmHWM")
        self.row(
            "CPU per client_credentials run at 300/s, against k6",
            f"{ours / theirs:.2f} ({ours:.0f} µs at {our_rate:.0f}/s, {theirs:.0f} µs at {their_rate:.0f}/s)",
            "≤ 0.5", ours / theirs <= 0.5,
        )
        self.row(
            "peak memory of that, against k6", f"{our_peak / their_peak:.2f} ({our_peak:.0f} MB, {their_peak:.0f} MB)",
            "≤ 1", our_peak <= their_peak,
        )

    def loaded(self, server):
        with self.daemon(server, self.probes(1000, "10s", 'kind = "jwks"\nprovider = "bench"')) as (process, url):
            time.sleep(15)
            if total(fetch(f"{url}/metrics"), "authprobe_runs_total") < 1000:
                raise RuntimeError("not every check has run")
            peak = memory(process.pid, "VmRSS")
            series = len([line for line in fetch(f"{url}/metrics").splitlines() if not line.startswith("#")])
        self.row("memory with 1 000 jwks checks, each run once", f"{peak:.0f} MB ({series} series)", "≤ 60 MB", peak <= 60)
        return series / 1000

    def crowded(self, server, series_each):
        checks = int(100_000 / series_each) + 1
        with self.daemon(server, self.probes(checks, "10s", 'kind = "jwks"\nprovider = "bench"')) as (process, url):
            time.sleep(12)
            quiet = self.lateness(url, 10, scrape=False)
            slowest, series = 0.0, 0
            before = fetch(f"{url}/metrics")
            for _ in range(10):
                began = time.monotonic()
                text = fetch(f"{url}/metrics")
                slowest = max(slowest, time.monotonic() - began)
                series = len([line for line in text.splitlines() if not line.startswith("#")])
                time.sleep(1)
            scraped = late_share(before, fetch(f"{url}/metrics"))
        self.row(f"/metrics at {series} series, slowest of 10", f"{1000 * slowest:.0f} ms", "≤ 500 ms", slowest <= 0.5)
        self.row(
            "runs later than 10 ms while it is scraped (while it is not)",
            f"{100 * scraped:.2f} % ({100 * quiet:.2f} %)", "no more", scraped <= quiet + 0.01,
        )

    def lateness(self, url, seconds, scrape):
        before = fetch(f"{url}/metrics")
        time.sleep(seconds)
        return late_share(before, fetch(f"{url}/metrics"))

    @staticmethod
    def all_good(url):
        text = fetch(f"{url}/metrics")
        bad = total(text, "authprobe_run_failures_total") + total(text, "authprobe_runs_inconclusive_total")
        missed = total(text, "authprobe_runs_missed_total")
        if bad or missed:
            print(f"  note: {bad:.0f} runs were not good, {missed:.0f} missed", flush=True)

    def restarted(self, server):
        """A start with 30 days of 1 000 checks and as many objectives in the ledger."""
        ledger = self.folder / "start.db"
        command = ["cargo", "bench", "--locked", "--bench", "ledger", "--", "--fill", ledger]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        objectives = "\n".join(
            f'[[slo]]\nname = "s{n}"\nprobes = ["p{n}"]\nobjective = "99.9%"\n' for n in range(1000)
        )
        keys = self.probes(1000, "60s", 'kind = "jwks"\nprovider = "bench"')
        for what, store in [("no ledger", ""), ("30 days in the ledger", f'[store]\npath = "{ledger}"\n')]:
            began = time.monotonic()
            with self.daemon(server, f"{store}{keys}\n{objectives}") as (process, url):
                ready, at_once = time.monotonic() - began, memory(process.pid, "VmHWM")
                time.sleep(45)
                peak = memory(process.pid, "VmHWM")
                self.row(
                    f"start with 1 000 checks and objectives, {what}", f"{ready:.2f} s, {at_once:.0f} MB; {peak:.0f} MB after 45 s",
                    "≤ 1 s, ≤ 120 MB" if store else "", not store or (ready <= 1 and at_once <= 120),
                )

    def own(self, name):
        """A bench of our own (benches/NAME.rs) prints lines `row<TAB>what<TAB>reached<TAB>target<TAB>yes|no`."""
        command = ["cargo", "bench", "--locked", "--bench", name]
        output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        rows = [line.split("\t")[1:] for line in output.stdout.splitlines() if line.startswith("row\t")]
        if not rows:
            raise RuntimeError(f"{' '.join(command)} printed no rows:\n{output.stdout[-1000:]}{output.stderr[-1000:]}")
        for what, reached, target, fits in rows:
            self.row(what, reached, target, fits == "yes")


def total(text, name):
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(rf"{name}[{{ ]", line))


def late_share(before, after):
    """The share of runs between two scrapes that began more than 10 ms after they were due."""
    def read(text):
        in_time = sum(
            float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
            if line.startswith("authprobe_schedule_lateness_seconds_bucket") and 'le="0.01"' in line
        )
        return in_time, total(text, "authprobe_schedule_lateness_seconds_count")

    (in_time_0, all_0), (in_time_1, all_1) = read(before), read(after)
    return 1 - (in_time_1 - in_time_0) / max(all_1 - all_0, 1)


def main():
    # So that whatever runs is ended when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = tempfile.TemporaryDirectory(prefix="authprobe-bench-")
    bench = Bench(sys.argv[1], sys.argv[2], folder.name)
    server = f"http://127.0.0.1:{free_port()}"
    with folder, running(bench.endpoint, "serve", server.rsplit(":", 1)[1], ready=f"{server}/count"):
        def count():
            return json.loads(fetch(f"{server}/count"))

        series_each = None
        for title, step in [
            ("jwks against blackbox_exporter", lambda: bench.keys(server, count)),
            ("client_credentials against k6", lambda: bench.tokens(server, count)),
            ("1 000 checks", lambda: bench.loaded(server)),
            ("100 000 series", lambda: bench.crowded(server, series_each or 40)),
            ("browser_login against playwright-core", lambda: browser.measure(bench, running, free_port)),
            ("schedule", lambda: bench.own("schedule")),
            ("phases", lambda: bench.own("phases")),
            ("objectives", lambda: bench.own("slo")),
            ("the ledger", lambda: bench.own("ledger")),
            ("the page", lambda: bench.own("page")),
            ("a start with a ledger", lambda: bench.restarted(server)),
        ]:
            print(f"{title} …", flush=True)
            try:
                result = step()
                series_each = result or series_each
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                bench.row(title, f"could not be measured: {error}", "", False)
    width = max(len(row[0]) for row in bench.rows)
    print()
    for what, reached, target, verdict in bench.rows:
        print(f"{what:<{width}}  {reached}  target {target}  {verdict}")


if __name__ == "__main__":
    main()
