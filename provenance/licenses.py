"""licenses: an SPDX expression -> ``Duty``s, what the licences of a piece of code ask of those
who pass it on, in one line each.

Pure. Expressions are parsed by license-expression (nexB). No well-kept library says what a
licence asks for and where, so the table is ours: the licences that model code is published
under, every line with the section of the licence's own text that asks for it, looked up in these
texts. (SPDX's and ScanCode's data name and recognise licences; what GitHub's choosealicense says
of duties is coarser, has no sections, and no package.) It is a reading aid and no legal advice;
the text of the licence rules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from license_expression import Licensing

DutyKind = Literal[
    "keep-notices",
    "include-license",
    "state-changes",
    "include-notice-file",
    "name-source",
    "name-model",
    "disclose-source",
    "same-license",
    "network-source",
    "no-endorsement",
    "patents",
    "non-commercial",
    "use-limits",
    "large-scale",
    "choice",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing a licence asks.

    ``license`` is the SPDX identifier it stands in, ``section`` where in its text. ``one_of``
    has all licences of which one may be chosen, as they are written, empty where there is no
    choice.
    """

    license: str
    kind: DutyKind
    text: str
    section: str
    one_of: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What is asked, where that stands, and that another licence may be chosen."""
        where = [f"{self.license}, {self.section}"] if self.section else []
        if self.one_of:
            more = len(self.one_of) - _MOST_CHOICES
            named = " or ".join(one[:_LONGEST_CHOICE] for one in self.one_of[:_MOST_CHOICES])
            choice = named + (f" and {more:,} more" if more > 0 else "")
            where.append(f"one is to be chosen of {choice}")
        return f"{self.text} ({'; '.join(where)})" if where else self.text


_Lines = tuple[tuple[DutyKind, str, str], ...]

_APACHE: _Lines = (
    ("include-license", "Give recipients a copy of the licence.", "section 4(a)"),
    ("state-changes", "Mark changed files with prominent notices of the change.", "section 4(b)"),
    (
        "keep-notices",
        "Keep all copyright, patent, trademark and attribution notices of the source.",
        "section 4(c)",
    ),
    ("include-notice-file", "Pass on the attributions of a NOTICE file.", "section 4(d)"),
    (
        "patents",
        "Contributors grant a patent licence; it ends for who sues over the work's patents.",
        "section 3",
    ),
)
_MIT: _Lines = (
    (
        "keep-notices",
        "Keep the copyright notice in all copies and substantial portions.",
        "paragraph 2",
    ),
    (
        "include-license",
        "Keep the permission notice, which is the licence, in them too.",
        "paragraph 2",
    ),
)
_BSD2: _Lines = (
    ("keep-notices", "Keep the copyright notice in source code.", "condition 1"),
    (
        "include-license",
        "Keep the conditions and the disclaimer; repeat them with binaries.",
        "conditions 1 and 2",
    ),
)
_BSD3: _Lines = (
    *_BSD2,
    ("no-endorsement", "Do not use the holders' names to endorse what is derived.", "condition 3"),
)
_ISC: _Lines = (
    ("keep-notices", "Keep the copyright notice in all copies.", "paragraph 1"),
    ("include-license", "Keep the permission notice in all copies.", "paragraph 1"),
)
_MPL: _Lines = (
    (
        "disclose-source",
        "Give recipients of binaries the source of the covered files.",
        "section 3.2",
    ),
    ("same-license", "Keep covered files, changed ones too, under this licence.", "section 3.1"),
    ("keep-notices", "Do not remove or alter licence notices in the source.", "section 3.4"),
    (
        "include-license",
        "Tell recipients that this licence rules the files and where it is.",
        "section 3.1",
    ),
    (
        "patents",
        "Contributors grant a patent licence; it ends for who sues over the work's patents.",
        "sections 2.1 and 5.2",
    ),
)
_GPL2: _Lines = (
    ("keep-notices", "Publish a copyright notice and keep the notices there are.", "section 1"),
    ("include-license", "Give recipients a copy of the licence.", "section 1"),
    ("state-changes", "Mark changed files with who changed them and when.", "section 2(a)"),
    ("same-license", "License the whole of what is derived under this licence.", "section 2(b)"),
    ("disclose-source", "Give the complete source with object code, or offer it.", "section 3"),
)
_GPL3: _Lines = (
    ("keep-notices", "Publish a copyright notice and keep the notices there are.", "section 4"),
    ("include-license", "Give recipients a copy of the licence.", "section 4"),
    ("state-changes", "Say prominently that you changed the work, and when.", "section 5(a)"),
    ("same-license", "License the whole of what is derived under this licence.", "section 5(c)"),
    ("disclose-source", "Give the complete source with object code, or offer it.", "section 6"),
    ("patents", "Contributors grant a patent licence.", "section 11"),
)
_AGPL3: _Lines = (
    *_GPL3,
    (
        "network-source",
        "Offer the source of a changed version to those who use it over a network.",
        "section 13",
    ),
)
_LGPL2: _Lines = (
    ("keep-notices", "Publish a copyright notice and keep the notices there are.", "section 1"),
    ("include-license", "Give recipients a copy of the licence.", "section 1"),
    ("state-changes", "Mark changed files with who changed them and when.", "section 2(b)"),
    ("same-license", "License a changed library under this licence.", "section 2(c)"),
    (
        "disclose-source",
        "Give the source of the library; let recipients change and relink it.",
        "sections 4 and 6",
    ),
)
_LGPL3: _Lines = (
    ("keep-notices", "Say prominently that the library is used and under this.", "section 4(a)"),
    ("include-license", "Give a copy of this licence and of the GNU GPL.", "section 4(b)"),
    ("same-license", "Convey a changed library under this licence or the GNU GPL.", "section 2"),
    (
        "disclose-source",
        "Give the source of the library; let recipients change and relink it.",
        "section 4(d)",
    ),
)
_CC_BY: _Lines = (
    ("keep-notices", "Keep the creators' names, notices and the disclaimer.", "section 3(a)(1)(A)"),
    (
        "state-changes",
        "Say if you changed it, and keep what earlier changes are said.",
        "section 3(a)(1)(B)",
    ),
    (
        "include-license",
        "Say it is under this licence, with its text or address.",
        "section 3(a)(1)(C)",
    ),
)
_CC_NC: tuple[DutyKind, str, str] = (
    "non-commercial",
    "Use and share it for non-commercial purposes only.",
    "section 2(a)(1)",
)
_CC_SA: tuple[DutyKind, str, str] = (
    "same-license",
    "Share what is adapted under this licence or a compatible one.",
    "section 3(b)",
)
_LLAMA2: _Lines = (
    ("include-license", "Give recipients a copy of the agreement.", "section 1(b)(i)"),
    ("keep-notices", "Keep the attribution notice in a Notice file.", "section 1(b)(iii)"),
    ("use-limits", "Follow the acceptable use policy.", "section 1(b)(iv)"),
    ("use-limits", "Do not improve other large language models with it.", "section 1(b)(v)"),
    ("large-scale", "Above 700 million monthly users, ask Meta for a licence.", "section 2"),
)
_LLAMA3: _Lines = (
    ("include-license", "Give recipients a copy of the agreement.", "section 1(b)(i)"),
    ("name-source", 'Show "Built with Meta Llama 3" prominently.', "section 1(b)(i)"),
    ("name-model", 'Begin the name of a model made with it with "Llama 3".', "section 1(b)(i)"),
    ("keep-notices", "Keep the attribution notice in a Notice file.", "section 1(b)(iii)"),
    ("use-limits", "Follow the acceptable use policy.", "section 1(b)(iv)"),
    ("use-limits", "Do not improve other large language models with it.", "section 1(b)(v)"),
    ("large-scale", "Above 700 million monthly users, ask Meta for a licence.", "section 2"),
)
_LLAMA31: _Lines = (
    ("include-license", "Give recipients a copy of the agreement.", "section 1(b)(i)"),
    ("name-source", 'Show "Built with Llama" prominently.', "section 1(b)(i)"),
    ("name-model", 'Begin the name of a model made with it with "Llama".', "section 1(b)(i)"),
    ("keep-notices", "Keep the attribution notice in a Notice file.", "section 1(b)(iii)"),
    ("use-limits", "Follow the acceptable use policy.", "section 1(b)(iv)"),
    ("large-scale", "Above 700 million monthly users, ask Meta for a licence.", "section 2"),
)

_DUTIES: dict[str, _Lines] = {
    "Apache-2.0": _APACHE,
    "MIT": _MIT,
    "BSD-2-Clause": _BSD2,
    "BSD-3-Clause": _BSD3,
    "ISC": _ISC,
    "MPL-2.0": _MPL,
    "GPL-2.0": _GPL2,
    "GPL-3.0": _GPL3,
    "AGPL-3.0": _AGPL3,
    "LGPL-2.1": _LGPL2,
    "LGPL-3.0": _LGPL3,
    "CC-BY-4.0": _CC_BY,
    "CC-BY-SA-4.0": (*_CC_BY, _CC_SA),
    "CC-BY-NC-4.0": (*_CC_BY, _CC_NC),
    "CC-BY-NC-SA-4.0": (*_CC_BY, _CC_NC, _CC_SA),
    "LicenseRef-Llama-2-Community": _LLAMA2,
    "LicenseRef-Llama-3-Community": _LLAMA3,
    "LicenseRef-Llama-3.1-Community": _LLAMA31,
    "LicenseRef-Llama-3.2-Community": _LLAMA31,
    "LicenseRef-Llama-3.3-Community": _LLAMA31,
    "LicenseRef-Llama-4-Community": _LLAMA31,
}
_NOTHING = {"0BSD", "CC0-1.0", "Unlicense", "MIT-0", "WTFPL"}
"""Licences that ask for nothing."""

_BY_FOLDED = {name.casefold(): name for name in _DUTIES} | {n.casefold(): n for n in _NOTHING}
_ENDING = re.compile(r"(?:-only|-or-later|\+)$")
_LLAMA = re.compile(
    r"(?:licenseref-)?(?:meta-)?llama-?(?P<v>[234](?:\.[1-4])?)(?:-community)?(?:-license)?$"
)
_GNU = re.compile(r"((?:agpl|gfdl|gpl|lgpl)-\d+(?:\.\d+)*)(\+?)(?:-with-[a-z]+-exception)?")
"""Identifiers of GNU licences that SPDX has given up for those with ``-only`` and ``-or-later``,
and an exception ``WITH`` them."""
_LONGEST = 1_000
_DEEPEST = 20
_MOST_CHOICES = 4
_LONGEST_CHOICE = 60


def duties(expression: str) -> tuple[Duty, ...]:
    """What an SPDX expression asks for.

    Of ``A AND B`` all duties of both; of ``A OR B`` too, each naming in ``one_of`` the licences
    of which one may be chosen. An exception (``WITH``) leaves the duties of its licence, and
    one more that says to read it. What cannot be parsed, or is not known, is one duty: to read
    it. Never raises.
    """
    written = " ".join(expression.split())[:_LONGEST]
    if not written:
        return ()
    tree = _parsed(written)
    if tree is None:
        return (_unknown(written[:200]),)
    return tuple(dict.fromkeys(_of(tree, (), 0)))


@lru_cache(maxsize=1)
def _licensing() -> Licensing:
    from license_expression import Licensing

    return Licensing()


def _parsed(expression: str) -> Any:
    """The library's tree, ``None`` where it is no expression."""
    if expression.count("(") > _DEEPEST:
        return None
    try:
        return _licensing().parse(expression)
    except Exception:  # the library raises more than its own errors on text that is none
        return None


