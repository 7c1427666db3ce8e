"""The way out of an audit's findings: notices to pass on, header comments, declarations. Pure.

Attribution and licences of what was borrowed, as a Markdown file to ship; a comment to put at the
head of each file; and the stanzas that declare it. A person reads them before they stand.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Container, Iterator, Mapping, Sequence

from provenance.decode import printable
from provenance.model import Audit, FileResult, Finding, Identity, Notice, Ruling
from provenance.notices import MARK
from provenance.patterns import escaped
from provenance.report.evidence import has_lines

_Files = Mapping[str, FileResult]
"""By path."""
_DECLARABLE = ("undeclared", "elsewhere")


def borrowed(audit: Audit) -> tuple[Ruling, ...]:
    """The rulings on what was borrowed, declared or not, by path and line: that which ``stanzas``
    will declare as well, or what is written would be another the next time."""
    files = _files(audit)
    will = {path: {one.origin for one in rulings} for path, rulings in _declarable(audit).items()}
    strict = dict(audit.policy).get("fail-on") == "resembles"
    strong = ("derived", "resembles") if strict else ("derived",)
    found = [
        one
        for one in audit.rulings
        if one.rule != "declaration"
        and (one.finding is None or one.finding.verdict != "common")
        and (one.finding is not None or _identical(files, one) is not None)
        and (
            one.breaks
            or one.declared_by
            or one.finding is None
            or one.finding.verdict in strong
            or not will.get(one.path, set()).isdisjoint(_names(one))
        )
    ]
    return tuple(sorted(found, key=lambda one: (one.path, one.start_line, one.id)))


def _names(one: Ruling) -> set[str]:
    """What a line of the notices would declare it by."""
    found = one.finding
    return {one.origin, found.reference.family, *found.also} if found else {one.origin}


def _files(audit: Audit) -> _Files:
    return {file.path: file for file in audit.report.files}


def _is_declared(files: _Files, one: Ruling) -> bool:
    says = _says(files, one)
    return bool(one.declared_by) or (says is not None and says.attribution == "declared")


def _is_listed(files: _Files, one: Ruling) -> bool:
    """Whether a notice file names it: to be listed again declares nothing more."""
    says = _says(files, one)
    return says is not None and any(line.kind == "named" for line in says.declarations)


def _says(files: _Files, one: Ruling) -> Finding | Identity | None:
    file = _identical(files, one)
    return one.finding or (file.identical if file else None)


def _identical(files: _Files, one: Ruling) -> FileResult | None:
    file = files.get(one.path)
    return file if file and file.identical and file.identical.origin == one.origin else None


def notices_text(
    audit: Audit, part: Container[str] | None = None, root: str = "/", folder: str = "/"
) -> str:
    """The notices of all that was borrowed, as Markdown: by package and licence.

    Args:
        audit: of all that the notices are for.
        part: paths of files that are to be declared; of others what is declared by now, but
            for what would declare by its line what fails there. None for all.
        root: the absolute folder that paths of the audit start at.
        folder: that which the notices speak of, from which they list files: it may be packed, or
            moved, without what is above it.
    """
    lines = [
        MARK,
        "# Third-party notices",
        "",
        "Parts of this repository are consistent with derivation from the software named here, or",
        "are files of it. Copyright holders are those that its files name.",
    ]
    groups: dict[tuple[str, str], list[Ruling]] = {}
    files = _files(audit)
    failing = {
        path: {name for one in rulings for name in _names(one)}
        for path, rulings in _declarable(audit).items()
    }
    for one in borrowed(audit):
        fails = failing.get(one.path, set()) & _names(one) and not _is_listed(files, one)
        if part is not None and one.path not in part and (fails or not _is_declared(files, one)):
            continue
        package = _source(files, one)[0]
        groups.setdefault((package, one.license or "licence not known"), []).append(one)
    for (package, license_), rulings in sorted(groups.items()):
        lines += ["", f"## {_plain(package)}, {_plain(license_)}", ""]
        asked = {(one.path, one.origin): one for one in rulings}  # very many are of one file
        found = [notice for one in asked.values() for notice in _notices(files, one)]
        holders = _unique(h for n in found for h in _holders(n))
        lines += [f"- Copyright (c) {_plain(holder)}" for holder in holders]  # as in headers
        if not holders:
            lines.append("- Its copyright holders are not known here: look at its files.")
        lines += ["", "In this repository:", ""]
        places: dict[tuple[str, str], list[str]] = {}
        versions: dict[tuple[str, str], list[str]] = {}
        for one in rulings:
            _, version, source = _source(files, one)
            places.setdefault((one.path, source), []).append(f"{one.start_line}-{one.end_line}")
            if version:
                versions.setdefault((one.path, source), []).append(version)
        for (path, source), spans in sorted(places.items()):
            more = f" and {len(spans) - 5} more" if len(spans) > 5 else ""
            of_cells = "" if has_lines(path) else " of its code cells, counted through"
            said = f"lines {', '.join(spans[:5])}{more}{of_cells}"
            release = ", ".join(sorted(set(versions.get((path, source), ()))))
            of = f" of {_plain(release)}" if release else ""
            lines.append(f"- {_plain(_from(folder, root, path))}, {said}: {_plain(source)}{of}")
        duties = _unique(duty for notice in found for duty in notice.duties)
        if duties:
            lines += ["", "What the licence asks, in short; its text rules:", ""]
            lines += [f"- {_plain(duty)}" for duty in duties]
    return "\n".join(lines) + "\n"


def headers(audit: Audit) -> dict[str, str]:
    """The comment to put at the head of each file with borrowed code, by path."""
    found: dict[str, tuple[dict[str, None], dict[str, None], dict[str, None]]] = {}
    asked: set[tuple[str, str]] = set()
    files = _files(audit)
    for one in borrowed(audit):
        if one.finding is None:
            continue  # a file that is another's as it is keeps its own head
        package, _, path = _source(files, one)
        sources, holders, licenses = found.setdefault(one.path, ({}, {}, {}))
        sources[f"# Adapted from {_line(path)} of {_line(package)}."] = None
        said = [one.license] if one.license else []
        if (one.path, one.origin) not in asked:  # of one file there may be very many
            asked.add((one.path, one.origin))
            for notice in _notices(files, one):
                # without the sign a name in small letters would not be read as a holder's
                holders |= {f"# Copyright (c) {_line(name)}": None for name in _holders(notice)}
                said += notice.missing_licenses
        licenses |= {f"# SPDX-License-Identifier: {_line(name)}": None for name in said}
    return {
        path: "\n".join(_unique(line for part in parts for line in part)) + "\n"
        for path, parts in found.items()
    }


def stanzas(audit: Audit, prefix: str, reason: str, head: str) -> str:
    """Declarations of what fails for the lack of one, as TOML, one for each file.

    Args:
        audit: whose failures are to be declared; what is denied cannot be.
        prefix: the way from the root to the policy's folder, which paths lack.
        reason: why it may stand.
        head: the name of the table, ``tool.provenance.declared``.
    """
    lines: list[str] = []
    for path, rulings in sorted(_declarable(audit).items()):
        if not path.startswith(prefix):
            continue
        origins = _unique(one.origin for one in rulings)
        licenses = _unique(one.license for one in rulings if one.license)
        named = ", ".join(_quoted(_origin(origin)) for origin in origins)
        lines += ["", f"[[{head}]]", f"path = {_quoted(_glob(path.removeprefix(prefix)))}"]
        lines.append(f"origin = [{named}]" if len(origins) > 1 else f"origin = {named}")
        if len(licenses) == 1:
            lines.append(f"license = {_quoted(licenses[0])}")
        lines.append(f"reason = {_quoted(reason)}")
    return "\n".join(lines).lstrip("\n") + "\n" if lines else ""


def beyond(audit: Audit, prefix: str) -> list[str]:
    """The files of which ``stanzas`` has no declaration, as they stand outside of the policy's
    folder."""
    return [path for path in sorted(_declarable(audit)) if not path.startswith(prefix)]


def _declarable(audit: Audit) -> dict[str, list[Ruling]]:
    """What fails for the lack of a declaration, by path."""
    by_path: dict[str, list[Ruling]] = {}
    for one in audit.failures:
        if set(one.breaks) & set(_DECLARABLE):
            by_path.setdefault(one.path, []).append(one)
    return by_path


def _from(folder: str, root: str, path: str) -> str:
    """A path that starts at a root, from a folder."""
    whole = posixpath.join(root, path)
    inner = whole.removeprefix(folder)
    return inner if inner != whole else posixpath.relpath(whole, folder)


def _source(files: _Files, one: Ruling) -> tuple[str, str, str]:
    """Package, version (or empty) and path of the reference."""
    if one.finding is not None:
        reference = one.finding.reference
        return reference.package, reference.version or "", reference.path
    file = _identical(files, one)
    if file is None or file.identical is None:
        return one.origin.partition("/")[0], "", one.origin
    return file.identical.package, file.identical.version or "", file.identical.path


def _notices(files: _Files, one: Ruling) -> list[Notice]:
    file = files.get(one.path)
    return [notice for notice in file.notices if notice.origin == one.origin] if file else []


def _holders(notice: Notice) -> Iterator[str]:
    """In an order that does not change where what was missing stands in the notices."""
    yield from notice.kept_holders
    yield from sorted((*notice.missing_holders, *notice.elsewhere_holders))
    yield from notice.publishers


def _unique(texts: Iterator[str] | Sequence[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _plain(text: str) -> str:
    """Text for Markdown: on one line, nothing in it is markup."""
    return "".join(f"\\{c}" if c in "\\`*[]<>#|" else c for c in _line(text))


def _line(text: str) -> str:
    """Text on one line that a terminal may see."""
    return " ".join("".join(c if printable(c) else " " for c in text).split())


def _quoted(text: str) -> str:
    """A TOML string: its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _origin(name: str) -> str:
    """A glob that is like this origin alone."""
    return "".join(f"[{c}]" if c in "[*?" else c for c in name)


def _glob(path: str) -> str:
    """A glob that matches this path alone."""
    return escaped(path) if "/" in path else f"/{escaped(path)}"
