"""manifest: ``manifest.toml`` -> packages, their releases, and who made which family.

The comment at the top of ``manifest.toml`` says what its keys mean.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from typing import TYPE_CHECKING

from provenance import model
from provenance.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
UNKNOWN = "unknown"
DATE_SOURCES = ("archive", "sdist", "upload")

_COUNTRY = re.compile(rf"[A-Z]{{2}}|{UNKNOWN}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PURL = re.compile(r"pkg:[a-z][a-z0-9.+-]*/[A-Za-z0-9._%/-]+")
_LICENSE = r"\(?(?:LicenseRef-)?[A-Za-z0-9][A-Za-z0-9.-]*\+?\)?"
_SPDX = re.compile(rf"{_LICENSE}(?: (?:AND|OR|WITH) {_LICENSE})*")
_WEB = re.compile(r"https://[^\s{}]+")
_FIELDS = {"{version}", "{path}", "{first}", "{last}"}


@dataclass(frozen=True)
class ReleaseEntry:
    """One release. ``file`` is the archive's name, ``date`` an ISO day, a day either way;
    ``date_source`` is one of ``DATE_SOURCES``."""

    version: str
    file: str
    sha256: str
    date: str
    date_source: str


@dataclass(frozen=True)
class Package:
    """One distribution of which releases are indexed. ``releases`` are oldest first.

    ``include`` and ``exclude`` are globs over the paths in its archives (``patterns.py``).
    ``rules`` are pairs of a path and a family, the first that matches wins. ``template`` is that
    of links to lines, ``None`` where its repository has no tag for a version.
    """

    name: str
    prefix: str
    purl: str
    license: str
    organisation: str
    country: str
    repository: str
    template: str | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    rules: tuple[tuple[str, str], ...]
    releases: tuple[ReleaseEntry, ...]

    @cached_property
    def _compiled(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple((re.compile(_path_regex(path)), family) for path, family in self.rules)

    def origin_of(self, path: str) -> str | None:
        """``prefix/family`` of a path inside an archive, ``None`` where no rule matches."""
        for pattern, family in self._compiled:
            found = pattern.fullmatch(path)
            if found:
                return f"{self.prefix}/{_filled(family, found.groupdict())}"
        return None

    def link(self, version: str, path: str, first: int, last: int) -> str:
        """Where lines ``first`` to ``last`` are public; the repository where that is not known."""
        if self.template is None:
            return self.repository
        values = {"version": version, "path": path, "first": str(first), "last": str(last)}
        return _filled(self.template, values)


@dataclass(frozen=True)
class Family:
    """One family of models and who made it, across the packages that implement it.

    ``members`` and ``checkpoints`` are globs, over origins and over names of published weights.
    ``model_types`` are values of ``model_type`` in configurations.
    """

    name: str
    title: str
    organisation: str = UNKNOWN
    country: str = UNKNOWN
    members: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    model_types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """The reference set. ``families`` are by name; ``publishers`` are pairs of a glob over names
    of published weights and the organisation and country they are published by."""

    packages: tuple[Package, ...]
    families: tuple[Family, ...]
    publishers: tuple[tuple[str, str, str], ...]
    variants: frozenset[str]
    _met: dict[str, Family] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _by_package(self) -> dict[str, Package]:
        return {package.name: package for package in self.packages}

    @cached_property
    def _by_name(self) -> dict[str, Family]:
        return {_plain(family.name): family for family in self.families}

    @cached_property
    def _literal(self) -> dict[str, Family]:
        return {
            _plain(member): family
            for family in self.families
            for member in family.members
            if "*" not in member
        }

    @cached_property
    def _globs(self) -> tuple[tuple[re.Pattern[str], Family], ...]:
        """The member globs, those with the most literal characters first, then as written."""
        return _globs(
            (_plain(member), family)
            for family in self.families
            for member in family.members
            if "*" in member
        )

    @cached_property
    def _weights(self) -> tuple[tuple[re.Pattern[str], Family], ...]:
        of_families = ((glob, one) for one in self.families for glob in one.checkpoints)
        of_organisations = (
            (glob, Family(name="", title=organisation, organisation=organisation, country=country))
            for glob, organisation, country in self.publishers
        )
        return _globs([*of_families, *of_organisations])

    @cached_property
    def _by_model_type(self) -> dict[str, Family]:
        return {_plain(kind): family for family in self.families for kind in family.model_types}

    def package(self, name: str) -> Package | None:
        """The package of that normalised name."""
        return self._by_package.get(name)

    def family_of(self, origin: str) -> Family:
        """The family an origin (``package/family``) belongs to.

        One of organisation ``UNKNOWN``, named by the origin's own last part, where none is known.
        """
        found = self._met.get(origin)
        if found is None:
            found = self._met[origin] = self._find(origin)
        return found

    def family(self, origin: str) -> model.Family:
        """The same as an index stores it."""
        found = self.family_of(origin)
        known = found.organisation != UNKNOWN
        return model.Family(
            found.name,
            found.title,
            found.organisation if known else None,
            found.country if known and found.country != UNKNOWN else None,
        )

    def _find(self, origin: str) -> Family:
        package, _, plain = _plain(origin).rpartition("/")
        for name in self._shorter(plain):
            found = (
                self._literal.get(f"{package}/{name}")
                or self._by_name.get(name)
                or _first(self._globs, f"{package}/{name}")
            )
            if found is not None:
                return found
        name = origin.rpartition("/")[2]
        return Family(name=name, title=name)

    def _shorter(self, plain: str) -> Iterator[str]:
        """A name, then without its last part as long as that is a variant."""
        last = ""
        while plain and (not last or last in self.variants):
            yield plain
            plain, _, last = plain.rpartition("_")

    def family_of_checkpoint(self, checkpoint: str) -> Family | None:
        """The family, or with no ``name`` the organisation, of weights (``Qwen/Qwen3-8B``)."""
        return _first(self._weights, checkpoint)

    def family_of_model_type(self, model_type: str) -> Family | None:
        """The family that a configuration's ``model_type`` names, that of a part included."""
        names = self._shorter(_plain(model_type))
        return next((self._by_model_type[one] for one in names if one in self._by_model_type), None)


