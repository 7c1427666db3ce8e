"""ruling: a report read against a policy -> rulings: what fails, why, and the way out. Pure.

A finding fails where it reaches the verdict that the policy names and is not declared, in the
scanned file or in the policy; where its licence is not allowed; or where its origin is denied.
Nothing is left out: what is allowed has a ruling too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from hashlib import blake2b

from provenance.licenses import permitted
from provenance.model import (
    Attribution,
    Family,
    FileResult,
    Finding,
    Identity,
    Level,
    Notice,
    Reference,
    Report,
    Rule,
    Ruling,
    UseOf,
    Verdict,
)
from provenance.patterns import Patterns
from provenance.settings import Declaration, Policy
from provenance.verdict import ORDER, score

GRAVEST: tuple[Rule, ...] = (
    "origin",
    "license",
    "undeclared",
    "elsewhere",
    "notice",
    "declaration",
    "allowed",
)
"""The rules, the gravest first: what no declaration mends, what one does, what warns."""
_MOST_NAMED = 5
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is read with beside the policy.

    ``families`` are those of all origins named in it; ``kept`` is the text of the notices that
    the repository passes on; ``policy_file`` names the policy's file, ``prefix`` is what paths of
    the policy lack in front (``sub/folder/``, empty for none), ``whole`` whether all files of it
    were scanned, ``today`` an ISO day.
    """

    families: Mapping[str, Family]
    kept: str = ""
    policy_file: str | None = None
    prefix: str = ""
    whole: bool = True
    today: str | None = None


def rulings(report: Report, policy: Policy, scope: Scope) -> tuple[Ruling, ...]:
    """One for each finding and each identical file, for each use of a denied origin, and for each
    declaration that is at fault; by level, the gravest first, then path and line."""
    judge = _Judge(policy, scope)
    asked: dict[tuple[str, str], bool] = {}
    notices = {(file.path, one.origin): one for file in report.files for one in file.notices}
    found: list[Ruling] = []
    for finding in sorted(
        report.findings, key=lambda f: (f.suspect.path, f.suspect.start_line, f.id)
    ):
        key = (finding.suspect.path, finding.reference.origin)
        notice = None
        if judge.counts(finding) and not asked.get(key):  # once a file and origin
            asked[key] = True
            notice = notices.get(key)
        found.append(judge.of_finding(finding, notice))
    others: list[Ruling] = []
    for file in report.files:
        if file.identical:
            others.append(judge.of_identical(file, file.identical))
        for use in file.uses:
            if denied := judge.denied(use.origin):
                others.append(judge.of_use(file.path, use, denied))
    others += judge.of_declarations()
    times: dict[str, int] = {}
    for one in others:  # the same at another place: in bills and of findings no identity is twice
        number = times[one.id] = times.get(one.id, 0) + 1
        found.append(one if number == 1 else replace(one, id=f"{one.id}-{number}"))
    return ordered(found)


def ordered(found: Iterable[Ruling]) -> tuple[Ruling, ...]:
    """Rulings in the order of an ``Audit``."""
    return tuple(
        sorted(
            found,
            key=lambda one: (LEVELS.index(one.level), one.path, one.start_line, one.rule, one.id),
        )
    )


