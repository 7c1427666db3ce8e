"""A release is fetched by the real pip, offline from folders made here, and nothing of it runs."""

from __future__ import annotations

import io
import os
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner
from loaded import Loaded, loaded
from thorough import THOROUGH

from provenance import pypi
from provenance.cachefolder import cache_folder
from provenance.cli import main
from provenance.errors import SourceError, UsageError
from provenance.model import SourceFile
from provenance.source import open_source


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all the index there is, and an empty cache."""
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PROVENANCE_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture(scope="module")
def starts() -> Iterator[Loaded]:
    """Processes that have pip loaded: to load it takes longer than to fetch what is here."""
    parts = ("cli.main", "commands.download", "resolution.resolvelib.resolver")
    with loaded(*(f"pip._internal.{part}" for part in parts)) as starting:
        yield starting


@pytest.fixture
def loaded_pip(starts: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pip under the same guard, forked from one that is loaded; it is begun anew in the
    thorough run, and in tests of how it begins and of what it must not run."""

    def run(arguments: Sequence[str], target: str) -> tuple[bool, str]:
        said = tmp_path / "said"
        first = f"os.dup2(1, 2)\nexec({pypi._GUARD!r}, {{'__name__': '__main__'}})"
        words = [target, "download", *arguments]
        code = starts.start(words, said, first=first, more=os.environ).wait()
        return code == 0, said.read_text("utf-8", "backslashreplace")

    if not THOROUGH:
        monkeypatch.setattr(pypi, "_run_pip", run)


needs_pip = pytest.mark.usefixtures("loaded_pip")


