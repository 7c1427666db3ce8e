"""Ground truth for the benchmarks, built from what a package says of itself.

Two kinds of statement are read, with the standard library's ``ast`` and nothing of ours, so
that truth and tool cannot share a mistake:

* ``# Copied from package.module.Name [with A->B, ...]`` directly above a definition;
* the bases of the classes in ``modular_*.py``, from which transformers generates
  ``modeling_*.py`` and its kin by pasting the base's code: child <- declared parents.

    python benchmarks/truth.py WHEEL_OR_DIRECTORY    count what there is
    python benchmarks/truth.py --families            make first_days.csv again (downloads)
"""

from __future__ import annotations

import argparse
import ast
import csv
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

FAMILIES = Path(__file__).parent.parent / "provenance" / "references" / "first_days.csv"
RELEASES = (
    "4.0.0 4.5.0 4.10.0 4.15.0 4.18.0 4.21.0 4.24.0 4.27.0 4.30.0 4.31.0 4.32.0 4.33.0 4.34.0 "
    "4.35.0 4.36.0 4.37.0 4.38.0 4.39.0 4.40.0 4.41.0 4.42.0 4.43.0 4.44.0 4.45.0 4.46.0 4.47.0 "
    "4.48.0 4.49.0 4.50.0 4.51.0 4.52.1 4.53.0 4.54.0 4.55.0 4.56.0 4.57.0 4.57.1 "
    "5.0.0 5.1.0 5.2.0 5.3.0 5.4.0 5.5.0 5.6.1 5.7.0 5.8.0 5.9.0 5.10.1 5.11.0 5.12.0 5.13.0 "
    "5.14.0 5.15.0 5.16.0 5.17.0 5.18.0 5.19.0 5.20.1 5.21.0 5.22.0 5.23.0"
).split()
"""The releases the first days are of; 4.0.0 is the first to have a directory a family."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

_COPIED = re.compile(r"#\s*Copied from\s+(?P<name>[A-Za-z_]\w*(?:\.\w+)+)\s*(?P<rest>.*)$")
_GENERATED = re.compile(rb"automatically generated from \S*?(modular_\w+\.py)")
_MODULAR = re.compile(r"(^|/)modular_\w+\.py$")


# --- places -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A definition in a package. ``line`` is that of its ``def`` or ``class``."""

    path: str
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class CopiedPair:
    """``child`` stands below a comment that says it is copied from ``parent``."""

    child: Place
    parent: Place
    renames: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """A generated class and the classes of other families its source inherits from.

    ``pure``: the class in ``modular_*.py`` has no body of its own, so that nothing but names
    can differ from the parent; otherwise it was edited.
    """

    child: Place
    parents: tuple[Place, ...]
    pure: bool


@dataclass(frozen=True, slots=True)
class CopiedPairs:
    pairs: tuple[CopiedPair, ...]
    unresolved: dict[str, int]
    """Comments that are no usable pair, by reason."""


@dataclass(frozen=True, slots=True)
class ClassLineage:
    children: tuple[Lineage, ...]
    left_out: dict[str, int]
    """Classes of ``modular_*.py`` with a base in another family that are no case, by reason."""


@dataclass(frozen=True, slots=True)
class FirstRelease:
    version: str
    date: str


# --- a package as text --------------------------------------------------------------------


@dataclass(slots=True)
class _Module:
    """One parsed file: its definitions by qualified name, and what its names are bound to."""

    path: str
    lines: list[str]
    tree: ast.Module
    definitions: list[tuple[str, Definition]] = field(default_factory=list)
    by_name: dict[str, Definition] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)


