"""words: the sentences of the HTML report, in the languages that there is a catalogue of.

A catalogue is one JSON file in ``languages``, named by the language's code; its ``language.name``
is what the language calls itself. One more file is one more language.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from provenance.report.text import percent as plainly
from provenance.report.text import rate

if TYPE_CHECKING:
    from markupsafe import Markup


@cache
def languages() -> tuple[str, ...]:
    """The codes of the languages there are, English first."""
    files = resources.files("provenance.report").joinpath("languages").iterdir()
    found = sorted(one.name[:-5] for one in files if one.name.endswith(".json"))
    return ("en", *(one for one in found if one != "en"))


@cache
def catalogue(language: str) -> dict[str, str]:
    """Every sentence of the page in one language, by key.

    Raises:
        ValueError: there is no such catalogue.
    """
    if language not in languages():
        raise ValueError(f"found language {language!r}, expected one of {', '.join(languages())}")
    loaded: dict[str, str] = json.loads(asset(f"languages/{language}.json"))
    return loaded


@cache
def asset(path: str) -> str:
    """A file of ours beside this one."""
    return resources.files("provenance.report").joinpath(path).read_text("utf-8")


class Speaker:
    """Sentences of one catalogue. ``a|b`` is the singular and the plural of the first number;
    ``{0}`` is an argument. Marked ones can be said again in another language by the page."""

    def __init__(self, sentences: dict[str, str]) -> None:
        self._sentences = sentences

    def plain(self, key: str, *arguments: Any) -> str:
        """The sentence as text."""
        forms = self._sentences[key].split("|")
        form = forms[0] if arguments and arguments[0] == 1 else forms[-1]
        return re.sub(r"\{(\d)\}", lambda match: _word(arguments[int(match[1])]), form)

    def marked(self, key: str, *arguments: Any) -> Markup:
        """The sentence as an element that knows its key and its arguments."""
        from markupsafe import Markup

        said = self.plain(key, *arguments)
        if not arguments:
            return Markup('<span data-t="{}">{}</span>').format(key, said)
        given = json.dumps([*arguments], ensure_ascii=True)
        return Markup('<span data-t="{}" data-a="{}">{}</span>').format(key, given, said)


def percent(share: float) -> str:
    """A share as whole per cent; never 0 for something nor 100 for less than all."""
    said = plainly(share).replace(" ", "\u00a0")
    return f"{said[0]}\u00a0{said[1:]}" if said[0] in "<>" else said


def fine(share: float) -> str:
    """A small share, with two digits that tell."""
    return rate(share).replace(" ", "\u00a0") if 0 < share < 0.1 else percent(share)


def _word(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
