"""planning: paths, a call and the nearest policy -> a ``Plan``: what is to be audited, by what, and
where everything is read and written.

Paths of an audit start at the root of the repository, whatever folder it is called from, so that
those who read its reports find the files. Globs and paths of a policy start at its own folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from provenance.decode import shown
from provenance.errors import UsageError
from provenance.folder import ENDINGS
from provenance.given import is_package, path_of
from provenance.notices import folder_of
from provenance.patterns import escaped, expand_braces
from provenance.policy import REPOSITORY_MARKS, Found, find, read, repository_root
from provenance.regular import is_elsewhere, real_path
from provenance.settings import SETTINGS, Policy

_MOST_PLACES = 50
"""Indexes, and outputs, that a policy may name: each costs the time of another scan or page."""
_CHOOSING = {"diff", "include", "exclude"}
"""Settings that choose among files."""
_UNREAD = (".conda", ".egg", ".pex", ".pyz", ".7z", ".rar", ".zst")
"""Endings of other archives, which hold what was to be audited where they are named alone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be audited, and by what.

    ``source`` is what is scanned, ``root`` the absolute folder that paths start at; ``only`` are
    the paths inside it that were asked for, as they are ``shown``, None for all. ``prefix`` is the
    way from there to the policy's folder, as shown, empty or ending in ``/``. ``file`` is the
    policy's file, ``places`` the absolute paths of the settings that are paths. ``called`` are the
    keys that the call sets.
    """

    source: str
    root: str
    only: tuple[str, ...] | None
    prefix: str
    policy: Policy
    file: str | None
    given: frozenset[str]
    places: Mapping[str, tuple[str, ...]]
    called: tuple[str, ...] = ()

    @property
    def shown_file(self) -> str | None:
        """The policy's file, from the root where it is inside."""
        return None if self.file is None else _inner(self.root, self.file)

    @property
    def notices_folder(self) -> str:
        """The absolute folder that the file of notices speaks of, ending in ``/``, no link."""
        folder, name = os.path.split(self.places["notices-file"][0])
        place = os.path.join(real_path(folder), name).replace(os.sep, "/")
        inner = _inner(self.root, place)
        root = os.path.join(self.root, "").replace(os.sep, "/")
        return folder_of(place) if inner.startswith("../") else root + folder_of(inner)

    @property
    def listed_from(self) -> tuple[str, str]:
        """The root, and the folder from which notices list files, as shown; one and the same of an
        archive, where nothing has a place on the disk."""
        if not os.path.isdir(self.source):
            return "/", "/"
        return shown(self.root.replace(os.sep, "/")), shown(self.notices_folder)


