"""What Provenance writes of its own fixtures: every format, and the index of their references.

    python tests/golden.py            write the golden outputs again, after a change that is meant
    python tests/golden.py FOLDER     write all outputs into FOLDER, and print their SHA-256

Runs in a process of its own, for the version number is masked before anything else is imported.
``test_golden.py`` holds the outputs against ``tests/golden/``, ``benchmarks/determinism.py``
against those of other Pythons, locales and so on. What is read from the environment is only what
that file varies: ``GOLDEN_JOBS``, and ``GOLDEN_ORDER``, in which order files are made on the disk.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import provenance.version

ROOT = Path(__file__).parent.parent
KEPT = Path(__file__).parent / "golden"
SUMS = "SHA256SUMS"
WHOLE = ("index.txt", "report.txt", "audit.txt", "findings.csv")
"""Outputs that are kept as they are, so that a difference can be read; of the others the sum."""


def outputs(folder: Path, *, jobs: int = 1, backwards: bool = False) -> dict[str, bytes]:
    """Every output by name.

    Args:
        folder: an empty one, to work in; it becomes the current folder.
        jobs: processes. With more than one, they are used though the fixtures are small.
        backwards: whether the files are made in the opposite order.
    """
    from provenance import workers
    from provenance.auditing import without_policy
    from provenance.index import Index
    from provenance.indexing import build_index
    from provenance.integrity import verify
    from provenance.report.formats import FORMATS, Texts
    from provenance.report.text import text_report
    from provenance.scanning import scan
    from provenance.sides import suspect_contents, suspect_texts

    if jobs > 1:
        workers._FEW_BYTES = 0
    _copy(folder, backwards)
    os.chdir(folder)
    build_index(["reference"], "fixtures.db", date="2025-03-01", license="MIT", jobs=jobs)
    verify("fixtures.db")
    with Index("fixtures.db") as index:
        facts = index.facts()
    made = {
        "index.txt": f"checksum {facts.checksum}\n"
        + "".join(f"{name} {count}\n" for name, count in sorted(facts.counts.items()))
    }
    report = scan("suspect", ["fixtures.db"], jobs=jobs)
    audit = without_policy(report)
    texts = Texts(suspect_texts(report), {}, suspect_contents(report))
    made["report.txt"] = text_report(report)
    made["report.ko.html"] = _korean(report, texts.suspects)
    for one in FORMATS:
        name = "audit" if one.name in ("text", "json") else "findings"
        made[name + one.endings[0]] = one.write(audit, texts)
    return {name: text.encode() for name, text in sorted(made.items())}


def _korean(report: provenance.Report, suspects: Mapping[str, str]) -> str:
    from provenance.report.html import html_report

    return html_report(report, suspects, language="ko")


def _copy(folder: Path, backwards: bool) -> None:
    """The fixtures, both sides of all of them apart."""
    found = sorted((ROOT / "fixtures").glob("*/*/**/*.*"), reverse=backwards)
    for path in found:
        case, side, *inner = path.relative_to(ROOT / "fixtures").parts
        place = folder.joinpath(side, case, *inner)
        if path.is_file() and side in ("reference", "suspect"):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def sums(made: dict[str, bytes]) -> str:
    """As ``sha256sum`` writes them."""
    return "".join(f"{sha256(data).hexdigest()}  {name}\n" for name, data in made.items())


def main() -> None:
    provenance.version.VERSION = "0"  # before anything that says it is imported
    jobs, order = int(os.environ.get("GOLDEN_JOBS", "1")), os.environ.get("GOLDEN_ORDER", "")
    target = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    base = target.parent if target else None
    with tempfile.TemporaryDirectory(dir=base) as folder:
        os.environ["PROVENANCE_CACHE"] = str(Path(folder, "cache"))
        work = Path(folder, "work")
        work.mkdir()
        made = outputs(work, jobs=jobs, backwards=order == "backwards")
        database = Path("fixtures.db").read_bytes()
        os.chdir(ROOT)
    if target:
        target.mkdir(exist_ok=True)
        for name, data in {**made, "fixtures.db": database}.items():
            (target / name).write_bytes(data)
        print(sums({**made, "fixtures.db": database}), end="")
        return
    KEPT.mkdir(exist_ok=True)
    for name in WHOLE:
        (KEPT / name).write_bytes(made[name])
    (KEPT / SUMS).write_bytes(sums(made).encode())
    print(f"{KEPT.relative_to(ROOT)}: written; look at what git says has changed")


if __name__ == "__main__":
    main()