def put_wheel(folder: Path, tag: str = "py3-none-any", requires: str = ">=3.8") -> Path:
    path = folder / f"toy_model-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("toy/model.py", f"tag = {tag!r}\n")
        wheel.writestr(
            "toy_model-1.0.dist-info/METADATA",
            f"Metadata-Version: 2.1\nName: Toy.Model\nVersion: 1.0\nRequires-Python: {requires}\n",
        )
        wheel.writestr("toy_model-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        wheel.writestr("toy_model-1.0.dist-info/RECORD", "")
    return path


SAID = "Name: toy-model\nVersion: 1.0"


def put_sdist(folder: Path, marker: Path, kind: str, said: str = SAID) -> Path:
    """An sdist that writes a file as soon as anything of it runs."""
    trap = f"open({str(marker)!r}, 'w').close()\n"
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\n{said}\n",
        "toy/model.py": "tag = 'sdist'\n",
        "setup.py": trap + "from setuptools import setup\nsetup(name='toy-model', version='1.0')\n",
    }
    if "own backend" in kind:
        files["backend.py"] = trap
        files["pyproject.toml"] = (
            "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        )
    if "zip" in kind:
        path = folder / "toy-model-1.0.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(f"toy-model-1.0/{name}", text)
        return path
    ending, mode = (".tar", "w:") if "plain" in kind else (".tar.gz", "w:gz")
    path = folder / f"toy-model-1.0{ending}"
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, text in files.items():
            info = tarfile.TarInfo(f"toy-model-1.0/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


def model_of(requirement: str) -> str:
    (file,) = open_source(requirement, include=["toy/*"]).files()
    assert isinstance(file, SourceFile)
    assert file.path == "toy/model.py"
    return file.content.decode()


def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(arguments: Sequence[str], target: str) -> tuple[bool, str]:
        raise AssertionError("pip was asked")

    monkeypatch.setattr(pypi, "_run_pip", refuse)


def says(monkeypatch: pytest.MonkeyPatch, text: str) -> list[Sequence[str]]:
    """Have a pip that fails with this text; gives what it was called with."""
    calls: list[Sequence[str]] = []

    def fail(arguments: Sequence[str], target: str) -> tuple[bool, str]:
        calls.append(arguments)
        return False, text

    monkeypatch.setattr(pypi, "_run_pip", fail)
    return calls


# --- requirements -------------------------------------------------------------------------


def test_requirement_is_a_name_and_one_exact_version() -> None:
    assert pypi.parse_requirement("Open_CLIP.torch == 2.24.0") == ("open-clip-torch", "2.24.0")
    assert pypi.parse_requirement("torch==2.13.0+cpu") == ("torch", "2.13.0+cpu")
    assert pypi.parse_requirement("a==1!2.0rc1.post2.dev3") == ("a", "1!2.0rc1.post2.dev3")


@pytest.mark.parametrize(
    "text",
    [
        "transformers",
        "transformers>=4",
        "transformers==4.*",
        "transformers===4",
        "a==",
        "==1",
        "",
        "-r==1",
        "a[b]==1",
        "../a==1",
        "a==1 --index-url=x",
        "a==../../x",
        "a==1;x",
        "é==1",
        "a==1\n2",
    ],
)
def test_anything_else_is_a_usage_error_with_the_form_expected(text: str) -> None:
    with pytest.raises(UsageError, match=r"pypi:.*=="):
        open_source("pypi:" + text)


# --- fetching -----------------------------------------------------------------------------


def test_wheel_is_fetched_once_then_cached(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_wheel(shelf)
    source = open_source("pypi:Toy_Model==1.0")
    assert (source.label, source.release.package) == ("pypi:Toy_Model==1.0", "toy-model")
    no_pip(monkeypatch)
    assert model_of("pypi:toy.model==1.0") == "tag = 'py3-none-any'\n"


@needs_pip
def test_what_another_process_has_fetched_meanwhile_is_left(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was replaced by the same, and who was reading it told that another had been listed."""
    put_wheel(shelf)
    first = Path(pypi.fetch("toy-model", "1.0"))
    before = first.stat()
    monkeypatch.setattr(pypi, "cached", lambda name, version: None)
    assert pypi.fetch("toy-model", "1.0") == str(first)
    assert os.path.samestat(first.stat(), before)
    first.write_bytes(b"damaged")
    assert pypi.fetch("toy-model", "1.0") == str(first)
    assert first.stat().st_size == before.st_size
    assert sorted(os.listdir(first.parent)) == [first.name, f"{first.name}.sha256"]


@pytest.mark.skipif(sys.platform != "linux", reason="others do not bound memory so")
def test_what_pip_makes_of_a_package_is_bounded(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a wheel says of itself took ten times its size: gigabytes for one of a megabyte."""
    monkeypatch.setattr(pypi, "_GUARD", pypi._GUARD.replace("2 << 30", "256 << 20"))
    requires = ">=3.8\n" + f"X: {'y' * 60}\n" * 700_000
    put_wheel(shelf, requires=requires)
    with pytest.raises(SourceError, match="MemoryError"):
        open_source("pypi:toy-model==1.0")


@needs_pip
def test_an_archive_of_an_odd_name_is_refused(shelf: Path, tmp_path: Path) -> None:
    """It was a fault of ours: its name was to stand beside it, in ASCII."""
    put_wheel(shelf).rename(shelf / "toy_model-1.0-1é-py3-none-any.whl")
    with pytest.raises(SourceError, match="letters, digits and"):
        open_source("pypi:toy-model==1.0")
    assert not list((tmp_path / "cache").rglob("*.whl*"))


@needs_pip
def test_wheel_for_another_python_is_fetched(shelf: Path) -> None:
    put_wheel(shelf, requires="<3.5")
    assert "py3-none-any" in model_of("pypi:toy-model==1.0")


@needs_pip
def test_wheel_for_another_platform_is_fetched_where_there_is_no_other(shelf: Path) -> None:
    put_wheel(shelf, tag="cp312-cp312-win_amd64")
    assert "win_amd64" in model_of("pypi:toy-model==1.0")


@needs_pip
def test_sdist_is_preferred_to_the_wheel_of_one_platform(shelf: Path, tmp_path: Path) -> None:
    """What is taken must not depend on the machine."""
    put_wheel(shelf, tag=f"cp3{sys.version_info.minor}-none-any")
    put_sdist(shelf, tmp_path / "ran", "tar")
    assert model_of("pypi:toy-model==1.0") == "tag = 'sdist'\n"


@pytest.mark.parametrize(
    "kind", ["tar", "plain tar", "zip", "tar, own backend", "zip, own backend"]
)
def test_nothing_of_an_sdist_runs(shelf: Path, tmp_path: Path, kind: str) -> None:
    """Neither its setup.py nor a build backend it brings along."""
    if kind == "plain tar" and int(metadata.version("pip").partition(".")[0]) >= 26:
        pytest.skip("it is taken by older releases of pip alone")
    marker = tmp_path / "ran"
    put_sdist(shelf, marker, kind)
    assert model_of("pypi:toy-model==1.0") == "tag = 'sdist'\n"
    assert not marker.exists()


def test_no_process_starts_even_where_the_archive_is_not_caught(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second lock holds by itself: should pip unpack some other way, it fails to build."""
    marker = tmp_path / "ran"
    put_sdist(shelf, marker, "own backend")
    assert "tarfile.open = lambda" in pypi._GUARD
    monkeypatch.setattr(pypi, "_GUARD", pypi._GUARD.replace("tarfile.open = lambda", "_ = lambda"))
    with pytest.raises(SourceError):
        open_source("pypi:toy-model==1.0")
    assert not marker.exists()


def test_a_folder_named_pip_where_the_user_stands_is_not_run(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scanned repository may well be the current folder."""
    marker = tmp_path / "ran"
    (tmp_path / "pip").mkdir()
    modules = [f"{name}.py" for name in sys.stdlib_module_names]
    for name in ("pip/__init__.py", "pip/__main__.py", *modules):
        (tmp_path / name).write_text(f"open({str(marker)!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    put_wheel(shelf)
    assert model_of("pypi:toy-model==1.0")
    assert not marker.exists()


@needs_pip
@pytest.mark.parametrize("damage", ["archive", "checksum", "cut off", "no checksum"])
def test_damaged_cache_is_fetched_again(
    shelf: Path, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = put_wheel(shelf).read_bytes()
    folder = tmp_path / "cache" / "packages" / "toy-model" / "1.0"
    folder.mkdir(parents=True)
    archive = put_wheel(folder)
    archive.write_bytes(good)
    checksum = archive.with_name(archive.name + ".sha256")
    checksum.write_text(f"{sha256(good).hexdigest()}  {archive.name}\n")
    with monkeypatch.context() as patch:
        no_pip(patch)
        model_of("pypi:toy-model==1.0")
    if damage == "archive":
        archive.write_bytes(good[:-1] + b"x")
    elif damage == "cut off":
        archive.write_bytes(b"")
    elif damage == "checksum":
        checksum.write_text("é" * 64)
    else:
        checksum.unlink()
    assert model_of("pypi:toy-model==1.0")
    assert archive.read_bytes() == good
    assert checksum.read_text().split()[1] == archive.name
    left = sorted(path.name for path in archive.parent.iterdir())
    assert left == [archive.name, checksum.name]


@needs_pip
@pytest.mark.parametrize("version", ["1", "v1.0.0", "0!1.0", "01.0+cpu"])
def test_a_version_may_be_written_in_several_ways(
    version: str, shelf: Path, tmp_path: Path
) -> None:
    put_sdist(shelf, tmp_path / "ran", "tar", said=f"Name: Toy.model\nVersion: {version}")
    assert model_of("pypi:toy-model==1.0") == "tag = 'sdist'\n"


@needs_pip
@pytest.mark.parametrize(
    "said", ["Name: transformers\nVersion: 1.0", "Name: toy-model\nVersion: 1.0.1"]
)
def test_an_sdist_that_says_it_is_another_release_is_refused(
    said: str, shelf: Path, tmp_path: Path
) -> None:
    """Its code was told as that of any release that it names."""
    kept = put_sdist(shelf, tmp_path / "ran", "tar", said=said).name
    with pytest.raises(SourceError, match=rf"says it is .*expected.*{kept}: remove that"):
        open_source("pypi:toy-model==1.0")


@needs_pip
def test_a_wheel_that_says_it_is_another_release_is_told_as_that(shelf: Path) -> None:
    """It was told that there is no such release, whose name and version were to be checked."""
    put_wheel(shelf).rename(shelf / "toy_model-2.0-py3-none-any.whl")
    with pytest.raises(SourceError, match=r"inconsistent version.*expected '2.0'.*'1.0'") as caught:
        open_source("pypi:toy-model==2.0")
    assert "pip index" not in str(caught.value)


@needs_pip
def test_where_a_damaged_archive_is_kept_is_told(shelf: Path, tmp_path: Path) -> None:
    """To fetch it again, as it is told to, took it from the cache again."""
    put_sdist(shelf, tmp_path / "ran", "tar").write_bytes(b"no archive")
    for _ in range(2):
        with pytest.raises(SourceError, match=r"no readable tar.*remove that") as caught:
            open_source("pypi:toy-model==1.0")
        (kept,) = (tmp_path / "cache").rglob("*.tar.gz")
        assert f"is kept as {kept}: remove" in str(caught.value)
    kept.unlink()
    put_sdist(shelf, tmp_path / "ran", "tar")
    assert model_of("pypi:toy-model==1.0") == "tag = 'sdist'\n"


# --- what can go wrong --------------------------------------------------------------------


@needs_pip
def test_release_that_does_not_exist_is_told_and_leaves_nothing(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_wheel(shelf)
    monkeypatch.setattr(pypi, "_ATTEMPTS", pypi._ATTEMPTS[:3])
    with pytest.raises(SourceError, match=r"No matching distribution found.*pip index versions"):
        open_source("pypi:toy-model==2.0")
    assert not (tmp_path / "cache").exists()


@needs_pip
def test_what_is_not_fetched_leaves_the_users_empty_folders(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_wheel(shelf)
    (tmp_path / "own" / "cache").mkdir(parents=True)
    monkeypatch.setenv("PROVENANCE_CACHE", str(tmp_path / "own" / "cache"))
    monkeypatch.setattr(pypi, "_ATTEMPTS", pypi._ATTEMPTS[:1])
    with pytest.raises(SourceError, match="No matching distribution found"):
        open_source("pypi:toy-model==2.0")
    assert [one.name for one in (tmp_path / "own").rglob("*")] == ["cache"]


def test_missing_pip_is_told(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = says(monkeypatch, "/usr/bin/python: No module named pip\n")
    with pytest.raises(SourceError, match=r"pip is not installed.*ensurepip"):
        open_source("pypi:toy-model==1.0")
    assert len(calls) == 1


def test_missing_interpreter_is_told(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(shelf / "python"))
    with pytest.raises(SourceError, match=r"No such file"):
        open_source("pypi:toy-model==1.0")


def test_refused_network_is_told_at_once_and_no_secret_with_it(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = says(
        monkeypatch,
        "Looking in indexes: https://me:secret@index.invalid/simple\n"
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError("
        "\"HTTPSConnection(host='index.invalid'): Connection refused\")': /simple/secret/\n"
        "Could not fetch URL https://me:secret@index.invalid/simple/x/: refused - skipping\n"
        "ERROR: No matching distribution found for toy-model==1.0\n",
    )
    with pytest.raises(SourceError, match=r"could not be reached.*pip config list") as caught:
        open_source("pypi:toy-model==1.0")
    assert len(calls) == 1
    assert "secret" not in str(caught.value)
    assert "refused" in str(caught.value)


def test_other_complaints_of_pip_are_passed_on(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(
        monkeypatch,
        "ERROR: HTTP error 403 at https://a:b@c.invalid/x\x1b[0m while /home/me/pip.conf",
    )
    with pytest.raises(SourceError, match=r"HTTP error 403 at <address>") as caught:
        open_source("pypi:toy-model==1.0")
    assert "/home/me" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_what_pip_fell_over_is_told(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: the name that it was asked for has nothing to do with it."""
    says(
        monkeypatch,
        "ERROR: Exception:\nTraceback (most recent call last):\n  File pip.py, line 1\n"
        "OSError: [Errno 28] No space left on device\n",
    )
    with pytest.raises(SourceError, match=r"No space left on device\); mend that, or"):
        open_source("pypi:toy-model==1.0")


def test_cache_that_cannot_be_written_is_told(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PROVENANCE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(SourceError, match=r"PROVENANCE_CACHE"):
        open_source("pypi:toy-model==1.0")


def test_cache_is_the_users_where_no_other_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROVENANCE_CACHE", raising=False)
    assert "provenance" in cache_folder()
    assert os.path.isabs(cache_folder())


@pytest.mark.parametrize("place", [None, "~/.cache/provenance"])
def test_who_has_no_home_has_no_cache(
    place: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container, under a number that is nobody's: nothing is kept, least of all in a folder
    ``~`` of where one is, and the scan goes on."""

    def nowhere(*_: object, **__: object) -> str:
        if place is None:
            raise RuntimeError("could not determine the home directory")
        return place

    monkeypatch.delenv("PROVENANCE_CACHE", raising=False)
    monkeypatch.delenv("PROVENANCE_NO_CACHE", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", nowhere)
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    result = CliRunner().invoke(main, ["scan", "../a.py"])
    assert result.exit_code == 0, result.output
    assert not os.listdir(".")
    with pytest.raises(SourceError, match=r"PROVENANCE_CACHE"):
        open_source("pypi:toy-model==1.0")


def test_what_pip_says_costs_what_it_is_long() -> None:
    """A version that an index lists may be of any length: every letter of it was the beginning of
    an address, until the end. And an address is hidden whatever stands before it."""
    assert len(pypi._last("ERROR: from versions: 1.0+" + "a" * 300_000)) == 300
    assert pypi._last("ERROR: " + "x" * 50 + "://user:password@host/a 1").endswith("<address> 1")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
@pytest.mark.parametrize("which", ["a.whl", "a.whl.sha256"])
def test_nothing_but_files_is_read_of_the_cache(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device, or a pipe, has no end."""
    monkeypatch.setenv("PROVENANCE_CACHE", str(tmp_path))
    folder = tmp_path / "packages" / "a" / "1"
    folder.mkdir(parents=True)
    (folder / "a.whl").write_bytes(b"")
    (folder / "a.whl.sha256").write_text(sha256(b"").hexdigest())
    assert pypi.cached("a", "1")
    (folder / which).unlink()
    (folder / which).symlink_to("/dev/zero")
    assert pypi.cached("a", "1") is None
    (folder / which).unlink()
    os.mkfifo(folder / which)
    assert pypi.cached("a", "1") is None


def test_what_is_no_release_is_not_looked_for_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index or a saved report may name any: places beside the cache were looked into."""
    monkeypatch.setenv("PROVENANCE_CACHE", str(tmp_path / "cache"))
    for folder in (tmp_path / "beside", tmp_path / "cache" / "packages" / "right" / "1.0"):
        folder.mkdir(parents=True)
        (folder / "a.whl").write_bytes(b"any")
        (folder / "a.whl.sha256").write_text(sha256(b"any").hexdigest())
    assert pypi.cached("right", "1.0")
    for name, version in (
        ("../../beside", "1.0/.."),
        ("..", "../beside"),
        (str(tmp_path), "beside"),
        ("right", "1.0/."),
        ("right", "1.0\n"),
        ("a\0b", "1"),
        ("right", "a\0b"),
        ("a\ud800", "1"),
        ("", ""),
    ):
        assert pypi.cached(name, version) is None
