"""The rules of the house, as tests: who imports whom, who touches the disk, what loads when."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

import provenance
from provenance.version import VERSION

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "provenance"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

ALLOWED = {
    # nouns and pure helpers: everything may stand on them
    "errors": "",
    "version": "",
    "given": "errors",
    "model": "",
    "mark": "",
    "origins": "model",
    "release": "decode errors",
    "cachefolder": "policy regular",
    "cache": "cachefolder model references.__init__ regular",
    "pages": "",
    "order": "",
    "recent": "",
    "null": "",
    "verdict": "model",
    "workers": "errors model notebook worker",
    "worker": "aside errors model",
    "served": "",
    "heard": "",
    "decode": "",
    "toml": "",
    # references: what the built-in index is made of
    "references.__init__": "",
    "references.manifest": "errors model",
    # source and its readers: what a user names -> files
    "patterns": "errors",
    "notebook": "comments decode limits model",
    "limits": "decode",
    "regular": "decode errors",
    "tracked": "decode errors regular",
    "ignored": "patterns",
    "folder": "decode ignored patterns regular tracked",
    "archive": "decode errors folder limits notices patterns regular release",
    "zipped": "archive decode errors folder limits notices patterns regular release",
    "tarred": "archive decode errors folder limits notices patterns regular release ustar",
    "ustar": "",
    "aside": "regular",
    "pypi": "aside cachefolder errors regular release",
    "source": (
        "archive decode errors folder given limits model notices patterns pypi regular release "
        "tarred toml zipped"
    ),
    # the stages: they know the nouns and the pure helpers
    "parse": "binding errors mark model",
    "binding": "",
    "comments": "fstring",
    "fstring": "",
    "claims": "comments",
    "rights": "comments",
    "statements": "claims comments rights",
    "notices": "claims comments decode errors mark patterns rights statements toml",
    "known": "mark model",
    "expression": "",
    "uses": "expression known parse",
    "licenses": "",
    "sketch": "model",
    "align": "mark model sketch",
    # index: the store, its writer, its two readers; the grammar says what a stored kind means
    "schema": "errors regular",
    "stored": "errors pages schema",
    "checksum": "pages schema",
    "postings": "order pages recent schema stored",
    "units": "pages recent schema stored",
    "seen": "",
    "elements": "model pages parse recent schema stored",
    "opening": "given model",
    "index": (
        "checksum elements errors model null opening pages postings recent references.__init__ "
        "regular schema seen sketch stored units"
    ),
    "integrity": "checksum index schema sketch",
    "rank": "mark",
    "unused": "regular",
    "writing": "aside checksum elements errors index model pages schema unused",
    "build": "index mark model origins pages parse rank schema sketch statements writing",
    "numbering": "elements index pages parse rank schema",
    "ours": "cachefolder regular schema",
    "segments": "aside build errors index merge model ours schema statements",
    "merge": "errors index model numbering opening origins pages schema writing",
    "candidates": "index model order pages schema seen",
    "library": (
        "errors index known model notices order recent schema seen sketch references.__init__"
    ),
    "chain": "library model null verdict",
    "near": "finding library model",
    # attribute judges: it compares with align what candidates proposed and library holds
    "finding": "align library mark model parse sketch verdict",
    "attribute": "candidates chain composition finding library model near sketch verdict",
    "identity": "library model schema sketch",
    "composition": "model",
    "stated": "claims known library model notices statements",
    "spoken": "claims comments library model notices recent rights stated statements",
    "declared": "comments known library licenses model rights spoken stated statements uses",
    "families": "index model opening references.manifest schema references.__init__",
    # baseline: what attribute's scores are between families of an index that are unrelated
    "baseline": "attribute elements index library null pages recent schema sketch verdict",
    # report: Report -> str
    "report.__init__": "",
    "report.json": "model version",
    "report.text": "decode model report.json verdict",
    "report.columns": "model report.text",
    "report.explain": "model report.columns report.text verdict",
    "report.html": (
        "licenses model report.json report.quoted report.shares report.text report.tiles "
        "report.words verdict version"
    ),
    "report.quoted": "decode model report.text",
    "report.shares": "model",
    "report.tiles": "model report.text",
    "report.words": "report.text",
    "report.saved": "errors model report.json",
    "report.rules": "model report.text",
    "report.evidence": "model report.text verdict",
    "report.sarif": "model report.evidence report.json report.rules report.text version",
    "report.junit": "model report.evidence report.rules report.text version",
    "report.codequality": "model report.evidence report.rules report.text",
    "report.markdown": "model report.evidence report.json report.rules report.text",
    "report.csv": "model report.evidence report.text",
    "report.cyclonedx": "licenses model report.evidence report.rules report.text verdict version",
    "report.spdx": (
        "licenses model report.cyclonedx report.evidence report.rules report.text version"
    ),
    "report.formats": (
        "errors model report.audit report.codequality report.csv report.cyclonedx report.html "
        "report.junit report.markdown report.sarif report.spdx"
    ),
    # sides: what of both sides a report may quote
    "sides": "cachefolder errors model pypi regular source worker workers",
    # explain: one file of a scan, quoted, with what is common in it
    "spread": "library parse schema sketch",
    "explained": (
        "attribute decode errors library model parse references.__init__ report.explain "
        "report.text report.weighed scanning sides sketch spread weigh workers"
    ),
    # weigh: why a family is named for a unit, or is not
    "weigh": "align attribute finding index library model near verdict",
    "report.weighed": "model report.text verdict",
    # history: since when git has the scanned lines
    "repository": "decode regular tracked",
    "git": "regular repository",
    "history": "aside decode errors git model regular release repository",
    # scanning wires, cli asks it
    "scanning": (
        "aside attribute cache candidates composition declared errors given history identity index "
        "indexing integrity library model notices parse references.__init__ release sketch source "
        "spoken verdict workers"
    ),
    "indexing": (
        "aside baseline errors given index integrity merge model origins ours parse pypi "
        "references.manifest release schema segments sketch source statements version workers "
        "writing"
    ),
    "terminal": "aside errors notices policy regular report.text workers",
    # the audit step: a policy, what it makes of a report, what was accepted before
    "settings": "",
    "policy": "errors regular release settings toml",
    "ruling": "licenses model patterns settings verdict",
    "ledger": "errors model ruling",
    "report.audit": "model report.json report.rules report.text verdict",
    "report.notices": "decode model notices patterns report.evidence",
    "changed": "aside decode errors git regular repository",
    "planning": "archive decode errors folder given notices patterns policy regular settings",
    "auditing": (
        "scanning cache changed decode errors folder ledger library licenses model notices "
        "patterns planning policy references.__init__ regular release report.notices ruling "
        "settings workers"
    ),
    "cli_audit": (
        "auditing bundle errors given model planning policy regular release report.audit "
        "report.formats report.notices report.rules settings sides terminal"
    ),
    "bundle": "errors model report.audit report.formats report.json report.text version",
    "verifying": (
        "scanning bundle errors identity index model patterns references.__init__ regular release "
        "report.formats report.json report.text sides verdict version workers"
    ),
    "cli_explain": "explained references.__init__ terminal",
    "cli_bundle": "errors terminal verifying workers",
    "cli_report": (
        "auditing errors model regular report.formats report.html report.json report.saved "
        "report.text sides terminal workers"
    ),
    # cluster: the same stages under Spark
    "cluster.__init__": "",
    "cluster.fingerprints": "index mark model pages parse rank schema sketch",
    "cluster.tables": "errors index model null opening schema",
    "cluster.slices": (
        "cluster.fingerprints cluster.tables elements errors index model null parse postings "
        "recent schema seen"
    ),
    "cluster.gather": ("decode errors folder limits model notebook notices origins release source"),
    "cluster.session": "errors worker",
    "cluster.folders": "aside cluster.session cluster.tables errors ours patterns",
    "cluster.assembling": (
        "cluster.exchange cluster.folders cluster.tables index model opening origins schema sketch"
    ),
    "cluster.building": (
        "cluster.assembling cluster.fingerprints cluster.folders cluster.gather cluster.session "
        "cluster.tables errors indexing limits model sketch version workers"
    ),
    "cluster.exchange": (
        "aside cluster.fingerprints cluster.tables index indexing model rights segments sketch "
        "statements version"
    ),
    "cluster.importing": (
        "cluster.assembling cluster.fingerprints cluster.folders cluster.gather cluster.tables "
        "elements index integrity model parse sketch"
    ),
    "cluster.joining": (
        "cluster.building cluster.fingerprints cluster.folders cluster.gather cluster.slices "
        "cluster.tables declared library model notices parse scanning schema sketch spoken "
        "workers"
    ),
    "cluster.scan": (
        "cluster.building cluster.folders cluster.gather cluster.joining cluster.session "
        "cluster.slices cluster.tables errors given model notices release scanning source workers"
    ),
    "cli_cluster": (
        "cli_explain cli_report cluster.assembling cluster.building cluster.exchange "
        "cluster.folders cluster.importing cluster.scan cluster.session cluster.tables errors "
        "report.formats report.text terminal"
    ),
    "cli": (
        "scanning cache cli_audit cli_bundle cli_cluster cli_explain cli_report errors families "
        "index indexing integrity references.__init__ references.manifest report.text terminal "
        "version"
    ),
    "__init__": "scanning errors indexing model report.json report.text version",
    "__main__": "cli",
}
"""What each module may import of ours, anywhere in it. A new module needs a line here."""

TOUCHES_THE_DISK = set(
    "source folder regular tracked repository git history changed archive zipped tarred pypi "
    "index build schema stored checksum integrity aside ours writing unused numbering merge "
    "segments scanning indexing given workers worker policy cache cachefolder planning "
    "auditing terminal cli cli_audit cli_explain cli_report bundle verifying explained "
    "__init__ __main__ cli_cluster cluster.session cluster.exchange cluster.folders "
    "cluster.importing references.__init__ references.manifest".split()
)
WORLD = set(
    "os io pathlib shutil tempfile glob sqlite3 subprocess socket ssl http urllib requests ftplib "
    "asyncio mmap fcntl zipfile tarfile gzip bz2 lzma".split()
)
"""Modules of the standard library that reach files, processes or the network."""

NETWORK = set("socket ssl http urllib requests httpx aiohttp ftplib smtplib xmlrpc asyncio".split())
RUNS_CODE = set("pickle marshal shelve dill cloudpickle joblib runpy code imp pty ctypes".split())
VAGUE = set("util utils helper helpers manager common base core misc engine tools lib".split())


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"))


def _imported(module: str) -> Iterator[str]:
    """Dotted names of everything a module imports, at its top or inside functions."""
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute here"
            inside = f"{node.module}." if node.module else ""
            yield from (f"{inside}{alias.name}" for alias in node.names)


def _ours(module: str) -> set[str]:
    """Modules of ours that a module imports."""
    found = set()
    for name in _imported(module):
        top, _, rest = name.partition(".")
        if top == "provenance":
            first, _, second = rest.partition(".")
            inner = f"{first}.{second.partition('.')[0]}"
            package = f"{first}.__init__"  # what the package itself holds
            whole = package if package in MODULES else first
            found.add(inner if inner in MODULES else whole)
    return found


def _foreign(module: str) -> set[str]:
    return {name.partition(".")[0] for name in _imported(module)} - {"provenance"}


# --- who imports whom ---------------------------------------------------------------------


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_only_what_it_may(module: str) -> None:
    assert module in ALLOWED, "a new module: say in ALLOWED what it may import"
    beyond = _ours(module) - set(ALLOWED[module].split())
    # A type that is passed in may be named for the type checker.
    beyond -= _for_types_only(module)
    assert not beyond, f"{module} imports {sorted(beyond)}"


def _for_types_only(module: str) -> set[str]:
    """Modules of ours imported under ``if TYPE_CHECKING`` and nowhere else."""
    named: set[str] = set()
    real: set[str] = set()

    def visit(node: ast.AST, typing: bool) -> None:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("provenance."):
            (named if typing else real).add((node.module or "").partition(".")[2])
        for child in ast.iter_child_nodes(node):
            checks = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            visit(child, typing or checks)

    visit(_tree(module), False)
    return named - real


def test_the_table_has_no_lines_of_modules_that_are_gone() -> None:
    listed = set(ALLOWED) | {name for allowed in ALLOWED.values() for name in allowed.split()}
    assert listed <= set(MODULES), sorted(listed - set(MODULES))


def test_no_module_imports_itself_in_a_circle() -> None:
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join((*above, module))
        if module not in done:
            for inner in sorted(_ours(module) - _for_types_only(module)):
                if inner:
                    visit(inner, (*above, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_the_nouns_stand_alone() -> None:
    assert not _ours("model")
    assert _foreign("model") <= {"__future__", "dataclasses", "typing", "numpy"}


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"scanning", "indexing", "cli"}))
def test_only_scanning_brings_source_and_the_stages_together(module: str) -> None:
    found = _ours(module) - _for_types_only(module)
    assert not {"source", "parse"} <= found
    assert not {"source", "index"} <= found


# --- who touches the world ----------------------------------------------------------------


@pytest.mark.parametrize("module", sorted(set(MODULES) - TOUCHES_THE_DISK))
def test_touches_no_file_and_no_process(module: str) -> None:
    beyond = _foreign(module) & WORLD
    if beyond == {"pathlib"}:  # pure paths are names, not files
        named = {name for name in _imported(module) if name.startswith("pathlib")}
        beyond = set() if named <= {"pathlib.PurePosixPath", "pathlib.PurePath"} else beyond
    assert not beyond
    assert "open" not in _called(module)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_runs_nothing_that_it_reads(module: str) -> None:
    but = {
        "binding": {"ctypes"},  # drops references
        "worker": {"importlib"},  # imports stages, by names that stand there
    }
    assert not _foreign(module) & RUNS_CODE - but.get(module, set())
    assert not _called(module) & {"eval", "exec", "compile", "__import__"}
    assert not _foreign(module) & NETWORK, "pip fetches, nothing else does"
    if module not in ("pypi", "changed", "git", "history"):
        assert "subprocess" not in _foreign(module)


def _called(module: str) -> set[str]:
    """Plain names that are called, as in ``open(path)``; no methods."""
    return {
        node.func.id
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def test_tests_reach_no_network() -> None:
    """``conftest.py`` refuses it, for this very process."""
    with (
        pytest.raises(BaseException, match="expected no network in tests"),
        socket.socket() as unconnected,
    ):
        unconnected.connect(("192.0.2.1", 9))  # RFC 5737: an address of nobody
    with pytest.raises(BaseException, match="expected no network in tests"):
        socket.getaddrinfo("host.invalid", 443)


# --- what loads when ----------------------------------------------------------------------

HEAVY = {"numpy", "scipy", "datasketch", "tree_sitter", "tree_sitter_python"}


def _loaded_after(code: str, cwd: Path) -> set[str]:
    """Modules that a fresh interpreter has loaded after running some code."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('loaded', *sys.modules)"],
        cwd=cwd,
        env={**_environment(), "PYTHONPATH": str(Path(provenance.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    last = ended.stdout.splitlines()[-1].split()
    assert last[0] == "loaded"
    return set(last[1:])


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}


def test_import_loads_nothing_heavy(tmp_path: Path) -> None:
    found = _loaded_after("import provenance", tmp_path)
    assert "provenance" in found
    assert not found & (HEAVY | {"click", "tqdm", "pathspec", "platformdirs"})


@pytest.mark.parametrize("command", [[], ["scan"], ["compare"], ["index", "build"]])
def test_help_loads_nothing_heavy(command: list[str], tmp_path: Path) -> None:
    call = f"from provenance.cli import main; main({[*command, '--help']}, standalone_mode=False)"
    found = _loaded_after(call, tmp_path)
    assert "click" in found
    assert not found & (HEAVY | {"tqdm", "pathspec", "platformdirs", "sqlite3", "provenance.model"})


def test_a_scan_with_an_index_does_not_load_datasketch(tmp_path: Path) -> None:
    """It costs a second; the index has the permutations that a scan needs."""
    tree = tmp_path / "tree"
    tree.mkdir()
    lines = [f"    total = total * {n} + values[{n}]\n" for n in range(20)]
    text = "def total(values, total=0):\n" + "".join(lines)
    (tree / "model.py").write_text(text)
    provenance.build_index([str(tree)], tmp_path / "tree.db")
    (tree / "model.py").write_text(text + "\n\nother = total([1])\nmore = 2\n")
    found = _loaded_after(
        "import provenance\n"
        "report = provenance.scan('tree', ['tree.db'], jobs=1)\n"
        "assert report.findings",
        tmp_path,
    )
    assert "numpy" in found
    assert not found & {"datasketch", "scipy"}


# --- names, words, versions ---------------------------------------------------------------


def test_no_module_has_a_vague_name() -> None:
    for module in MODULES:
        assert not set(module.split(".")) & VAGUE, module
        assert not set(re.split(r"[._]+", module)) & VAGUE, module


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_module_and_public_name_is_documented(module: str) -> None:
    tree = _tree(module)
    assert ast.get_docstring(tree), module
    for node, name in _public(tree, ""):
        assert ast.get_docstring(node), f"{module}.{name}"


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _public(owner: ast.Module | Definition, outer: str) -> Iterator[tuple[Definition, str]]:
    for node in owner.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node, outer + node.name
            if isinstance(node, ast.ClassDef):
                yield from _public(node, f"{outer}{node.name}.")


def test_every_public_name_exists() -> None:
    for name in provenance.__all__:
        assert getattr(provenance, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        provenance.nothing  # noqa: B018


def test_there_is_one_version() -> None:
    assert provenance.__version__ == VERSION
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'dynamic = ["version"]' in project
    assert 'path = "provenance/version.py"' in project
    text = (PACKAGE / "version.py").read_text("utf-8")
    assert re.findall(r'VERSION = "([^"]+)"', text) == [VERSION]
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## \[?([0-9][^\] ]*)", changes, re.MULTILINE)[0] == VERSION
    try:
        installed = metadata.version("provenance-checker")
    except metadata.PackageNotFoundError:
        return  # run from a checkout that is not installed
    assert installed == VERSION


def test_every_import_is_a_declared_dependency() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    declared = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert declared is not None
    names = set(re.findall(r'^  "([A-Za-z0-9_.-]+)', declared.group(1), re.MULTILINE))
    names = {name.lower().replace("-", "_") for name in names}
    for module in MODULES:
        foreign = _foreign(module) - set(sys.stdlib_module_names)
        if module in ("archive", "tarred", "zipped"):
            foreign -= {"typing_extensions"}  # for the type checker only
        if module.startswith("cluster."):
            foreign -= {"pyspark", "py4j"}  # of the extra [spark]
        assert foreign <= names, f"{module} imports {sorted(foreign - names)}"


# --- what a tracked file may say ----------------------------------------------------------

LEFT_OUT = {".git", ".venv", "venv", "build", "dist", "node_modules"}

HOSTS = re.compile(
    r"""
    (?:[a-z][a-z0-9+.-]*://)(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+)
    """,
    re.VERBOSE | re.IGNORECASE,
)
NAMED_HOSTS = {
    "www.apache.org",
    "json-schema.org",
    "keepachangelog.com",
    "docs.oasis-open.org",
    "cyclonedx.org",
}
"""Hosts that may be named: a licence, a standard, a convention. No registry, no mirror."""

REGISTRIES = [
    first + "." + last
    for first, last in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("testpypi", "org"),
        ("anaconda", "org"),
        ("huggingface", "co"),
        ("modelscope", "cn"),
        ("ghcr", "io"),
        ("docker", "io"),
    )
]
MIRRORS = re.compile(
    r"art" r"ifactory|nex" r"us[.]|dev" r"pi[.]|ali" r"yun|tsing" r"hua", re.IGNORECASE
)


def _tracked() -> list[Path]:
    ended = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode == 0:
        return [ROOT / name for name in ended.stdout.split("\0") if name]
    return [  # no git, or no repository: all but what begins with a dot
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not any(
            part in LEFT_OUT or (part.startswith(".") and part != ".ci")
            for part in path.relative_to(ROOT).parts
        )
    ]


def test_no_file_names_a_registry_or_a_mirror() -> None:
    checked = 0
    for path in _tracked():
        if not path.is_file() or path.suffix in (".db", ".whl", ".gz", ".zip", ".png"):
            continue
        text = path.read_text("utf-8", "replace")
        checked += 1
        where = path.relative_to(ROOT)
        lowered = text.lower()
        for host in REGISTRIES:
            assert host not in lowered, f"{where} names {host}"
        assert not (found := MIRRORS.search(text)), f"{where} names {found}"
        if where.parts[0] in ("tests", "fixtures"):
            continue  # addresses there are made up
        for address in HOSTS.finditer(text):
            host = address["host"].lower()
            local = host.startswith("127.") or host.endswith((".example", ".invalid", ".test"))
            public = where.name in ("manifest.toml", "contest.py")  # they name repositories
            source = host == "github.com" and public
            assert local or source or host in NAMED_HOSTS, f"{where} names {host}"
    assert checked > 20