def planned(
    paths: Sequence[str] = (".",),
    *,
    config: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Plan:
    """Find the policy and the root of some paths.

    Args:
        paths: files or folders of one repository, or one archive or ``pypi:NAME==VERSION``.
        config: the policy's file, instead of the nearest one.
        settings: values that rule over those of the file, by attribute of ``Policy``.

    Raises:
        UsageError: the paths have no common root, or the policy is wrong.
    """
    given = dict(settings or {})
    paths = paths or (".",)
    fetched = [path for path in paths if is_package(path)]
    archive = bool(fetched) or any(map(_is_archive, paths))
    if archive and len(paths) > 1:
        raise UsageError("found an archive among several paths, expected it alone; audit it apart")
    if all(map(_is_unread, paths)):
        raise UsageError(
            f"{shown(paths[0])}: found an archive of a kind that is not read, expected a .whl, "
            ".zip or .tar archive; unpack it, and audit the folder"
        )
    for path in () if archive else paths:
        _check_link(path)
    start = os.getcwd() if archive else _common([_existing(path) for path in paths])
    bound = repository_root(start)
    if bound is None and len(paths) > 1:
        _check_alone(paths)
    file = os.path.abspath(config) if config else find(start)
    found = read(file) if file else Found(Policy(), None)
    policy = replace(found.policy, **given)
    home = os.path.dirname(file) if file else None
    root = bound or (home if home and is_inside(start, home) else start)
    prefix = ""
    if home is not None and not archive and home != root and is_inside(home, root):
        prefix = shown(_inner(root, home)) + "/"
    only: tuple[str, ...] | None = None
    if not archive:
        named = (place for path in paths for place in (_existing(path), *_link(path, root)))
        inner = tuple(dict.fromkeys(shown(_inner(root, place)) for place in named))
        only = None if "." in inner else inner
    places = _places(policy, given, home or root, _bound(root, file if config else None))
    _check_apart(places, file, paths)
    return Plan(
        source=paths[0] if archive else os.path.relpath(root),
        root=start if archive else root,
        only=only,
        prefix=prefix,
        policy=policy,
        file=file,
        given=found.given | {name.replace("_", "-") for name in given},
        places=places,
        called=tuple(sorted(name.replace("_", "-") for name in given)),
    )


def _bound(root: str, named: str | None) -> str | None:
    """The folder that a policy writes nothing outside of: that of the repository, but for one which
    is named and stands elsewhere. One that stands there is whoever's may change the repository."""
    return None if named and not is_inside(real_path(named), root) else root


def _places(
    policy: Policy, given: Mapping[str, Any], home: str, bound: str | None
) -> dict[str, tuple[str, ...]]:
    """Settings that are paths, absolute: those of a call from where it is made. What a policy that
    stands in a repository has written stays in that repository, ``bound``."""
    places = {}
    for setting in SETTINGS:
        if setting.paths:
            value = getattr(policy, setting.name)
            called = setting.name in given
            base = os.getcwd() if called else home
            listed = value if isinstance(value, tuple) else (value,) if value else ()
            if bound is not None and not called and len(listed) > _MOST_PLACES:
                raise UsageError(
                    f"{setting.key}: found {len(listed):,} in a policy, expected at most "
                    f"{_MOST_PLACES}; name them with --{setting.key}"
                )
            listed = tuple(path_of(setting.key, one) for one in listed)
            for one in () if bound is None or called else listed:
                if "\n" in one:  # messages name it, and would be lines of its own in a log
                    raise UsageError(
                        f"{setting.key}: found {shown(one)} in a policy, expected a name without "
                        f"line ends; name another with --{setting.key}"
                    )
            joined = [os.path.join(base, one) for one in listed]
            places[setting.key] = tuple(
                _absolute(one) if called else os.path.normpath(one) for one in joined
            )
            for path in places[setting.key]:
                if bound is not None and not called:
                    _check_place(setting.key, path, bound)
                    if setting.key == "bundle" and not path.lower().endswith(".zip"):
                        raise UsageError(
                            f"bundle: found {shown(path)} in a policy, expected a name that ends "
                            "with .zip; name another with --bundle"
                        )
    return places


def _absolute(path: str) -> str:
    """A path without ``..``, but where that stands behind a link and is where the link leads. It is
    looked for: of a policy it may be on another computer."""
    plain = os.path.normpath(path)
    return plain if real_path(plain) == real_path(path) else path


def _check_apart(
    places: Mapping[str, tuple[str, ...]], file: str | None, paths: Iterable[str]
) -> None:
    """That each report has a place of its own, and none is written over what an audit reads: it
    would be lost.

    Raises:
        UsageError: two have one place.
    """
    written: set[str] = set()
    for key in ("output", "bundle"):
        for path in places[key]:
            real = real_path(path)
            if real in written or (file is not None and real == real_path(file)):
                other = "another report is written to" if real in written else "is the policy"
                raise UsageError(
                    f"{key}: found {shown(path)}, which {other}, expected a file of its own; name "
                    f"another with --{key}"
                )
            written.add(real)
    for path in paths:
        if real_path(path) in written:
            raise UsageError(
                f"{shown(path)}: found what is audited, and an output too, expected another file, "
                "as it would be lost; name one with --output or --bundle"
            )
    for key in ("baseline", "notices-file", "index"):
        for path in places[key]:
            if real_path(path) in written:
                raise UsageError(
                    f"{key}: found {shown(path)}, which is an output too, expected a file that "
                    f"nothing else is written to; name another with --{key}"
                )


def _check_place(key: str, path: str, bound: str) -> None:
    """That a policy which was found in a repository names no place that it has no say over.

    Raises:
        UsageError: it does.
    """
    remedy = f"name another with --{key}"
    if is_elsewhere(path):  # to look there would sign in
        raise UsageError(
            f"{key}: found {shown(path)} of another computer in a policy, expected one here; "
            f"{remedy}"
        )
    if key == "index":
        return  # only read
    real = real_path(path)
    linked = is_inside(path, bound) and not is_inside(real, real_path(bound))
    found = f"a link, {shown(path)}, to {shown(real)}" if linked else f"{shown(path)} in a policy"
    inside(path, bound, f"{key}: found {found}", remedy)


def inside(path: str, bound: str, found: str, remedy: str) -> None:
    """That what is written at a path stays in a folder, and out of the data of version control.

    Raises:
        UsageError: it does not.
    """
    real, home = real_path(path), real_path(bound)
    if not is_inside(real, home):
        raise UsageError(f"{found}, expected a path inside of {shown(bound)}; {remedy}")
    parts = {part.casefold().rstrip(". ") for part in _inner(home, real).split("/")}
    if parts & {*REPOSITORY_MARKS, "git~1"}:  # some systems do not tell these names apart
        raise UsageError(f"{found}, expected none in the data of version control; {remedy}")


def _check_alone(paths: Iterable[str]) -> None:
    """That of paths which have no repository in common none stands in one: its policy would not
    rule, as where a link among them leads out of it, and all around it be gone through.

    Raises:
        UsageError: one does.
    """
    for path in paths:
        real = _existing(path)
        found = repository_root(real if os.path.isdir(real) else os.path.dirname(real))
        if found is not None:
            raise UsageError(
                f"{shown(path)}: found it in the repository {shown(found)}, and another path "
                "that is not, by itself or for a link, expected those of one; audit them apart"
            )


def _is_archive(path: str) -> bool:
    from provenance.archive import TAR_ENDINGS, ZIP_ENDINGS

    return path.lower().endswith((*ZIP_ENDINGS, *TAR_ENDINGS)) and os.path.isfile(path)


def no_code(paths: Iterable[str]) -> tuple[str, ...]:
    """The files among paths of which nothing is looked at, by their names."""
    return tuple(
        path
        for path in paths
        if os.path.isfile(path) and not path.endswith(ENDINGS) and not _is_archive(path)
    )


def widened(plan: Plan, named: bool, settings: Mapping[str, object]) -> Plan | None:
    """The plan for all that the policy of a plan is for, None where that is so: its own folder
    where what was named is in that, else the repository, as where the policy itself was ``named``;
    or the archive. ``settings`` are those of the plan."""
    home = "" if named else plan.prefix.rstrip("/")
    if plan.only in (None, (home,)) and _CHOOSING.isdisjoint(plan.called):
        return None
    only = plan.only or (".",)
    if not os.path.isdir(plan.source):
        whole = plan.source
    elif home and plan.file and all(f"{one}/".startswith(f"{home}/") for one in only):
        whole = os.path.dirname(plan.file)
    else:
        whole = plan.root
    of_all = {name: one for name, one in settings.items() if name not in _CHOOSING}
    return planned((whole,), config=plan.file, settings=of_all)


def _is_unread(path: str) -> bool:
    """Whether a path is, or leads to, an archive of a kind that is not read."""
    names = path.lower(), real_path(path).lower()
    return any(name.endswith(_UNREAD) for name in names) and os.path.isfile(path)


def _existing(path: str) -> str:
    """A path, absolute and without links."""
    try:
        os.lstat(path)
    except PermissionError as error:
        raise UsageError(
            f"{shown(path)}: found a folder above it that may not be looked into "
            f"({error.strerror}), expected a file or folder; permit that"
        ) from error
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{shown(path)}: found no such file or folder, expected one; check the spelling"
        ) from error
    return real_path(path)