def load(path: Path | None = None) -> Manifest:
    """Read a manifest, the built-in one if no path is given; that one only once.

    Raises:
        UsageError: it cannot be read, or does not say what a manifest must say.
    """
    if path is None:
        return _built_in()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: the manifest cannot be read ({error.strerror}), expected a TOML file"
        ) from error
    return parse(data, str(path))


@cache
def _built_in() -> Manifest:
    from importlib import resources

    data = resources.files("provenance.references").joinpath("manifest.toml").read_bytes()
    return parse(data, "manifest.toml")


def parse(data: bytes, name: str) -> Manifest:
    """Read the bytes of a manifest; ``name`` stands in messages.

    Raises:
        UsageError: it is no TOML, or does not say what a manifest must say.
    """
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document = toml.loads(data.decode("utf-8"))
    except ValueError as error:
        raise UsageError(f"{name}: found no TOML ({error}); mend the line named there") from error
    return _manifest(_Table(document, name))


# --- reading, with the place in every message ---------------------------------------------


class _Table:
    """One table: takes its keys one by one and refuses, at the end, those not taken."""

    def __init__(self, values: object, place: str) -> None:
        if not isinstance(values, dict):
            raise UsageError(f"{place}: found {_shown(values)}, expected a table")
        self.place = place
        self._left: dict[str, object] = dict(values)

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def wrong(self, key: str, found: object, expected: str) -> UsageError:
        return UsageError(f"{self.place}: {key}: found {_shown(found)}, expected {expected}")

    def text(self, key: str, pattern: re.Pattern[str] | None, expected: str) -> str:
        """A string that must be there."""
        found = self.optional(key, pattern, expected)
        if found is None:
            raise UsageError(f"{self.place}: found no {key}, expected {expected}")
        return found

    def optional(self, key: str, pattern: re.Pattern[str] | None, expected: str) -> str | None:
        found = self._left.pop(key, None)
        if found is None:
            return None
        if not isinstance(found, str) or not (pattern.fullmatch(found) if pattern else found):
            raise self.wrong(key, found, expected)
        return found

    def texts(self, key: str, expected: str) -> tuple[str, ...]:
        """A list of strings, empty where it is left out."""
        found = self._left.pop(key, [])
        if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
            raise self.wrong(key, found, f"a list of {expected}")
        return tuple(found)

    def tables(self, key: str, expected: str) -> list[_Table]:
        """A list of tables, at least one."""
        found = self._left.pop(key, [])
        if not isinstance(found, list) or not found:
            raise self.wrong(key, found, f"a list of {expected}")
        return [_Table(one, f"{self.place}, {key} {number}") for number, one in enumerate(found, 1)]

    def number(self, key: str) -> object:
        return self._left.pop(key, None)

    def table(self, key: str) -> Mapping[str, object]:
        found = self._left.pop(key, {})
        if not isinstance(found, dict):
            raise self.wrong(key, found, "a table")
        return found

    def end(self) -> None:
        if self._left:
            raise UsageError(
                f"{self.place}: found the unknown key {min(self._left)!r}; remove it or mend its "
                "spelling"
            )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _manifest(top: _Table) -> Manifest:
    found = top.number("format")
    if found != FORMAT or isinstance(found, bool):
        raise top.wrong("format", found, f"{FORMAT}, the only one this version of provenance reads")
    variants = frozenset(top.texts("variants", "last parts of names"))
    packages = tuple(_package(one) for one in top.tables("package", "packages"))
    families: list[Family] = []
    publishers: list[tuple[str, str, str]] = []
    for one in top.tables("organisation", "organisations"):
        more, checkpoints = _organisation(one)
        families += more
        publishers += checkpoints
    top.end()
    _once((package.name for package in packages), top.place, "package")
    _once((_plain(family.name) for family in families), top.place, "family")
    _once((_plain(kind) for one in families for kind in one.model_types), top.place, "model type")
    members = (member for family in families for member in family.members)
    _once(members, top.place, "member")
    weights = [glob for family in families for glob in family.checkpoints]
    _once([*weights, *(glob for glob, _, _ in publishers)], top.place, "checkpoint")
    return Manifest(
        packages, tuple(sorted(families, key=lambda one: one.name)), tuple(publishers), variants
    )


