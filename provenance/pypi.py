"""pypi: one published release -> its archive on this disk, without running a line of it.

pip fetches, so that its configuration (index, proxy, certificates, credentials) holds. Which
file is taken does not depend on the machine: the wheel for every platform if there is one, else
the sdist, else a wheel from a fixed list of platforms.

Asked for an sdist, pip would unpack it and run its build to learn its dependencies. Here it runs
under a guard, a short program that (1) sets an audit hook with which the interpreter refuses to
start any process, and every build pip runs is one, and (2) takes the archive, after pip checked
its hash and at the moment it is opened for unpacking, and ends pip there. The hook cannot be
removed again, and should pip change so that (2) no longer happens, (1) makes it fail, not build.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress

from provenance.aside import temporary
from provenance.cachefolder import cache_folder
from provenance.errors import SourceError, UsageError
from provenance.regular import read_file, sha256_of
from provenance.release import normalised

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_FILE = re.compile(r"[A-Za-z0-9._+!-]+")
_VERSION = re.compile(  # PEP 440
    r"v?(?:\d+!)?\d+(?:\.\d+)*"
    r"(?:[-_.]?(?:alpha|beta|preview|pre|rc|a|b|c)[-_.]?\d*)?"
    r"(?:-\d+|[-_.]?(?:post|rev|r)[-_.]?\d*)?"
    r"(?:[-_.]?dev[-_.]?\d*)?"
    r"(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?",
    re.IGNORECASE,
)

_PURE = "--only-binary=:all: --implementation py --abi none --platform any --python-version 3.14"
_SDIST = "--no-binary=:all: --no-build-isolation"
_PLATFORMS = """
    manylinux_2_35_x86_64 manylinux_2_34_x86_64 manylinux_2_31_x86_64 manylinux_2_28_x86_64
    manylinux_2_27_x86_64 manylinux_2_24_x86_64 manylinux_2_17_x86_64 manylinux2014_x86_64
    linux_x86_64 win_amd64 macosx_14_0_arm64 any
"""
_BUILT = "--only-binary=:all: --implementation cp " + " ".join(
    f"--platform {platform}" for platform in _PLATFORMS.split()
)
_ATTEMPTS = (
    _PURE,
    _SDIST,
    *(f"{_BUILT} --python-version 3.{minor}" for minor in (12, 11, 10, 13, 14, 9)),
)
_ALWAYS = (
    "--no-deps --ignore-requires-python --progress-bar=off --no-input --disable-pip-version-check"
).split()

_ENDINGS = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz")

_GUARD = """
import sys
sys.path = [folder for folder in sys.path if folder not in ("", ".")]
import os, runpy, shutil, tarfile, zipfile

PROCESS = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.spawn",
           "os.posix_spawn", "os.startfile", "os.startfile/2", "pty.spawn", "_winapi.CreateProcess")

def refuse(event, arguments):
    if event in PROCESS:
        raise PermissionError("provenance lets no package run anything")

target = sys.argv.pop(1)

def take(path):
    final = os.path.join(target, os.path.basename(path))
    shutil.copyfile(path, final + ".part")
    os.replace(final + ".part", final)
    raise SystemExit(0)

class Sdist(zipfile.ZipFile):
    def __init__(self, file, *arguments, **named):
        path = str(getattr(file, "name", file))
        if path.endswith(".zip"):
            take(path)
        super().__init__(file, *arguments, **named)

if "--no-binary=:all:" in sys.argv:
    tarfile.open = lambda name=None, *arguments, **named: take(name)
    zipfile.ZipFile = Sdist