class _Judge:
    """A policy at work; it notes which declarations found something."""

    def __init__(self, policy: Policy, scope: Scope) -> None:
        self.policy, self.scope = policy, scope
        self._vendored = Patterns(policy.vendored) if policy.vendored else None
        self._paths = {
            at: Patterns([one.path])
            for at, one in enumerate(policy.declared)
            if one.path is not None
        }
        self._denied = {
            key: _Globs(getattr(policy, key))
            for key in ("deny_organisation", "deny_country", "deny_family")
        }
        self._origins = [_Globs(one.origins) for one in policy.declared]
        self._symbols = [re.compile(translate(one.symbol or "*")) for one in policy.declared]
        self._reached: tuple[str, list[int]] = ("", [])
        self._matched: set[int] = set()
        self._named: dict[int, str] = {}  # declarations at a place, with an origin found there
        self._kept = " ".join(scope.kept.replace("\\", "").split()).casefold()
        self._named_there: dict[str, bool] = {}
        self._licensed: dict[str, str | None] = {}

    # --- what a policy says of one thing --------------------------------------------------

    def counts(self, finding: Finding) -> bool:
        """Whether a finding is strong and large enough to fail."""
        lines = finding.suspect.end_line - finding.suspect.start_line + 1
        return self._fails(finding.verdict, lines)

    def _fails(self, verdict: Verdict, lines: int) -> bool:
        if self.policy.fail_on == "never":
            return False
        strong = ORDER.index(verdict) >= ORDER.index(self.policy.fail_on)
        return strong and lines >= self.policy.smallest_unit

    def denied(self, origin: str) -> str | None:
        """Why an origin is denied, None where it is not."""
        family = self.scope.families.get(origin)
        denied = self._denied
        if family is not None:
            if family.organisation and denied["deny_organisation"].like(family.organisation):
                return f"deny-organisation has {family.organisation}"
            if family.country and denied["deny_country"].like(family.country):
                return f"deny-country has {family.country}"
        if any(map(denied["deny_family"].like, names_of(origin, family))):
            return f"deny-family has {origin}"
        return None

    def license_denied(self, license_: str | None) -> str | None:
        """Why a licence is not allowed, None where it is."""
        policy = self.policy
        if not policy.allow_license and not policy.deny_license:
            return None
        if license_ is None:
            return "its licence is not known" if policy.allow_license else None
        if license_ not in self._licensed:
            said = None
            if not permitted(license_, policy.allow_license, policy.deny_license):
                denied = not permitted(license_, (), policy.deny_license)
                said = f"{license_} is {'denied' if denied else 'not among the licences allowed'}"
            self._licensed[license_] = said
        return self._licensed[license_]

    def declared_by(
        self, path: str, symbol: str | None, origins: Sequence[str]
    ) -> Declaration | None:
        """The declaration that covers code at a place; notes what each one found."""
        found: Declaration | None = None
        inner = path.removeprefix(self.scope.prefix)
        if not path.startswith(self.scope.prefix):
            return None
        families = [self.scope.families.get(origin) for origin in origins]
        names = [*origins, *(one.name for one in families if one)]
        for at in self._reaching(inner):
            one = self.policy.declared[at]
            if one.symbol is not None and not _of_symbol(symbol, self._symbols[at]):
                continue
            if any(map(self._origins[at].like, names)):
                self._matched.add(at)
                if not self._expired(one):
                    found = found or one
            else:
                self._named.setdefault(at, origins[0])
        return found

    def _reaching(self, path: str) -> list[int]:
        """The declarations of a path; those of the path that was asked for last are kept."""
        if self._reached[0] != path:
            reach = [
                at
                for at, one in enumerate(self.policy.declared)
                if one.path is None or self._paths[at].wants(path)
            ]
            self._reached = path, reach
        return self._reached[1]

    def _expired(self, one: Declaration) -> bool:
        return bool(one.expires and self.scope.today and one.expires < self.scope.today)

    def _at(self, one: Declaration) -> str:
        return f"{self.scope.policy_file or 'policy'}:{one.line}"

    # --- rulings --------------------------------------------------------------------------

    def of_finding(self, finding: Finding, notice: Notice | None) -> Ruling:
        """What the policy says of a finding; ``notice`` where it is the one to ask for them."""
        suspect, reference = finding.suspect, finding.reference
        counts = self.counts(finding)
        origins = (reference.origin, *finding.also)
        covering = None
        if finding.verdict != "common":
            covering = self.declared_by(suspect.path, suspect.name, origins)
        breaks: list[tuple[Rule, str]] = []
        license_ = reference.license or (covering.license if covering else None)
        if counts:
            breaks += self._of_origin(reference.origin, license_)
            if not (covering or self._is_vendored(suspect.path)):
                breaks += self._of_attribution(finding.attribution)
            breaks += self._of_notice(notice)
        what = suspect.name if suspect.kind != "module" else "module body"
        release = f" {reference.version}" if reference.version else ""
        told = (
            f"{what}: {_MEANS[finding.verdict]} {reference.name} of {reference.origin}"
            f" ({reference.package}{release}, lines {reference.start_line}-{reference.end_line},"
            f" {finding.clone_type}, resemblance {score(finding.resemblance)})"
        )
        near = [one for one in finding.also if self.denied(one)] if counts else []
        if near and not any(rule == "origin" for rule, _ in breaks):
            told += f"; as close to the denied {near[0]}"
        stated = self._of_statements(reference, breaks) if counts else ""
        return self._ruled(
            Ruling(
                id=finding.id,
                rule="allowed",
                breaks=(),
                level="note",
                status="new",
                path=suspect.path,
                start_line=suspect.start_line,
                end_line=suspect.end_line,
                origin=reference.origin,
                license=license_,
                message=told + stated,
                remedy="",
                finding=finding,
            ),
            breaks,
            covering,
            warned=bool(near or stated),
        )

    def of_identical(self, file: FileResult, same: Identity) -> Ruling:
        """What the policy says of a file that is a reference file as it is."""
        covering = self.declared_by(file.path, None, (same.origin, *same.also))
        breaks: list[tuple[Rule, str]] = []
        license_ = same.license or (covering.license if covering else None)
        near, stated = None, ""
        notice = next((one for one in file.notices if one.origin == same.origin), None)
        if self._fails(file.verdict, file.lines):
            breaks += self._of_origin(same.origin, license_)
            if not (covering or self._is_vendored(file.path)):
                breaks += self._of_attribution(same.attribution)
            breaks += self._of_notice(notice)
            near = next((one for one in same.also if self.denied(one)), None)
            stated = self._of_statements(same, breaks)
        release = f" {same.version}" if same.version else ""
        alike = "byte for byte" if same.exact else "but for its layout"
        days = ", which is younger than this" if same.direction == "younger" else ""
        if near and not any(rule == "origin" for rule, _ in breaks):
            days += f"; the denied {near} has it too"
        days += stated
        # of the same path other releases have other code, which no entry of a baseline accepted
        named = f"identical\0{same.origin}\0{same.path}\0{same.code}"
        key = named.encode("utf-8", "surrogatepass")
        return self._ruled(
            Ruling(
                id=blake2b(key, digest_size=10).hexdigest(),
                rule="allowed",
                breaks=(),
                level="note",
                status="new",
                path=file.path,
                start_line=1,
                end_line=file.lines,
                origin=same.origin,
                license=license_,
                message=f"the file is {same.path} of {same.package}{release} {alike}{days}",
                remedy="",
            ),
            breaks,
            covering,
            warned=bool(near or stated),
        )

    def of_use(self, path: str, use: UseOf, denied: str) -> Ruling:
        """What the policy says of a use of a denied origin."""
        key = f"use\0{use.kind}\0{use.target}\0{use.origin}".encode("utf-8", "surrogatepass")
        level: Level = "note" if self.policy.fail_on == "never" else "error"
        return Ruling(
            id=blake2b(key + path.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest(),
            rule="origin",
            breaks=("origin",),
            level=level,
            status="new",
            path=path,
            start_line=use.line,
            end_line=use.line,
            origin=use.origin,
            license=None,
            message=f"{use.kind} of {use.target}, which is of {use.title}: {denied}",
            remedy=_REMEDY["origin"],
        )

    def of_declarations(self) -> Iterator[Ruling]:
        """The declarations that are at fault. Whether one matches nothing, or names what none of
        its code is, is known only where everything was scanned."""
        for at, one in enumerate(self.policy.declared):
            level: Level = "error"
            if self._expired(one):
                said = f"expired on {one.expires}"
                remedy = "look at the code again, then renew it or take it out"
            elif at in self._matched or not self.scope.whole:
                continue
            elif at in self._named:
                more = len(one.origins) - _MOST_NAMED
                names = [*one.origins[:_MOST_NAMED], *([f"{more:,} more"] if more > 0 else [])]
                said = f"names {' and '.join(names)}; the text shows {self._named[at]}"
                remedy = "name the origin that the text shows, see 'provenance notices'"
            else:
                said, level = "matches nothing that was found", "warning"
                remedy = "take it out, or mend its path or symbol"
            place = " ".join(part for part in (one.path, one.symbol) if part)
            key = "\0".join(("declaration", *one.origins, one.path or "", one.symbol or ""))
            yield Ruling(
                id=blake2b(key.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest(),
                rule="declaration",
                breaks=("declaration",),
                level=level if self.policy.fail_on != "never" else "note",
                status="new",
                path=self.scope.policy_file or "",
                start_line=one.line,
                end_line=one.line,
                origin=one.origins[0],
                license=one.license,
                message=f"the declaration of {place} {said}",
                remedy=remedy,
                declared_by=self._at(one),
                reason=one.reason,
            )

    def _of_origin(self, origin: str, license_: str | None) -> Iterator[tuple[Rule, str]]:
        if denied := self.denied(origin):
            yield "origin", denied
        if said := self.license_denied(license_):
            yield "license", said

    def _of_statements(
        self, source: Reference | Identity, breaks: Sequence[tuple[Rule, str]]
    ) -> str:
        """What is amiss with a licence that the reference file itself states. It fails nothing: a
        line may name that of other code, or of weights."""
        if any(rule == "license" for rule, _ in breaks):
            return ""
        said = next(filter(None, map(self.license_denied, source.stated_licenses)), "")
        return said and f"; of the licences that {source.path} states, {said}"

    def _of_attribution(self, said: Attribution) -> Iterator[tuple[Rule, str]]:
        """What is amiss with what the source itself declares."""
        if said == "declared elsewhere":
            yield "elsewhere", "the file declares another origin"
        elif said == "undeclared":
            yield "undeclared", "not declared"
        elif not self.policy.allow_declared:
            yield "undeclared", "declared in the source, not in the policy"

    def _of_notice(self, notice: Notice | None) -> Iterator[tuple[Rule, str]]:
        """What is gone of the notices, but for what the notices of the repository name. Where other
        origins are as close, nobody can say whose notices were to be kept."""
        if notice is None or notice.also:
            return
        gone = [
            one
            for one in (*notice.missing_holders, *notice.missing_licenses)
            if not self._keeps(" ".join(one.split()).casefold())
        ]
        if gone:
            yield "notice", f"the file does not name {', '.join(gone)}, as {notice.path} does"

    def _keeps(self, name: str) -> bool:
        """Whether the notices name a holder or a licence, in whole words: there is ``mit`` in
        "permitted", too."""
        known = self._named_there.get(name)
        if known is None:
            said = re.escape(name)  # first, as to look for a text is fifty times as fast
            whole = re.compile(rf"{said}(?!\w)(?<!\w{said})", re.ASCII)
            known = self._named_there[name] = whole.search(self._kept) is not None
        return known

    def _is_vendored(self, path: str) -> bool:
        if self._vendored is None or not path.startswith(self.scope.prefix):
            return False
        return self._vendored.wants(path.removeprefix(self.scope.prefix))

    def _ruled(
        self,
        ruling: Ruling,
        breaks: list[tuple[Rule, str]],
        covering: Declaration | None,
        warned: bool = False,
    ) -> Ruling:
        """The ruling with the rules it breaks."""
        if covering is not None:
            ruling = replace(ruling, declared_by=self._at(covering), reason=covering.reason)
        if not breaks:
            if not warned:
                return ruling
            return replace(ruling, level="warning", remedy=_REMEDY["allowed"])
        breaks.sort(key=lambda one: GRAVEST.index(one[0]))
        rules = tuple(rule for rule, _ in breaks)
        fails = set(rules) - {"notice"} or self.policy.require_notices
        return replace(
            ruling,
            rule=rules[0],
            breaks=rules,
            level="error" if fails else "warning",
            message=f"{ruling.message}; " + "; ".join(said for _, said in breaks),
            remedy=_REMEDY[rules[0]],
        )


_MEANS = {
    "derived": "consistent with derivation from",
    "resembles": "resembles",
    "common": "common code, as in",
    "clear": "as",
}
_REMEDY: dict[Rule, str] = {
    "origin": "replace it with code of your own, or change the policy",
    "license": "replace it, or allow its licence in the policy",
    "undeclared": "declare it, 'provenance notices' writes how, or replace it",
    "elsewhere": "declare the origin that the text shows, 'provenance notices' writes how",
    "notice": "put the notices back, or pass them on in a file, see 'provenance notices'",
    "allowed": "look whether it is from what is denied; if so, replace it, or change the policy",
}


def names_of(origin: str, family: Family | None) -> tuple[str, ...]:
    """By which names a policy may deny an origin."""
    names = (origin, origin.rpartition("/")[2])
    return (*names, family.name, family.title) if family else names


def is_glob(text: str) -> bool:
    """Whether a text is more than a name."""
    return not set("*?[").isdisjoint(text)


class _Globs:
    """Some globs, case aside, and which names are like one: a policy may have very many."""

    def __init__(self, globs: Iterable[str]) -> None:
        folded = dict.fromkeys(glob.casefold() for glob in globs)
        self._plain = frozenset(glob for glob in folded if not is_glob(glob))
        self._others = [re.compile(translate(one)) for one in folded if one not in self._plain]
        self._known: dict[str, bool] = {}

    def like(self, name: str) -> bool:
        """Whether a name is like one of them."""
        known = self._known.get(name)
        if known is None:
            folded = name.casefold()
            known = folded in self._plain or any(one.match(folded) for one in self._others)
            self._known[name] = known
        return known


def _of_symbol(name: str | None, glob: re.Pattern[str]) -> bool:
    """Whether a qualified name is like a glob, or stands inside of what is."""
    if name is None:
        return False
    parts = name.split(".")
    return any(glob.match(".".join(parts[: length + 1])) for length in range(len(parts)))
