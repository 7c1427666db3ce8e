"""What holds for every test: no network; an interruption is one.

An audit hook refuses, in this process, to connect to or to look up anything but this machine.
Processes that a test starts find a proxy where nobody listens, and no configuration of pip.
No example of Hypothesis has a deadline: on a busy machine any takes long. CONTRIBUTING.md says how
to try more of them.
Nor do they inherit that an interruption is ignored, as a shell has it for what runs behind.
What one worker would do may be done in the process of a test; CONTRIBUTING.md says where.
What runs under Spark comes last: its threads stay, and a process that has threads forks no more.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from thorough import THOROUGH

from provenance import worker, workers
from provenance.model import Skipped

settings.register_profile("unhurried", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.load_profile("thorough" if THOROUGH else "unhurried")


class NetworkUsedError(BaseException):
    """A test went beyond this machine. No ``except Exception`` in the tested code hides it."""


def _is_local(host: object) -> bool:
    if host is None or host in ("", b"", "localhost", b"localhost"):
        return True
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) and address else None  # else AF_UNIX
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if not _is_local(host):
        raise NetworkUsedError(f"{event}: found {host!r}, expected no network in tests")


sys.addaudithook(_refuse)

for _name in [name for name in os.environ if name.upper().startswith("PIP_")]:
    del os.environ[_name]
for _name in ("http_proxy", "https_proxy", "all_proxy"):
    os.environ[_name] = os.environ[_name.upper()] = "http://127.0.0.1:9"
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost,::1"
os.environ["PIP_CONFIG_FILE"] = os.devnull
os.environ["PIP_RETRIES"] = "0"
os.environ["PROVENANCE_NO_CACHE"] = "1"  # what a test finds is found by it

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what starts a Spark session behind all else, with its file: one process has it."""
    late = {item.path for item in items if "spark" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (item.path in late, "spark" in getattr(item, "fixturenames", ())))


@pytest.fixture(scope="module")
def in_this_process() -> Iterator[None]:
    """What one worker would do is done here, for tests of what is done, not of where: each start of
    one takes longer than the files of most tests. Workers that a test asks for by their number are
    started, and the thorough run has all of them."""
    with pytest.MonkeyPatch.context() as patch:
        if not THOROUGH:
            patch.setattr(workers, "_spread", _spread)
        yield


_workers = workers._spread


def _spread(
    task: worker.Task, batches: Iterator[list[Any]], jobs: int, skipped: list[Skipped]
) -> Iterator[list[Any]]:
    if jobs > 1:
        yield from _workers(task, batches, jobs, skipped)
        return
    work: Any = task.work
    with task.settings.open() as resource:
        for batch in batches:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(worker, "_held", True)
                done = list(workers._here(work, batch, resource, task.limits, skipped))
            yield done