sys.addaudithook(refuse)
try:  # what a package says of itself, pip reads whole; Windows has no such bound
    import resource
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = 2 << 30
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
except (ImportError, OSError, ValueError):
    pass
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def parse_requirement(text: str) -> tuple[str, str]:
    """Take ``NAME==VERSION`` apart, the name in its one spelling.

    >>> parse_requirement("Open_CLIP.torch == 2.24.0")
    ('open-clip-torch', '2.24.0')

    Raises:
        UsageError: it is no name with one exact version.
    """
    name, equals, version = (part.strip() for part in text.partition("=="))
    if not equals:
        raise UsageError(
            f"found 'pypi:{text[:80]}', expected one exact version; write "
            f"'pypi:{name if _NAME.fullmatch(name) else 'NAME'}==VERSION'"
        )
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        wrong = "name" if not _NAME.fullmatch(name) else "version"
        raise UsageError(
            f"found 'pypi:{text[:80]}' with no valid {wrong} of a package, expected "
            "'pypi:NAME==VERSION' as in 'pypi:transformers==4.57.1'"
        )
    return normalised(name), version.lower()


def fetch(name: str, version: str) -> str:
    """Give the path of a release's archive, from the cache or else through pip.

    Raises:
        SourceError: there is no such release, pip is missing or could not fetch it.
    """
    found = cached(name, version)
    if found is not None:
        return found
    folder = os.path.join(cache_folder(), "packages", name, version)
    there = folder
    while not os.path.isdir(there) and there != os.path.dirname(there):
        there = os.path.dirname(there)
    try:
        os.makedirs(folder, exist_ok=True)
        try:
            with temporary(".fetch-", folder) as work:
                _download(name, version, work)
                return _keep(name, version, work, folder)
        finally:
            with suppress(OSError):  # leave no empty folder of ours behind
                while folder != there:
                    os.rmdir(folder)
                    folder = os.path.dirname(folder)
    except OSError as error:
        raise SourceError(
            f"pypi:{name}=={version}: the cache cannot be written ({error.strerror}); name "
            "another folder in the environment variable PROVENANCE_CACHE"
        ) from error


def cached(name: str, version: str) -> str | None:
    """The path of a release's archive if it is in the cache, sound. An index or a saved report may
    name releases in any way: what is no name or version is not looked for."""
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        return None
    return _cached(os.path.join(cache_folder(), "packages", name, version))


# --- the cache ----------------------------------------------------------------------------