class _Package:
    """The files of one package, parsed when first asked for."""

    def __init__(self, files: Iterable[tuple[str, bytes]]) -> None:
        self.content = {path: content for path, content in files if path.endswith(".py")}
        self._modules: dict[str, _Module | None] = {}

    def module(self, path: str) -> _Module | None:
        if path not in self._modules:
            self._modules[path] = self._parse(path)
        return self._modules[path]

    def _parse(self, path: str) -> _Module | None:
        try:
            text = self.content[path].decode("utf-8-sig")
            tree = ast.parse(text)
        except (KeyError, UnicodeDecodeError, SyntaxError, ValueError):
            return None
        module = _Module(path, text.split("\n"), tree)
        stack: list[tuple[str, ast.AST]] = [("", tree)]
        while stack:
            prefix, node = stack.pop()
            for child in ast.iter_child_nodes(node):
                if isinstance(child, Definition):
                    name = prefix + child.name
                    module.definitions.append((name, child))
                    stack.append((name + ".", child))
                elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                    stack.append((prefix, child))
        module.definitions.sort(key=lambda pair: pair[1].lineno)
        for name, definition in module.definitions:
            module.by_name.setdefault(name, definition)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                source = self._absolute(path, node)
                for alias in node.names:
                    if alias.name == "*":
                        module.stars.append(source)
                    else:
                        module.imports[alias.asname or alias.name] = (source, alias.name)
        return module

    @staticmethod
    def _absolute(path: str, node: ast.ImportFrom) -> str:
        """The dotted module an import statement names, from the package's root."""
        if not node.level:
            return node.module or ""
        parts = list(PurePosixPath(path).parts[: -node.level])
        return ".".join(parts + ([node.module] if node.module else []))

    def file_of(self, dotted: str) -> str | None:
        """The file of a dotted module name, if the package has it."""
        base = dotted.replace(".", "/")
        for path in (f"{base}.py", f"{base}/__init__.py"):
            if path in self.content:
                return path
        return None

    def find(self, dotted: str, name: str, depth: int = 6) -> Place | None:
        """The definition that ``name`` of module ``dotted`` is, through re-exports."""
        path = self.file_of(dotted)
        module = self.module(path) if path is not None else None
        if module is None or depth == 0:
            return None
        found = module.by_name.get(name)
        if found is not None:
            return Place(module.path, name, found.lineno)
        head, _, tail = name.partition(".")
        if head in module.imports:
            source, original = module.imports[head]
            return self.find(source, f"{original}.{tail}" if tail else original, depth - 1)
        for source in module.stars:
            place = self.find(source, name, depth - 1)
            if place is not None:
                return place
        return None

    def find_dotted(self, dotted: str) -> Place | None:
        """The definition of ``package.module.Class.method``: the longest module part rules."""
        parts = dotted.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            module = ".".join(parts[:cut])
            if self.file_of(module) is not None:
                return self.find(module, ".".join(parts[cut:]))
        return None


# --- Copied from --------------------------------------------------------------------------


def copied_pairs(files: Iterable[tuple[str, bytes]]) -> CopiedPairs:
    """Every ``# Copied from`` comment directly above a definition, resolved.

    Args:
        files: path from the package's root (``transformers/models/...``) and content.

    Returns:
        The pairs in order of the child's place, and how many comments gave none, and why.
        ``modular_*.py`` are passed over: what they hold is in the generated files again.
    """
    package = _Package(files)
    pairs: list[CopiedPair] = []
    unresolved: Counter[str] = Counter()
    for path in sorted(package.content):
        if b"Copied from" not in package.content[path] or _MODULAR.search(path):
            continue
        module = package.module(path)
        if module is None:
            unresolved["file with a syntax error"] += 1
            continue
        comments = {
            number: match
            for number, line in enumerate(module.lines, 1)
            if line.lstrip().startswith("#") and (match := _COPIED.search(line))
        }
        used: set[int] = set()
        for name, definition in module.definitions:
            for number in _comment_lines(module, definition):
                match = comments.get(number)
                if match is None or number in used:
                    continue
                used.add(number)
                child = Place(path, name, definition.lineno)
                parent, why = _parent(package, path, match["name"])
                if parent is None:
                    unresolved[why] += 1
                elif parent == child:
                    unresolved["names itself"] += 1
                else:
                    pairs.append(CopiedPair(child, parent, match["rest"].strip()))
        unresolved["not directly above a definition"] += len(comments.keys() - used)
    pairs.sort(key=lambda pair: (pair.child, pair.parent))
    return CopiedPairs(tuple(pairs), dict(sorted(unresolved.items())))


def _comment_lines(module: _Module, definition: Definition) -> list[int]:
    """Lines of the comments that belong to a definition: the block of comment lines right
    above it, and those among its decorators."""
    first = min([definition.lineno, *(d.lineno for d in definition.decorator_list)])
    numbers = list(range(first, definition.lineno))
    above = first - 1
    while above >= 1 and module.lines[above - 1].lstrip().startswith("#"):
        numbers.append(above)
        above -= 1
    return numbers


