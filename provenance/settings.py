"""settings: the nouns of a policy: what can be set for an audit, and what can be declared. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

FailOn = Literal["never", "resembles", "derived"]
Kind = Literal["choice", "flag", "text", "texts", "day", "number"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set: by ``--KEY``, by ``PROVENANCE_KEY``, or by the key ``KEY``.

    ``decides`` is whether it can change what an audit says, and not only where it is written.
    ``paths`` is whether its values are paths, which a file gives from its own folder. ``least`` is
    the smallest number.
    """

    key: str
    kind: Kind
    help: str
    metavar: str = "GLOB"
    choices: tuple[str, ...] = ()
    decides: bool = True
    paths: bool = False
    least: int = 0
    most: int = 10**9
    """The greatest number in a policy: what is scanned sets no bound of its own."""

    @property
    def name(self) -> str:
        """The attribute of ``Policy``."""
        return self.key.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"PROVENANCE_{self.name.upper()}"


SETTINGS = (
    Setting(
        "fail-on",
        "choice",
        "Fail at this verdict, or a stronger one.",
        choices=("never", "resembles", "derived"),
    ),
    Setting("allow-declared", "flag", "Whether what is declared passes."),
    Setting("allow-license", "texts", "Licences that may be borrowed from; else all.", "SPDX"),
    Setting("deny-license", "texts", "Licences that may not be.", "SPDX"),
    Setting("deny-organisation", "texts", "Organisations whose code fails, declared or not."),
    Setting("deny-country", "texts", "Countries whose code fails, e.g. KR."),
    Setting("deny-family", "texts", "Families or origins whose code fails."),
    Setting("require-notices", "flag", "Whether a notice that is gone fails, not only warns."),
    Setting("notices-file", "text", "Holders named in it count as kept.", "FILE", paths=True),
    Setting("include", "texts", "Only these files."),
    Setting("exclude", "texts", "Not these files."),
    Setting("vendored", "texts", "Files of others, known as such: they need no declaration."),
    Setting("may-skip", "texts", "Files that may go unread; another one fails the audit."),
    Setting("smallest-unit", "number", "Units of fewer lines never fail.", "LINES"),
    Setting("index", "texts", "Look into this index too.", "FILE", paths=True),
    Setting("default-index", "flag", "Whether to look into the default index."),
    Setting("as-of", "day", "Hide what was first seen on or after it.", "DATE"),
    Setting("exclude-origin", "texts", "Hide origins, e.g. your own published code."),
    Setting("suspect-date", "day", "Since when the code is as it is.", "DATE"),
    Setting(
        "baseline",
        "text",
        "Findings that are known and do not fail.  [default: provenance-baseline.json]",
        "FILE",
        paths=True,
    ),
    Setting(
        "diff",
        "text",
        "Only files changed since this commit; no key of a policy.",
        "BASE",
        decides=False,
    ),
    Setting(
        "today",
        "day",
        "The day by which declarations expire; no key of a policy.  [default: today]",
        "DATE",
    ),
    Setting(
        "output",
        "texts",
        "Write a report, its format by its ending; several times.",
        "FILE",
        decides=False,
        paths=True,
    ),
    Setting("no-cache", "flag", "Parse unchanged files again.", decides=False),
    Setting(
        "bundle",
        "text",
        "Write all evidence as one archive, for verify-bundle.",
        "FILE",
        decides=False,
        paths=True,
    ),
    Setting(
        "jobs", "number", "Worker processes.  [default: all cores]", "N", decides=False, least=1
    ),
    Setting(
        "timeout",
        "number",
        "Give a file up that takes longer.",
        "SECONDS",
        decides=False,
        least=1,
        most=600,
    ),
    Setting(
        "memory",
        "number",
        "Give a file up that needs more.",
        "MB",
        decides=False,
        least=300,
        most=16_000,
    ),
)
BY_KEY = {setting.key: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the configuration says of borrowed code: that what stands at ``path``, or is named
    ``symbol`` (globs; both where both are given), is of one of ``origins`` (globs over origins
    and families). After ``expires``, an ISO day, it holds no more. ``line`` is that of its file."""

    origins: tuple[str, ...]
    path: str | None = None
    symbol: str | None = None
    license: str | None = None
    reason: str | None = None
    expires: str | None = None
    line: int = 1


@dataclass(frozen=True, slots=True)
class Policy:
    """What fails an audit. Each attribute but ``declared`` is a ``Setting`` of that name; those
    of a file or folder are as written, from the folder that ``Found`` names."""

    fail_on: FailOn = "derived"
    allow_declared: bool = True
    allow_license: tuple[str, ...] = ()
    deny_license: tuple[str, ...] = ()
    deny_organisation: tuple[str, ...] = ()
    deny_country: tuple[str, ...] = ()
    deny_family: tuple[str, ...] = ()
    require_notices: bool = False
    notices_file: str = "THIRD_PARTY_NOTICES.md"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    vendored: tuple[str, ...] = ()
    may_skip: tuple[str, ...] = ()
    smallest_unit: int = 0
    index: tuple[str, ...] = ()
    default_index: bool = True
    as_of: str | None = None
    exclude_origin: tuple[str, ...] = ()
    suspect_date: str | None = None
    baseline: str = "provenance-baseline.json"
    diff: str | None = None
    today: str | None = None
    output: tuple[str, ...] = ()
    no_cache: bool = False
    bundle: str | None = None
    jobs: int | None = None
    timeout: int = 60
    memory: int = 4000
    declared: tuple[Declaration, ...] = ()

    def plain(self) -> tuple[tuple[str, object], ...]:
        """What decides the outcome, as plain data: settings, then declarations."""
        settings: list[tuple[str, object]] = []
        for setting in SETTINGS:
            if setting.decides:
                value = getattr(self, setting.name)
                settings.append((setting.key, list(value) if isinstance(value, tuple) else value))
        declared = [
            {field.name: _listed(getattr(one, field.name)) for field in fields(one)}
            for one in self.declared
        ]
        return (*settings, ("declared", declared))


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


# --- what it is begun with ----------------------------------------------------------------


def starting(prefix: str = "tool.provenance") -> str:
    """A commented policy to begin with: it says what holds when nothing is said."""
    default = Policy()
    lines = [f"[{prefix}]"] if prefix else []
    for setting in SETTINGS:
        if setting.key in ("diff", "jobs", "timeout", "memory", "no-cache", "today"):
            continue
        value = getattr(default, setting.name)
        example = {"baseline": value, "bundle": "provenance-evidence.zip"}.get(setting.key)
        if example is not None:
            lines += [f"# {setting.help}", f'# {setting.key} = "{example}"']
            continue
        if setting.choices:
            lines.append(f"# {setting.help} One of {', '.join(setting.choices)}.")
        else:
            lines.append(f"# {setting.help}")
        lines.append(_assigned(setting, value))
    head = f"{prefix}.declared" if prefix else "declared"
    lines += [
        "",
        "# What is borrowed and may be: one of these for each file or symbol.",
        "# 'provenance notices --write' adds those that the findings call for.",
        f"# [[{head}]]",
        '# path = "src/attention.py"       # or symbol = "MyAttention"; globs',
        '# origin = "transformers/llama"',
        '# license = "Apache-2.0"',
        '# reason = "adapted with changes of ours"',
        "# expires = 2027-01-01",
    ]
    return "\n".join(lines) + "\n"


def _assigned(setting: Setting, value: object) -> str:
    if value is None:
        return f"# {setting.key} = 2026-01-26"
    if isinstance(value, bool):
        return f"{setting.key} = {str(value).lower()}"
    if isinstance(value, tuple):
        return f"{setting.key} = []"
    return f"{setting.key} = {value}" if isinstance(value, int) else f'{setting.key} = "{value}"'