def _once(names: Iterable[str], place: str, what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UsageError(f"{place}: found the {what} {name!r} twice; keep one of them")
        seen.add(name)


def _package(table: _Table) -> Package:
    name = table.text("name", _NAME, "the name of a distribution")
    table.place += f" ({name})"
    template = table.optional("link", None, "a link")
    if template is not None and not (
        template.startswith("https://") and set(re.findall(r"\{\w*\}", template)) == _FIELDS
    ):
        raise table.wrong("link", template, "https://... with " + ", ".join(sorted(_FIELDS)))
    package = Package(
        name=name,
        prefix=table.optional("origin", _NAME, "a name") or name,
        purl=table.text("purl", _PURL, "a package URL such as 'pkg:pypi/timm'"),
        license=table.text("license", _SPDX, "an SPDX expression"),
        organisation=table.text("organisation", None, "a name"),
        country=table.text("country", _COUNTRY, "two capital letters (ISO 3166-1) or 'unknown'"),
        repository=table.text("repository", _WEB, "an address that begins with https://"),
        template=template,
        include=table.texts("include", "globs"),
        exclude=table.texts("exclude", "globs"),
        rules=tuple(_rule(one) for one in table.tables("origins", "rules")),
        releases=tuple(_release(one) for one in table.tables("releases", "releases")),
    )
    table.end()
    _once((release.version for release in package.releases), table.place, "version")
    days = [release.date for release in package.releases]
    if days != sorted(days):
        raise table.wrong("releases", days, "the oldest first")
    return package


def _rule(table: _Table) -> tuple[str, str]:
    path = table.text("path", None, "a glob with parts such as {family}")
    family = table.text("family", None, "the name of a family")
    table.end()
    named = re.findall(r"\{([a-z]+)\}", path)
    if len(set(named)) != len(named) or re.search(r"[{}]", re.sub(r"\{[a-z]+\}", "", path)):
        raise table.wrong("path", path, "each {name} once, in small letters")
    beyond = set(re.findall(r"\{([^}]*)\}", family)) - set(named)
    if beyond:
        raise table.wrong("family", family, f"only what the path names, not {min(beyond)!r}")
    return path, family


def _release(table: _Table) -> ReleaseEntry:
    release = ReleaseEntry(
        version=table.text("version", None, "a version"),
        file=table.text("file", _NAME, "the name of an archive"),
        sha256=table.text("sha256", _SHA256, "64 small hexadecimal digits"),
        date=table.text("date", _DAY, "a day such as '2025-10-14'"),
        date_source=table.text("date_source", None, "one of " + ", ".join(DATE_SOURCES)),
    )
    table.end()
    if release.date_source not in DATE_SOURCES:
        raise table.wrong("date_source", release.date_source, "one of " + ", ".join(DATE_SOURCES))
    return release


def _organisation(table: _Table) -> tuple[list[Family], list[tuple[str, str, str]]]:
    name = table.text("name", None, "a name")
    table.place += f" ({name})"
    country = table.text("country", _COUNTRY, "two capital letters (ISO 3166-1) or 'unknown'")
    publishers = [(glob, name, country) for glob in table.texts("checkpoints", "globs")]
    families = [
        _family(key, value, name, country, table.place)
        for key, value in table.table("families").items()
    ]
    table.end()
    return families, publishers


def _family(key: str, value: object, organisation: str, country: str, place: str) -> Family:
    if isinstance(value, str) and value:
        return Family(
            key, f"{organisation} {value}", organisation, country, model_types=(_plain(key),)
        )
    table = _Table(value, f"{place}, family {key}")
    family = Family(
        name=key,
        title=f"{organisation} {table.text('title', None, 'a title')}",
        organisation=organisation,
        country=country,
        members=table.texts("members", "globs over origins"),
        checkpoints=table.texts("checkpoints", "globs"),
        model_types=(
            table.texts("model_types", "model types") if "model_types" in table else (_plain(key),)
        ),
    )
    table.end()
    return family


# --- globs --------------------------------------------------------------------------------


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _path_regex(glob: str) -> str:
    """A rule's path as a regular expression: ``**``, ``*``, ``?`` and ``{name}``."""
    spelt = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        spelt.get(part) or (f"(?P<{part[1:-1]}>[^/]+?)" if part[0] == "{" else re.escape(part))
        for part in re.findall(r"\*\*/|\*\*|\*|\?|\{[a-z]+\}|[^*?{]+", glob)
    )


def _filled(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], template)


def _globs(
    pairs: Iterable[tuple[str, Family]],
) -> tuple[tuple[re.Pattern[str], Family], ...]:
    ranked = sorted(pairs, key=lambda pair: -len(pair[0].replace("*", "")))
    return tuple(
        (re.compile(".*".join(map(re.escape, glob.split("*")))), family) for glob, family in ranked
    )


def _first(globs: Iterable[tuple[re.Pattern[str], Family]], text: str) -> Family | None:
    return next((family for pattern, family in globs if pattern.fullmatch(text)), None)