def _of(node: Any, one_of: tuple[str, ...], depth: int) -> list[Duty]:
    operator = getattr(node, "operator", "").strip()
    if operator in ("AND", "OR"):
        if operator == "OR" and not one_of:
            one_of = tuple(dict.fromkeys(str(part) for part in node.args))
        return [duty for part in node.args for duty in _of(part, one_of, depth + 1)]
    licensed = getattr(node, "license_symbol", None)
    if licensed is not None:
        text = f"Read the exception {node.exception_symbol.key}: it changes what is asked."
        exception = Duty(str(licensed.key), "unknown", text, "", one_of)
        return [*_of(licensed, one_of, depth), exception]
    key = str(getattr(node, "key", node))
    name = _name(key)
    if name in _NOTHING:
        return []
    lines = _DUTIES.get(name)
    if lines is None:
        return [_unknown(key, one_of)]
    license_ = key if _ENDING.search(key) and name in _DUTIES else name
    return [Duty(license_, kind, text, section, one_of) for kind, text, section in lines]


def _name(key: str) -> str:
    """The entry of the table that a licence identifier means, else the identifier."""
    folded = key.casefold()
    plain = _ENDING.sub("", folded)
    if plain in _BY_FOLDED:
        return _BY_FOLDED[plain]
    llama = _LLAMA.match(folded)
    if llama is not None:
        return f"LicenseRef-Llama-{llama['v']}-Community"
    return key


