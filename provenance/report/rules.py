"""What the rules of an audit mean, for the formats that carry a text for each rule.

Pure data. The words are for whoever meets a finding first in a code review: what was seen, what
it does not prove, and the ways out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from provenance.model import Audit, Level, Report, Rule
from provenance.report.text import number

PREFIX = "provenance-"
"""Stands before a rule's name where rules of several tools meet; a ``/`` would make SARIF read
them as parts of one rule."""


@dataclass(frozen=True, slots=True)
class Said:
    """One rule in words: a name without blanks, one line, one paragraph, and what to do."""

    name: str
    short: str
    full: str
    help: str
    level: Level


_NO_PROOF = (
    "A match is consistent with derivation from an earlier source; it is no proof that anything "
    "was copied. Both texts can follow a third one that is not indexed. Lay the lines side by "
    "side before you judge."
)

RULES: dict[Rule, Said] = {
    "undeclared": Said(
        "UndeclaredOrigin",
        "Code resembles published model code and does not say so",
        "This code is consistent with derivation from published model code, and nothing in the "
        "file or in the configuration names that source.",
        "If the code does come from there, say so in the file (a comment such as 'Adapted from', "
        "with the source's copyright line and licence), or declare it in the configuration with "
        "origin, licence and reason. 'provenance notices' writes what the licence asks for. If it "
        "does not, declare it with that reason, or put it in the baseline.",
        "error",
    ),
    "elsewhere": Said(
        "DeclaredElsewhere",
        "The file names another origin than the one its text resembles",
        "The declared origin and the textual origin are two facts. Here the file names one family "
        "of code, and the text is consistent with derivation from another one.",
        "Look at both sources. Name the one that the text follows as well, or declare in the "
        "configuration why the named one is right.",
        "error",
    ),
    "origin": Said(
        "DeniedOrigin",
        "Code resembles that of an origin which the policy denies",
        "The policy denies code of this organisation, country or family, declared or not.",
        "Replace the code, or change the policy if the origin is to be allowed.",
        "error",
    ),
    "license": Said(
        "LicenseNotAllowed",
        "Code resembles code under a licence which the policy does not allow",
        "The licence of the reference code is denied by the policy, or is not among those that it "
        "allows.",
        "Ask whoever decides on licences. Replace the code, or allow the licence in the policy.",
        "error",
    ),
    "notice": Said(
        "NoticeGone",
        "A copyright or licence notice of the source is not kept",
        "The reference file names a copyright holder or a licence that this file does not name. "
        "Most licences ask that such notices are kept.",
        "Put the notices back; 'provenance notices' writes them.",
        "warning",
    ),
    "declaration": Said(
        "DeclarationAtFault",
        "A declaration matches nothing, names another origin, or has expired",
        "A declaration of the configuration no longer says what the text shows.",
        "Remove the declaration, name the origin that the text shows, or renew its date.",
        "warning",
    ),
    "allowed": Said(
        "Allowed",
        "Found, and breaks no rule of the policy",
        "Code that resembles published code without breaking a rule: it is declared, common to "
        "many families, too weak to tell, or allowed by the policy. Nothing that was found is "
        "left out.",
        "Nothing needs to be done.",
        "note",
    ),
}


def help_text(rule: Rule) -> str:
    """What a rule means and what to do, as plain paragraphs."""
    said = RULES[rule]
    return f"{said.full}\n\n{said.help}\n\n{_NO_PROOF}"


def help_markdown(rule: Rule) -> str:
    """The same in Markdown."""
    said = RULES[rule]
    return f"{said.full}\n\n**What to do.** {said.help}\n\n**What it is not.** {_NO_PROOF}"


_LESSENS = frozenset(
    "include exclude vendored may-skip smallest-unit as-of exclude-origin suspect-date".split()
)
_MOST_VALUES = 5
_MOST_ORIGINS = 10
"""Origins of one declaration that are no more than it may take. A choice: 'provenance notices'
writes those of one file. As many declarations of one origin each fail: the text shows another."""
_FEWEST_LETTERS = 3
"""Letters of a family by which a glob with ``*`` names it rather than any. A choice."""


def lessened(audit: Audit) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The settings by which the policy makes an audit look at less, or fail at less, than it does
    without one: key and values. A repository is audited by what it says itself, so that this is to
    be read beside the outcome."""
    found = []
    for key, value in audit.policy:
        plain = key in _LESSENS and bool(value)
        if plain or (key, value) in (("fail-on", "never"), ("default-index", False)):
            values = (
                tuple(map(str, value)) if isinstance(value, (list, tuple)) else (_plain(value),)
            )
            more = len(values) - _MOST_VALUES
            kept = (*values[:_MOST_VALUES], *((f"and {more:,} more",) if more > 0 else ()))
            found.append((key, kept))
        elif key == "declared" and isinstance(value, list):
            wide = [said for said in map(_wide, value) if said]
            found += [("declared", (said,)) for said in wide[:_MOST_VALUES]]
            if (more := len(wide) - _MOST_VALUES) > 0:
                found.append(("declared", (f"and {more:,} more such",)))
    return tuple(found)


