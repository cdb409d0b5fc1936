"""Runs a program on a terminal of its own (a pty) and tells what was to be seen there, as JSON on standard output.

usage: screen.py COLUMNS ROWS [--interrupt TEXT] [--kill TEXT] -- PROGRAM ARGUMENTS…

Half a second after TEXT is on the screen, `--interrupt` types Ctrl-C and `--kill` sends SIGKILL.

`frames`: the screens while it ran (distinct ones), `last`: the screen at the end, `history`: the lines that had scrolled off
above it, `colours`: whether any were used, `cursor`: [line, column, whether it is hidden], `wrap`: whether long lines wrap,
`code`: the exit status, `raw`: what was written."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

import pyte


def arguments():
    before, after = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    options = dict(zip(before[2::2], before[3::2]))
    return int(before[0]), int(before[1]), options, after


def main():
    columns, rows, options, command = arguments()
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execvp(command[0], command)
    screen = pyte.HistoryScreen(columns, rows, history=5000, ratio=0.5)
    stream = pyte.ByteStream(screen)
    begun, raw, frames = time.monotonic(), b"", []
    (how, awaited), acts = next(iter(options.items()), (None, None)), None
    looked = begun
    while True:
        now = time.monotonic()
        if how and acts is None and any(awaited in line for line in screen.display):
            acts = now + 0.5
        if acts is not None and how == "--interrupt" and now > acts:
            os.write(terminal, b"\x03")  # as on the keyboard
            how = None
        if acts is not None and how == "--kill" and now > acts or now > begun + 300:
            os.kill(child, signal.SIGKILL)
            how, begun = None, now
        ready, _, _ = select.select([terminal], [], [], 0.02)
        if ready:
            try:
                read = os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
            if not read:
                break
            raw += read
            stream.feed(read)
        if time.monotonic() - looked > 0.05:
            looked = time.monotonic()
            frame = [line.rstrip() for line in screen.display]
            if not frames or frames[-1] != frame:
                frames.append(frame)
    _, status = os.waitpid(child, 0)

    def text(line):
        return "".join(line[column].data for column in range(columns)).rstrip()

    painted = any(cell.fg != "default" or cell.bold for line in screen.buffer.values() for cell in line.values())
    painted = painted or any(cell.fg != "default" or cell.bold for line in screen.history.top for cell in line.values())
    told = {
        "frames": frames,
        "last": [line.rstrip() for line in screen.display],
        "history": [text(line) for line in screen.history.top],
        "colours": painted,
        "cursor": [screen.cursor.y, screen.cursor.x, screen.cursor.hidden],
        "wrap": pyte.modes.DECAWM in screen.mode,
        "code": os.waitstatus_to_exitcode(status),
        "raw": raw.decode("utf-8", "replace"),
    }
    json.dump(told, sys.stdout)


main()
