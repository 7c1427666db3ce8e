"""``provenance``, and ``python -m provenance``."""

import sys


def start() -> None:
    """Run the command line. Who is interrupted while it is loaded says so as it does later."""
    try:
        from provenance.cli import main
    except KeyboardInterrupt:
        sys.stderr.write("provenance: interrupted; nothing is written by half\n")
        sys.exit(3)
    main()


if __name__ == "__main__":
    start()
