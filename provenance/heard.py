"""heard: imported last by the server that starts workers, and by nothing else: signals that were
blocked while it began are heard again. There is one such server in a process, and others have it
start processes of theirs, which they end by signals.
"""

from __future__ import annotations

import signal

if hasattr(signal, "pthread_sigmask"):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
