"""The command line in a process of its own that begins with all modules loaded: forked from one
that has loaded them. To load them takes a second, longer than most of what is then done. For tests
of that, not of how it begins. Where nothing can be forked, each loads its own. For tests only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_CODE = """
import importlib, json, os, pkgutil, sys, tempfile
import datasketch, provenance
for name in sys.argv[1:]:
    importlib.import_module(name)
for one in pkgutil.walk_packages(provenance.__path__, "provenance."):
    if "cluster" not in one.name and not one.name.endswith("__main__"):
        importlib.import_module(one.name)
from provenance.__main__ import start

print("loaded", flush=True)
for line in sys.stdin:
    words, first, more, *streams = json.loads(line)
    child = os.fork()
    if child == 0:
        for number, name in enumerate([os.devnull, *streams]):
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY
            os.dup2(os.open(name, flags, 0o600), number)
        os.environ.update(more)
        tempfile.tempdir = None  # as the environment says
        sys.argv = ["provenance", *words]
        exec(first)
        start()
        sys.exit()
    print(child, flush=True)
    sys.stdin.readline()  # till somebody waits for it, its number is nobody else's
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


_NONE: Mapping[str, str] = {}


class Started:
    """One that was started."""

    def __init__(self, pid: int, asked: subprocess.Popen[str], itself: bool) -> None:
        self.pid = pid
        self._asked, self._itself = asked, itself

    def kill(self) -> None:
        os.kill(self.pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def wait(self) -> int:
        """How it ended."""
        if self._itself:
            return self._asked.wait()
        assert self._asked.stdin is not None
        assert self._asked.stdout is not None
        print(file=self._asked.stdin, flush=True)
        return int(self._asked.stdout.readline())


class Loaded:
    """Starts one after another."""

    def __init__(self, asked: subprocess.Popen[str] | None) -> None:
        self._asked = asked

    def start(
        self,
        words: Sequence[str],
        output: Path | str = os.devnull,
        errors: Path | str = os.devnull,
        *,
        first: str = "",
        more: Mapping[str, str] = _NONE,
    ) -> Started:
        """Run a command; the one before it was waited for.

        Args:
            words: of its line.
            output: a file for what it writes.
            errors: one for what it tells.
            first: what is done in it before.
            more: of the environment.
        """
        if self._asked is None:
            line = [
                sys.executable,
                "-c",
                f"{first}\nfrom provenance.__main__ import start\nstart()",
            ]
            with open(output, "wb") as out, open(errors, "wb") as err:
                process = subprocess.Popen(
                    [*line, *words],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    text=True,
                    env={**os.environ, **more},
                )
            return Started(process.pid, process, True)
        assert self._asked.stdin is not None
        assert self._asked.stdout is not None
        told = [list(words), first, dict(more), str(output), str(errors)]
        print(json.dumps(told), file=self._asked.stdin, flush=True)
        return Started(int(self._asked.stdout.readline()), self._asked, False)


@contextmanager
def loaded(*modules: str) -> Iterator[Loaded]:
    """What starts them, with these modules too."""
    if not hasattr(os, "fork"):
        yield Loaded(None)
        return
    line = [sys.executable, "-c", _CODE, *modules]
    with subprocess.Popen(line, stdin=-1, stdout=subprocess.PIPE, text=True) as asked:
        assert asked.stdin is not None
        assert asked.stdout is not None
        assert asked.stdout.readline() == "loaded\n"
        yield Loaded(asked)
        asked.stdin.close()
