"""``provenance``, and ``python -m provenance``."""

import sys


def start() -> None:
    """Run the command line. Who is interrupted while it is loaded, or lacks memory, says so as
    it does later."""
    try:
        from provenance.cli import main
    except KeyboardInterrupt:
        sys.stderr.write("provenance: interrupted; nothing is written by half\n")
        sys.exit(3)
    except MemoryError:  # Python would end with 1, as for findings
        sys.stderr.write("provenance: out of memory; free some, or let this user have more\n")
        sys.exit(3)
    main()


if __name__ == "__main__":
    start()