def _parent(package: _Package, child: str, dotted: str) -> tuple[Place | None, str]:
    root = child.split("/", 1)[0]
    if dotted.split(".", 1)[0] != root:
        return None, "another package"
    place = package.find_dotted(dotted)
    return place, "" if place is not None else "no such definition in the package any more"


# --- modular_*.py -------------------------------------------------------------------------


def family_of(path: str) -> str | None:
    """The family of a path: the directory below ``models/`` (or ``models/deprecated/``)."""
    parts = path.split("/")
    if "models" not in parts[:-2]:
        return None
    at = parts.index("models") + 1
    if parts[at] == "deprecated" and at + 1 < len(parts) - 1:
        at += 1
    return parts[at]


def is_older(reference: str, child: str, ages: dict[str, FirstRelease]) -> bool:
    """Whether a family was first released on an earlier day; an undated one never is."""
    if reference not in ages or child not in ages:
        return False
    return ages[reference].date < ages[child].date


def class_lineage(
    files: Iterable[tuple[str, bytes]], ages: dict[str, FirstRelease]
) -> ClassLineage:
    """Every class of a ``modular_*.py`` with a base from another, older family.

    A base counts when it is a class that another family's directory defines (re-exports are
    followed; a base in another ``modular_*.py`` is the class generated from it). The child is
    the class of the same name in a file whose header says it was generated from this
    ``modular_*.py``. Of the parents only those older than the child are kept, by the first
    release of their families.

    Args:
        files: path from the package's root and content.
        ages: first release of each family, as ``read_families`` gives it.

    Returns:
        The cases in order of the child's place, and how many classes are none, and why.
    """
    package = _Package(files)
    generated = _generated_files(package)
    children: list[Lineage] = []
    left_out: Counter[str] = Counter()
    for path in sorted(package.content):
        module = package.module(path) if _MODULAR.search(path) else None
        family = family_of(path)
        if module is None or family is None:
            continue
        for node in module.tree.body:
            if not isinstance(node, ast.ClassDef):
                continue
            parents = _declared_parents(package, module, node, generated)
            if not parents:
                continue
            child = _class_in(package, generated.get(path, []), node.name)
            if child is None:
                left_out["class is not in a generated file"] += 1
                continue
            if _still_inherits(package, child, parents):
                left_out["generated class still inherits, nothing was pasted"] += 1
                continue
            older = [p for p in parents if is_older(family_of(p.path) or "", family, ages)]
            if older:
                children.append(Lineage(child, tuple(older), _is_empty(node)))
                continue
            dates = {ages[f].date for p in parents if (f := family_of(p.path)) in ages}
            same = family in ages and ages[family].date in dates
            left_out[f"parent is {'of the same release' if same else 'younger'}"] += 1
    children.sort(key=lambda lineage: lineage.child)
    return ClassLineage(tuple(children), dict(sorted(left_out.items())))


def _generated_files(package: _Package) -> dict[str, list[str]]:
    """``modular_x.py`` -> the files whose headers say they were generated from it."""
    found: dict[str, list[str]] = {}
    for path, content in sorted(package.content.items()):
        match = _GENERATED.search(content[:2000])
        if match is not None and not _MODULAR.search(path):
            source = str(PurePosixPath(path).with_name(match[1].decode()))
            found.setdefault(source, []).append(path)
    return found


def _class_in(package: _Package, paths: list[str], name: str) -> Place | None:
    for path in paths:
        module = package.module(path)
        node = module.by_name.get(name) if module is not None else None
        if isinstance(node, ast.ClassDef):
            return Place(path, name, node.lineno)
    return None


def _declared_parents(
    package: _Package, module: _Module, node: ast.ClassDef, generated: dict[str, list[str]]
) -> list[Place]:
    """The classes of other families among a class's bases."""
    parents: list[Place] = []
    for base in node.bases:
        place = None
        if isinstance(base, ast.Name) and base.id in module.imports:
            place = package.find(*module.imports[base.id])
        elif isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name):
            source, name = module.imports.get(base.value.id, ("", ""))
            place = package.find(f"{source}.{name}", base.attr)
        if place is not None and _MODULAR.search(place.path):
            place = _class_in(package, generated.get(place.path, []), place.name)
        if place is None or family_of(place.path) in (None, "auto", family_of(module.path)):
            continue
        if place not in parents:
            parents.append(place)
    return parents