def _cached(folder: str) -> str | None:
    """An archive that is still what was fetched; a damaged one is dropped."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(_ENDINGS))
    except OSError:
        return None
    for name in names:
        path = os.path.join(folder, name)
        try:
            expected = read_file(path + ".sha256", 1_000, follow=True)
            if not isinstance(expected, bytes):
                continue
            if expected.split()[:1] == [sha256_of(path).encode()]:
                return path
        except OSError:
            continue
    return None


def _keep(name: str, version: str, work: str, folder: str) -> str:
    """Place what pip fetched: first the archive, then the checksum that makes it valid."""
    files = [one for one in sorted(os.listdir(work)) if one.endswith(_ENDINGS)]
    if len(files) != 1 or not os.path.isfile(os.path.join(work, files[0])):
        raise SourceError(
            f"pypi:{name}=={version}: pip fetched {len(files)} archives, expected one wheel or "
            "sdist; fetch it by hand and name the file"
        )
    if not _FILE.fullmatch(files[0]):
        raise SourceError(
            f"pypi:{name}=={version}: pip fetched an archive whose name has other signs than "
            "letters, digits and ._+!-, expected one as build tools write it; fetch it by hand and "
            "name the file"
        )
    fetched = os.path.join(work, files[0])
    path = os.path.join(folder, files[0])
    digest = sha256_of(fetched)
    with open(fetched + ".sha256", "w", encoding="ascii") as file:
        file.write(f"{digest}  {files[0]}\n")
    if not _is_there(path, fetched, digest):
        os.replace(fetched, path)
    os.replace(fetched + ".sha256", path + ".sha256")
    return path


def _is_there(path: str, fetched: str, digest: str) -> bool:
    """Put what was fetched in its place where nothing is yet. Whether the same stands there then:
    another process may have fetched it at the same time, and be reading it."""
    with suppress(OSError):  # something is there, or this file system has no such links
        os.link(fetched, path)
    try:
        return sha256_of(path) == digest
    except OSError:
        return False


# --- pip ----------------------------------------------------------------------------------


def _download(name: str, version: str, target: str) -> None:
    """Have pip fetch the first kind of archive there is."""
    requirement = f"{name}=={version}"
    said = ""
    for attempt in _ATTEMPTS:
        done, said = _run_pip([*attempt.split(), *_ALWAYS, "-d", target, requirement], target)
        # pip calls it an error that the guard ended it
        if (done or attempt is _SDIST) and any(
            one.endswith(_ENDINGS) for one in os.listdir(target)
        ):
            return
        if "No module named pip" in said:
            raise SourceError(
                f"pypi:{requirement}: pip is not installed beside provenance, expected it to "
                "fetch the release; run 'python -m ensurepip', or fetch the archive by hand and "
                "name the file"
            )
        if _unreachable(said) or _another(said) or "No matching distribution found" not in said:
            break
    if _unreachable(said):
        raise SourceError(
            f"pypi:{requirement}: the package index could not be reached (pip: {_last(said)}); "
            "check the network and 'pip config list', or fetch the archive by hand and name the "
            "file"
        )
    remedy = "mend that, or fetch the archive by hand and name the file"
    if "No matching distribution found" in said and not _another(said):
        remedy = (
            f"check the name and version with 'pip index versions {name}', or, where it has wheels "
            "for other machines alone, fetch one by hand and name the file"
        )
    raise SourceError(f"pypi:{requirement}: pip could not fetch it (pip: {_last(said)}); {remedy}")


def _run_pip(arguments: Sequence[str], target: str) -> tuple[bool, str]:
    """Run ``pip download`` under the guard: whether it ended well, and what it said."""
    import subprocess

    environment = {
        **os.environ,
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), target),  # gone with it, however pip ends
        "PIP_REQUIRE_VIRTUALENV": "0",  # nothing is installed
        "PYTHONSAFEPATH": "1",  # from 3.13 on Python imports before the guard does anything
        "PYTHONIOENCODING": "utf-8:backslashreplace",
    }
    for name in ("PIP_QUIET", "PIP_VERBOSE", "PIP_LOG"):
        environment.pop(name, None)
    try:
        ended = subprocess.run(
            [sys.executable or "python3", "-c", _GUARD, target, "download", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
        )
    except OSError as error:
        return False, f"ERROR: {error.strerror}"
    return ended.returncode == 0, ended.stdout.decode("utf-8", "backslashreplace")


def _unreachable(said: str) -> bool:
    """Whether pip met no index at all, after which it says only that nothing matches."""
    return "connection broken by" in said or "Could not fetch URL" in said


def _another(said: str) -> bool:
    """Whether pip met an archive that says it is another release."""
    return " has inconsistent " in said


def _last(said: str) -> str:
    """The last thing pip complained of, without addresses: they may hold passwords."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    prefixes = ("WARNING: Retrying", "Could not fetch", "ERROR: Could not fetch", "ERROR: HTTP")
    if _unreachable(said):
        told = [line for line in lines if line.startswith(prefixes)]
    elif _another(said):
        told = [line for line in lines if _another(line)]
    elif "ERROR: Exception:" in lines:  # what it was stands below where it was
        told = lines
    else:
        told = [line for line in lines if line.startswith("ERROR:")]
    line = (told or lines or ["it said nothing"])[-1]
    line = re.sub(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://\S+", "<address>", line.removeprefix("ERROR: "))
    line = re.sub(r"(?<!\w)(?:/|[A-Za-z]:\\)[^\s'\",)]+", "<path>", line)
    return "".join(sign if sign.isprintable() else " " for sign in line)[:300]