def _unknown(license_: str, one_of: tuple[str, ...] = ()) -> Duty:
    text = f"Read the licence {license_}: what it asks for is not known here."
    return Duty(license_, "unknown", text, "", one_of)


def permitted(expression: str, allow: Sequence[str], deny: Sequence[str]) -> bool:
    """Whether code under an expression may be used: of ``A OR B`` one of the two, of ``A AND B``
    both. A licence may where it is like one of ``allow`` (all, where that is empty) and like none
    of ``deny``: globs over identifiers, case aside; ``A WITH B`` is also like what is like ``A``.
    ``GPL-3.0`` and ``GPL-3.0+`` are also like what ``GPL-3.0-only`` and ``GPL-3.0-or-later`` are.
    What is no expression is taken as one licence of that name."""
    written = " ".join(expression.split())[:_LONGEST]
    tree = _parsed(written)
    return _permits(written if tree is None else tree, allow, deny, 0)


def _permits(node: Any, allow: Sequence[str], deny: Sequence[str], depth: int) -> bool:
    operator = getattr(node, "operator", "").strip()
    if operator in ("AND", "OR") and depth <= _DEEPEST:
        each = [_permits(part, allow, deny, depth + 1) for part in node.args]
        return all(each) if operator == "AND" else any(each)
    licensed = getattr(node, "license_symbol", None)
    names = [str(getattr(node, "key", node)).casefold()]
    if licensed is not None:
        names.append(str(licensed.key).casefold())
    named = [found for name in names if (found := _GNU.fullmatch(name))]
    names += [f"{one[1]}-{'or-later' if one[2] else 'only'}" for one in named]

    def like(globs: Sequence[str]) -> bool:
        plain, others = _globs(tuple(globs))
        return any(name in plain or any(one.match(name) for one in others) for name in names)

    return (not allow or like(allow)) and not like(deny)