def lessens(audit: Audit) -> Iterator[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]]:
    """Who makes it look at less, the policy or, over it, the call, and by what."""
    less = lessened(audit)
    called = [audit.policy_file is None or key in audit.called for key, _ in less]
    for who, calls in ((f"The policy ({audit.policy_file})", False), ("The call", True)):
        if some := tuple(one for one, so in zip(less, called, strict=True) if so is calls):
            yield f"{who} looks at less, or lets more pass", some


def _wide(declaration: Mapping[str, Any]) -> str:
    """A declaration that names no origin in particular, such as ``*`` or ``transformers/*``, or so
    many that one will fit; empty for any other."""
    origins = declaration["origins"]
    if len(origins) <= _MOST_ORIGINS and not any(map(_names_none, origins)):
        return ""
    place = " ".join(filter(None, (declaration["path"], declaration["symbol"])))
    more = f" and {len(origins) - _MOST_VALUES:,} more" if len(origins) > _MOST_VALUES else ""
    return f"{place} as {' '.join(origins[:_MOST_VALUES])}{more}"


def _names_none(glob: str) -> bool:
    """Whether a glob of origins leaves the package open, or nearly all of the family.

    >>> [_names_none(one) for one in ("transformers/*a*", "transformers/qwen*", "transformers/t5")]
    [True, False, False]
    """
    package, slash, family = glob.partition("/")
    closed, sign, behind = family.rpartition("]")  # no bracket behind it begins a class
    named = re.sub(r"\[[^\]]*\]|[*?]", "", closed + sign) + re.sub(r"[*?]", "", behind)
    open_family = bool(slash) and named != family and len(named) < _FEWEST_LETTERS
    return bool(set("*?[") & set(package)) or open_family or glob.endswith("/")


def broken(audit: Audit) -> str:
    """That of some files only the units around a syntax error were looked at, in a sentence; empty
    where there are none. What is borrowed may stand in what was not read: a file that Python does
    read, and our grammar does not, is told so too."""
    files = [file for file in audit.report.files if file.error_lines]
    if not files:
        return ""
    named = [f"{file.path} (line {file.error_lines[0]})" for file in files[:_MOST_VALUES]]
    more = len(files) - _MOST_VALUES
    return (
        f"Syntax is broken in {number(len(files), 'file')}, of which only the units "
        f"around it were looked at: {', '.join(named)}{f' and {more:,} more' if more > 0 else ''}."
    )


def broken_files(report: Report) -> Iterator[tuple[str, str]]:
    """Path of each file with a syntax error, and what of it was looked at."""
    for file in report.files:
        if file.error_lines:
            yield (
                file.path,
                f"syntax is broken at line {file.error_lines[0]}; only the units around it were "
                "looked at",
            )


def own_references(audit: Audit) -> str:
    """That a policy brings references of its own, in a sentence; empty where it does not, or where
    nothing was found. Made-up families that hold some code can be named instead of its origin, with
    the day and the licence that they claim; a hundred of them make it common, and of no origin.
    """
    named = dict(audit.policy).get("index")
    if audit.policy_file is None or "index" in audit.called:
        return ""
    if not isinstance(named, list) or not named:
        return ""
    if not audit.report.findings and not any(file.identical for file in audit.report.files):
        return ""
    more = len(named) - _MOST_VALUES
    shown = ", ".join(named[:_MOST_VALUES]) + (f" and {more:,} more" if more > 0 else "")
    return (
        f"The policy brings references of its own ({shown}): they may be named instead of others, "
        "and what many of their families hold counts as common, so look who made them."
    )


def undated(audit: Audit) -> str:
    """Why days of git are missing, in a sentence; empty where none are."""
    return f"Days of git are missing: {audit.report.history}." if audit.report.history else ""


def excused(audit: Audit) -> str:
    """What the days of git or of an archive excuse, in a sentence; empty where they excuse nothing:
    of what was there before its reference nothing is derived, and who commits or packs sets the
    days."""
    findings = [one for one in audit.report.findings if one.verdict == "resembles"]
    same = [file.identical for file in audit.report.files if file.identical]
    younger = [one.seen for one in findings if one.direction == "younger"]
    younger += [one.seen for one in same if one.direction == "younger"]
    days = [(seen.source, seen.day or "?") for seen in younger if seen.source in ("git", "archive")]
    if not days:
        return ""
    git = any(source == "git" for source, _ in days)
    who, sets = ("git", "commits sets its") if git else ("the archive", "packs it sets its")
    return (
        f"{number(len(days), 'match counts', 'matches count')} as no derivation "
        f"because {who} says that this side is older (since {min(day for _, day in days)}); "
        f"whoever {sets} days: ask for a witness, or give --suspect-date."
    )


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