def _still_inherits(package: _Package, child: Place, parents: list[Place]) -> bool:
    module = package.module(child.path)
    node = module.by_name[child.name] if module is not None else None
    if module is None or not isinstance(node, ast.ClassDef):
        return False
    bases = [b.id for b in node.bases if isinstance(b, ast.Name) and b.id in module.imports]
    return any(package.find(*module.imports[base]) in parents for base in bases)


def _is_empty(node: ast.ClassDef) -> bool:
    """Whether a class body says nothing: ``pass``, a docstring, an ellipsis."""
    return all(
        isinstance(statement, ast.Pass)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in node.body
    )


# --- reading ------------------------------------------------------------------------------


def read_files(source: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of the Python files of a wheel, or of the directory it was unpacked to."""
    if source.is_dir():
        for path in sorted(source.rglob("*.py")):
            yield path.relative_to(source).as_posix(), path.read_bytes()
        return
    with zipfile.ZipFile(source) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".py"):
                yield name, archive.read(name)


def read_families(path: Path = FAMILIES) -> dict[str, FirstRelease]:
    """The first release of each family."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(line for line in stream if not line.startswith("#"))
        return {r["family"]: FirstRelease(r["first_version"], r["date"]) for r in rows}


# --- first days -------------------------------------------------------------------------


def first_releases(wheels: Iterable[tuple[str, Path]]) -> dict[str, FirstRelease]:
    """The first of the given releases, oldest first, that has each family.

    Only the directory of a wheel is read. Its day is that of its newest member.
    """
    first: dict[str, FirstRelease] = {}
    for version, wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            members = archive.infolist()
        year, month, day = max(member.date_time for member in members)[:3]
        release = FirstRelease(version, f"{year:04}-{month:02}-{day:02}")
        for member in members:
            parts = member.filename.split("/")
            family = family_of(member.filename)
            if family in (None, "deprecated") or parts[:2] != ["transformers", "models"]:
                continue
            if family is not None and member.filename.endswith(".py"):
                first.setdefault(family, release)
    return first


def make_families(cache: Path, out: Path = FAMILIES) -> int:
    """Download the wheels of ``RELEASES`` where they are not cached, and write the first days."""
    cache.mkdir(parents=True, exist_ok=True)
    wheels: list[tuple[str, Path]] = []
    for version in RELEASES:
        wheel = cache / f"transformers-{version}-py3-none-any.whl"
        if not wheel.exists():
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--only-binary=:all:", "--dest", str(cache), f"transformers=={version}"]
            subprocess.run(command, check=True)
        wheels.append((version, wheel))
    first = first_releases(wheels)
    with out.open("w", encoding="utf-8", newline="") as stream:
        stream.write(
            "# First release of transformers that ships each family (a directory of models/),\n"
            "# among the releases named below; the date is that of the wheel's newest member.\n"
            "# Made by `python benchmarks/truth.py --families` from the released wheels:\n"
            f"# {' '.join(RELEASES)}\n"
        )
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["family", "first_version", "date"])
        for family, release in sorted(first.items()):
            writer.writerow([family, release.version, release.date])
    return len(first)


# --- command ------------------------------------------------------------------------------


def main(kind: Literal["count", "families"], source: Path) -> None:
    if kind == "families":
        print(f"{make_families(source)} families in {FAMILIES}")
        return
    files = list(read_files(source))
    copied = copied_pairs(files)
    print(f"Copied from: {len(copied.pairs)} pairs")
    for why, count in copied.unresolved.items():
        print(f"  {count:5} {why}")
    lineage = class_lineage(files, read_families())
    pure = sum(child.pure for child in lineage.children)
    print(f"class lineage: {pure} pure, {len(lineage.children) - pure} edited")
    for why, count in lineage.left_out.items():
        print(f"  {count:5} {why}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Ground truth for the benchmarks.")
    parser.add_argument("source", nargs="?", type=Path, help="a wheel, or one unpacked")
    parser.add_argument("--families", action="store_true", help="make first_days.csv again")
    parser.add_argument("--cache", type=Path, default=Path("/tmp/provenance-old-wheels"))
    arguments = parser.parse_args()
    if arguments.families:
        main("families", arguments.cache)
    elif arguments.source is None:
        parser.error("name a wheel or a directory, or give --families")
    else:
        main("count", arguments.source)
