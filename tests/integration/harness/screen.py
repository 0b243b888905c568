"""A program on a terminal: a pseudo-terminal, and an emulator that knows what would stand on it."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios

import pyte

from .wait import wait_for


class Screen:
    """`argv` as the only program of a terminal of its own."""

    def __init__(self, argv, env, cwd, columns=80, lines=24):
        self.master, slave = pty.openpty()
        self.columns, self.lines = columns, lines
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.may_crash = False  # a sanitizer may say so
        self._set_size(columns, lines)
        self.modes_before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd,
                                        start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.slave = slave  # kept open: the modes can be read when the program has ended

    def _set_size(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.screen.resize(lines, columns)
        self._set_size(columns, lines)

    def pump(self, seconds=0.05):
        """Takes what the program has written."""
        while select.select([self.master], [], [], seconds)[0]:
            data = os.read(self.master, 65536)
            self.written += data
            self.stream.feed(data)

    def rows(self):
        self.pump()
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.rows())

    def press(self, keys):
        os.write(self.master, keys)

    def wait_text(self, text, seconds=20):
        wait_for(lambda: text in self.text() or self._show(), seconds, f"'{text}' on the screen")

    def _show(self):
        raise AssertionError(f"exit status {self.process.poll()}, and on the screen:\n{self.text()}")

    def wait_end(self, seconds=20):
        """Its exit status. What it writes meanwhile is taken, or it would wait for us."""
        wait_for(lambda: self.pump() or self.process.poll() is not None, seconds, "the program to end")
        self.pump()
        return self.process.returncode

    def modes_are_as_before(self):
        return termios.tcgetattr(self.slave) == self.modes_before

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)