def _check_link(path: str) -> None:
    """That a path is no link that leads out of its repository, whose policy would not rule there.

    Raises:
        UsageError: it is.
    """
    above, name = os.path.split(os.path.abspath(path))
    place = os.path.join(real_path(above), name)
    home = repository_root(os.path.dirname(place)) if os.path.islink(place) else None
    if home is not None and not is_inside(real_path(place), home):
        raise UsageError(
            f"{shown(path)}: found a link that leads out of the repository {shown(home)}, which is "
            "not followed; name what it leads to"
        )


def _link(path: str, root: str) -> Iterator[str]:
    """Where a path itself is, if it is a link in the root: what it leads to may be no code by its
    own name, and be looked at by nobody.

    Raises:
        UsageError: it leads to such from elsewhere, as into another repository.
    """
    above, name = os.path.split(os.path.abspath(path))
    place = os.path.join(real_path(above), name)
    if not os.path.islink(place):
        return
    if is_inside(place, root):
        yield place
    elif no_code([real_path(place)]) and not no_code([place]):
        raise UsageError(
            f"{shown(path)}: found a link to a file that is neither a .py file nor a notebook by "
            "its own name, which nobody looks at; put the code itself here"
        )


def _common(paths: Iterable[str]) -> str:
    try:
        common = os.path.commonpath(list(paths))
    except ValueError as error:  # two drives
        raise UsageError("found paths on several drives, expected those of one folder") from error
    return common if os.path.isdir(common) else os.path.dirname(common)


def is_inside(path: str, folder: str) -> bool:
    """Whether a path is a folder or in it, both absolute."""
    return path == folder or path.startswith(os.path.join(folder, ""))


def _inner(root: str, path: str) -> str:
    """A path as seen from the root, with ``/``; ``.`` for the root itself."""
    return os.path.relpath(path, root).replace(os.sep, "/")


def under(prefix: str, globs: Iterable[str]) -> tuple[str, ...]:
    """Globs of a policy as globs from the root.

    >>> under("sub/", ["*.py", "a/*.py", "!b/"])
    ('sub/**/*.py', 'sub/a/*.py', '!sub/**/b/')
    """
    if not prefix:
        return tuple(globs)
    there = escaped(prefix)
    moved = []
    for glob in expand_braces(globs):
        spelt = glob.removeprefix("./")  # as ``Patterns`` reads it
        back, plain = ("!", spelt[1:]) if spelt.startswith("!") else ("", spelt)
        if not spelt.endswith("\\ "):
            plain = plain.rstrip()
        if spelt.startswith("#") or not plain.strip("/"):
            moved.append(spelt)  # matches nothing, wherever it stands
            continue
        if re.fullmatch(r"/?(\*\*/){1,3}", plain):
            plain = "*/"  # all folders, but not the policy's own; more are refused, as at root
        anchored = "/" in plain.rstrip("/")
        moved.append(f"{back}{there}{'' if anchored else '**/'}{plain.removeprefix('/')}")
    return tuple(moved)
