"""Audits for tests: of a real scan, of hostile names, of many findings. For tests only."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

from hypothesis import strategies as st

from provenance.model import (
    Audit,
    Block,
    CellPlace,
    FileResult,
    Finding,
    Fixed,
    Identity,
    IndexUsed,
    LineageMember,
    Parameters,
    Reference,
    Rename,
    Report,
    Ruling,
    Skipped,
    Suspect,
    SuspectSeen,
)

RULES: tuple[Any, ...] = (
    "undeclared",
    "elsewhere",
    "origin",
    "license",
    "notice",
    "allowed",
)


def filled(made: type[Any], **values: Any) -> Any:
    """An instance with these values, what is not given as empty as its type allows: a noun that
    gains a field breaks no test of what does not use it."""
    empty = {"float": 0.0, "int": 0, "str": "", "bool": False}
    for field in fields(made):
        kind = str(field.type)
        values.setdefault(field.name, () if kind.startswith("tuple") else empty.get(kind))
    return made(**values)


def finding(number: int = 1, **changed: Any) -> Finding:
    """A finding with every field set."""
    made: Finding = filled(
        Finding,
        id=f"{number:020x}",
        suspect=Suspect(f"models/part_{number}.py", f"Solar{number}.forward", "method", 3, 9),
        reference=filled(
            Reference,
            origin="transformers/llama",
            package="transformers",
            version="4.57.1",
            path="transformers/models/llama/modeling_llama.py",
            name="LlamaMLP.forward",
            start_line=151,
            end_line=157,
            license="Apache-2.0",
            first_seen="2024-05-06",
            date_source="archive",
            absent_before="2024-01-01",
            family="llama",
            title="Llama",
            organisation="Meta",
            country="US",
            link="https://example.example/llama.py#L151-L157",
        ),
        clone_type="type-2",
        resemblance=0.91,
        suspect_containment=0.95,
        reference_containment=0.9,
        same_text=0.8,
        matched=120,
        also=("transformers/gemma", "vllm/llama"),
        blocks=(Block(3, 9, 151, 157),),
        renames=(Rename("Llama", "Solar", 3),),
        verdict="derived",
        attribution="undeclared",
        families=2,
        lineage=(LineageMember("transformers/llama", "a.py", "LlamaMLP", "2024-05-06"),),
        rarity=0.9,
        percentile=0.999,
        false_alarm_rate=0.0004,
        direction="older",
        seen=SuspectSeen("2026-01-26", "given"),
    )
    return replace(made, **changed)


def ruling(found: Finding, **changed: Any) -> Ruling:
    """A ruling on a finding."""
    made = Ruling(
        id=found.id,
        rule="undeclared",
        breaks=("undeclared", "license"),
        level="error",
        status="new",
        path=found.suspect.path,
        start_line=found.suspect.start_line,
        end_line=found.suspect.end_line,
        origin=found.reference.origin,
        license=found.reference.license,
        message=f"{found.suspect.name} is consistent with derivation from "
        f"{found.reference.origin} {found.reference.name}.",
        remedy="Declare it, or put it in the baseline.",
        finding=found,
    )
    return replace(made, **changed)


def file_result(path: str, **changed: Any) -> FileResult:
    """A scanned file without more to say."""
    made: FileResult = filled(
        FileResult,
        path=path,
        sha256="ab" * 32,
        lines=20,
        units=2,
        similarity=0.5,
        composition=(),
        common=0.0,
        novel=0.5,
        error_lines=(),
        verdict="derived",
    )
    return replace(made, **changed)


def audit(rulings: tuple[Ruling, ...], **changed: Any) -> Audit:
    """An audit of these rulings, with the files and findings that they name."""
    found = tuple(one.finding for one in rulings if one.finding)
    paths = sorted({one.path for one in rulings if one.rule != "declaration"})
    report = filled(
        Report,
        source=".",
        indexes=(IndexUsed("default.db", "cd" * 32, ("transformers 4.57.1",)),),
        parameters=Parameters(),
        as_of=None,
        exclude_origin=(),
        suspect_date="2026-01-26",
        files=tuple(file_result(path) for path in paths),
        findings=found,
        vendored=(),
        skipped=(),
    )
    made = Audit(
        report=report,
        policy=(("fail_on", "derived"), ("licenses", {"allowed": ["MIT", "Apache-2.0"]})),
        policy_file="pyproject.toml",
        rulings=rulings,
        fixed=(),
        incomplete=(),
    )
    return replace(made, **changed)


def with_shares(value: Any, share: float) -> Any:
    """What the report has, each share and score of it this one."""
    if isinstance(value, float):
        return share
    if isinstance(value, tuple):
        return tuple(with_shares(one, share) for one in value)
    if is_dataclass(value) and not isinstance(value, (type, Parameters)):
        told = {one.name: with_shares(getattr(value, one.name), share) for one in fields(value)}
        return replace(value, **told)
    return value


ROUNDED = re.compile(r"(?<![\d.,>])(?:100[ \xa0]*%|1\.00(?!\d)|0[ \xa0]*%|0\.00(?!\d))")
"""How all or nothing is said."""


def of_report(report: Report) -> Audit:
    """An audit of a real scan that has every kind of ruling: rules and states in turn, one for
    each finding and identical file, and a declaration at fault."""
    rulings = []
    for number, found in enumerate(report.findings):
        rule = RULES[number % len(RULES)]
        rulings.append(
            ruling(
                found,
                rule=rule,
                breaks=() if rule == "allowed" else (rule,),
                level="note" if rule == "allowed" else "error" if number % 2 else "warning",
                status="known" if number % 5 == 4 else "new",
                declared_by="pyproject.toml:12" if rule == "allowed" else None,
                reason="agreed with legal" if number % 5 == 4 else None,
            )
        )
    for file in report.files:
        if file.identical:
            rulings.append(
                Ruling(
                    id=f"file-{file.sha256[:16]}",
                    rule="undeclared",
                    breaks=("undeclared",),
                    level="error",
                    status="new",
                    path=file.path,
                    start_line=1,
                    end_line=max(1, file.lines),
                    origin=file.identical.origin,
                    license=file.identical.license,
                    message=f"The file is {file.identical.path} of {file.identical.package}.",
                    remedy="Declare it.",
                )
            )
    rulings.append(
        Ruling(
            id="use-1",
            rule="origin",
            breaks=("origin",),
            level="error",
            status="new",
            path=report.findings[0].suspect.path,
            start_line=2,
            end_line=2,
            origin="transformers/llama",
            license=None,
            message="import of transformers.models.llama, which is of Llama: deny-family has llama",
            remedy="replace it",
        )
    )
    rulings.append(
        Ruling(
            id="declaration-1",
            rule="declaration",
            breaks=("declaration",),
            level="warning",
            status="new",
            path="pyproject.toml",
            start_line=12,
            end_line=16,
            origin="transformers/llama",
            license="Apache-2.0",
            message="The declaration of models/gone.py matches nothing any more.",
            remedy="Remove it.",
        )
    )
    return Audit(
        report=report,
        policy=(("fail_on", "derived"), ("smallest_unit", 5)),
        policy_file="pyproject.toml",
        rulings=tuple(rulings),
        fixed=(Fixed("f" * 20, "models/gone.py", "Gone.forward", "transformers/llama"),),
        incomplete=("models/slow.py: found no time left, expected the scan to end; run it again",),
    )


# --- what a hostile tree may be called ------------------------------------------------------

ATTACKS = (
    "]]><x/>&<!--",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](https://evil.example)",
    "![](https://evil.example/x.png)",
    "`code` ``more`` ```",
    "| a | b |\n|---|---|",
    "@everyone #12 user/repo#3",
    "https://evil.example www.evil.example a@evil.example",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\u202eyp.cod\u202c",
    "\x1b[31mred\x00\x07",
    "\ud800 lone \udce9",
    "\uffff\ufffe",
    "</details><h1>",
    "{0} {{1}} [x](1)",
    "a:b//c?d#e%41",
    "::error file=a::text",
    "caf\u00e9 \ud55c\uad6d\uc5b4",
    "  ",
    "\\",
    "'\"",
)

names = st.one_of(
    st.sampled_from(ATTACKS),
    st.text(st.characters(exclude_categories=()), min_size=1, max_size=40),
    st.lists(st.sampled_from(ATTACKS), min_size=1, max_size=3).map("".join),
)
"""Texts that a scanned tree can hold as a path or a name."""


@st.composite
def hostile(draw: st.DrawFn) -> Audit:
    """An audit every text of which comes from a hostile tree or index."""
    rulings = []
    for number in range(draw(st.integers(1, 3))):
        base = finding(number)
        reference = replace(
            base.reference,
            origin=draw(names),
            package=draw(names),
            version=draw(st.none() | names),
            path=draw(names),
            name=draw(names),
            license=draw(st.none() | names | st.just("MIT OR Apache-2.0")),
            link=draw(st.none() | names),
        )
        suspect = Suspect(
            draw(names),
            draw(names),
            draw(st.sampled_from(("module", "class", "function", "method", "nested"))),
            3,
            draw(st.integers(3, 90)),
            draw(st.none() | st.just(CellPlace(1, 2, 3, 4))),
        )
        found = replace(
            base,
            suspect=suspect,
            reference=reference,
            also=tuple(draw(st.lists(names, max_size=2))),
            renames=(Rename(draw(names), draw(names), 2),),
            verdict=draw(st.sampled_from(("common", "resembles", "derived"))),
            direction=draw(st.sampled_from(("older", "younger", "same", "unknown"))),
            false_alarm_rate=draw(st.none() | st.just(0.002)),
        )
        rulings.append(
            ruling(
                found,
                rule=draw(st.sampled_from(RULES)),
                status=draw(st.sampled_from(("new", "known"))),
                level=draw(st.sampled_from(("error", "warning", "note"))),
                message=draw(names),
                remedy=draw(st.just("") | names),
                reason=draw(st.none() | names),
                declared_by=draw(st.none() | names),
            )
        )
    made = audit(tuple(rulings))
    identical = Identity(
        origin=draw(names),
        package=draw(names),
        version=draw(st.none() | names),
        versions=(),
        path=draw(names),
        license=draw(st.none() | names),
        first_seen=None,
        exact=draw(st.booleans()),
        also=tuple(draw(st.lists(names, max_size=2))),
        direction=draw(st.sampled_from(("older", "younger", "same", "unknown"))),
        family=draw(names),
        title=draw(names),
    )
    whole = draw(names)
    files = {file.path: file for file in made.report.files}
    files[whole] = file_result(whole, identical=identical, error_lines=(3,))
    report = replace(
        made.report,
        source=draw(names),
        files=tuple(files.values()),
        skipped=(Skipped(draw(names), draw(names)),),
    )
    of_file = replace(
        rulings[0], id="whole", path=whole, finding=None, rule="undeclared", origin=draw(names)
    )
    fault = replace(of_file, id="fault", path=draw(names), rule="declaration")
    return replace(
        made,
        report=report,
        rulings=(*rulings, of_file, fault),
        policy=((draw(names), draw(names)),),
        policy_file=draw(names),
        fixed=(Fixed("gone", draw(names), draw(names), draw(names)),),
        incomplete=tuple(draw(st.lists(names, max_size=1))),
    )