@lru_cache(maxsize=4)
def _globs(globs: tuple[str, ...]) -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """Names, and globs to match with, case aside; of which a policy may have very many."""
    folded = dict.fromkeys(glob.casefold() for glob in globs)
    plain = frozenset(glob for glob in folded if set("*?[").isdisjoint(glob))
    return plain, tuple(re.compile(translate(glob)) for glob in folded if glob not in plain)


@cache
def spdx_licensing() -> Licensing:
    """What knows the licences of SPDX; to make it takes 50 ms."""
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


_WORD = re.compile(r"[\w.+-]+")


@lru_cache(maxsize=1024)
def spdx_expression(text: str) -> str | None:
    """A licence as an expression of SPDX, None where it is none. Names are those of SPDX, case
    aside, or older ones of licences of GNU; the library also takes others for one: ``GPL`` for
    ``GPL-1.0-or-later``."""
    known = spdx_licensing()
    try:
        parsed = known.parse(text, validate=True)
    except Exception:  # the library raises more than its own errors on text that is none
        return None
    said = set(_WORD.findall(text.casefold()))
    older = [found for name in said if (found := _GNU.fullmatch(name))]
    said |= {f"{one[1]}-{'or-later' if one[2] else 'only'}" for one in older}
    keys = {str(one.key).casefold() for one in known.license_symbols(parsed)}
    if not keys or not keys <= said or any(key.startswith("licenseref-") for key in keys):
        return None
    for one in known.license_symbols(parsed, decompose=False):
        exception: Any = getattr(one, "exception_symbol", None)
        licensed: Any = getattr(one, "license_symbol", one)
        # An identifier of GNU that holds an exception is one of these to the library.
        if licensed.is_exception and not _GNU.fullmatch(str(licensed.key).casefold()):
            return None
        if exception is not None and (
            not exception.is_exception or _GNU.fullmatch(str(exception.key).casefold())
        ):
            return None
    return str(parsed)


def is_license(name: str) -> bool:
    """Whether a name is a licence of SPDX, one of our own (``LicenseRef-``), or a glob."""
    if name.casefold().startswith("licenseref-") or any(sign in name for sign in "*?["):
        return True
    return name.casefold() in _names()


@cache
def _names() -> frozenset[str]:
    """The licences of SPDX, without exceptions; case aside."""
    symbols = spdx_licensing().known_symbols
    return frozenset(str(key).casefold() for key, one in symbols.items() if not one.is_exception)
