"""auditing: wires a scan, the policy of a ``Plan`` and a baseline into an ``Audit``."""

from __future__ import annotations

import os
import reprlib
import stat
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from heapq import nlargest
from pathlib import PurePath

from provenance.decode import Reason, plain_text, shown
from provenance.errors import UsageError
from provenance.folder import BY_RULE, ENDINGS, IN_THE_SAME_TREE, find_named, list_folder
from provenance.ledger import Entry, accepted, compared, ledger_text, read_ledger
from provenance.model import NONE_WANTED, Audit, Family, Report
from provenance.notices import LONGEST_FILE, MARK, listings
from provenance.patterns import Patterns
from provenance.planning import Plan, inside, is_inside, under
from provenance.policy import (
    LONGEST,
    OWN_FILE,
    PROJECT_FILE,
    parsed,
)
from provenance.references import DEFAULT_INDEX
from provenance.regular import MOST_PLACES, is_elsewhere, read_file, real_path
from provenance.release import checked_day
from provenance.ruling import Scope, is_glob, names_of, rulings
from provenance.settings import Policy
from provenance.workers import Bounds, Progress

_LONGEST = 10_000_000
_MOST_VAIN = 20
"""Names told that deny nothing, of each kind: an unlike word takes long to compare."""
_LONGEST_NEAR = 60
_MOST_NEAR = 10_000
_MOST_LIKELY = 20
"""Letters of a name, names, and those that have most letters of it, of which is said what one may
have meant: to compare two takes time by the cube of the letters."""
_LIKE = 0.6  # of all letters of both
_NO_FILE = "no Python file was scanned; look at the paths, include, exclude, and what was skipped"


@dataclass(frozen=True, slots=True)
class Done:
    """An audit, the entries of the baseline that still hold, and the paths beside which nothing
    was scanned, None for all. ``vain`` says what is denied by a name that no index has."""

    audit: Audit
    held: tuple[Entry, ...]
    only: tuple[str, ...] | None = None
    vain: tuple[str, ...] = ()


# --- doing it -----------------------------------------------------------------------------


def audit(
    plan: Plan, *, jobs: int = 1, progress: Progress | None = None, fresh: bool = False
) -> Done:
    """Scan, and read the report against the policy and its baseline.

    Args:
        plan: what to do.
        jobs: how many processes may work; the result does not depend on it.
        progress: called with (done, total) files.
        fresh: the baseline may be missing, it is about to be written.

    Raises:
        ProvenanceError: the source, an index or the baseline cannot be read.
    """
    from provenance.cache import place
    from provenance.scanning import scan

    policy = plan.policy
    _check_licenses(plan)
    entries = _baseline(plan, fresh)
    only = _asked(plan)
    kept = _notices(plan)
    report = scan(
        plan.source,
        indexes(plan),
        include=under(plan.prefix, policy.include),
        exclude=under(plan.prefix, policy.exclude),
        only=only,
        as_of=policy.as_of,
        exclude_origin=policy.exclude_origin,
        suspect_date=policy.suspect_date,
        jobs=jobs,
        limits=bounds(policy),
        progress=progress,
        cache=None if policy.no_cache else place(plan.root),
    )
    whole = only is None
    today = _today(policy.today) if any(one.expires for one in policy.declared) else None
    scope = Scope(
        families=_families(plan, report),
        kept="" if isinstance(kept, Reason) else kept,
        policy_file=plan.shown_file,
        prefix=plan.prefix,
        whole=whole,
        today=today,
    )
    looked_at = {file.path for file in report.files}
    left = os.path.isdir(plan.source)  # where a file may be, and globs leave it out
    there = _there(plan.root, {one.path for one in entries} - looked_at, code=whole)
    told, fixed, held = compared(
        rulings(report, policy, scope),
        entries,
        scanned=lambda path: path in looked_at or (whole and not (left and path in there)),
        exists=lambda path: path in there,
    )
    incomplete = _incomplete(plan, only, report)
    if isinstance(kept, Reason):
        incomplete += (kept,)
    done = Audit(
        report=report,
        policy=replace(policy, today=today).plain(),
        policy_file=plan.shown_file,
        rulings=told,
        fixed=fixed,
        incomplete=incomplete,
        called=plan.called,
    )
    return Done(done, held, only, _vain(plan))


def without_policy(report: Report) -> Audit:
    """A report as an audit that no policy was given for: what is derived and not declared in the
    file itself fails, as by default; nothing is denied and nothing known."""
    policy = Policy()
    return Audit(
        report=report,
        policy=policy.plain(),
        policy_file=None,
        rulings=rulings(report, policy, Scope({})),
        fixed=(),
        incomplete=() if report.files else (_NO_FILE,),
    )


def bounds(policy: Policy) -> Bounds:
    """What the work on a file may take, as a policy says."""
    return Bounds(seconds=policy.timeout, memory=policy.memory * 10**6)


def indexes(plan: Plan) -> tuple[str, ...]:
    """The indexes that a plan looks into."""
    default = (str(DEFAULT_INDEX),) if plan.policy.default_index else ()
    return (*default, *plan.places["index"])


def _incomplete(plan: Plan, only: tuple[str, ...] | None, report: Report) -> tuple[str, ...]:
    """What was not looked at and should have been: every file that was skipped, but those that
    the policy lets, links to what counts where it is, and what is no part of the repository:
    ignored, and not known to git."""
    policy = plan.policy
    lets = Patterns(under(plan.prefix, policy.may_skip)) if policy.may_skip else None
    missing = [
        f"{one.path}: {one.reason}"
        for one in report.skipped
        if not one.reason.endswith((IN_THE_SAME_TREE, BY_RULE, NONE_WANTED))
        and not (lets and lets.wants(one.path))
    ]
    named = None if plan.only is None else _shown_places(plan.root, plan.only)
    missing += [
        f"{one.path}: found a symbolic link to what was not named, expected that too; name "
        "its target as well, or leave the link out with --exclude"
        for one in report.skipped
        if one.reason.endswith(IN_THE_SAME_TREE)
        and not (lets and lets.wants(one.path))
        and not _leads_to(plan.root, one.path, named)
    ]
    missing += [
        f"{one.path}: {one.reason}, but it was named; scan it by itself, or name it no more"
        for one in report.skipped
        if one.reason.endswith(BY_RULE) and _is_named(one.path, plan.only or ())
    ]
    nothing = all(one.reason.endswith((BY_RULE, NONE_WANTED)) for one in report.skipped)
    if not report.files and nothing and not policy.diff and not _only_files(plan, only):
        missing.append(_NO_FILE)
    return tuple(missing)


def _is_named(path: str, named: Iterable[str]) -> bool:
    """Whether what is left out, a folder ending in ``/``, is or holds what was named."""
    return any(f"{one}/".startswith(f"{path.rstrip('/')}/") for one in named)


def _there(root: str, paths: Iterable[str], *, code: bool) -> set[str]:
    """Those of some paths, as reports show them, at which there is code, and no link on the way,
    which may lead to where it was moved; or, but for ``code`` alone, another file, as a policy."""
    here = [path for path in paths if not is_elsewhere(path)]
    named = [(one, os.path.normcase(at)) for one, at in find_named(root, here)]
    found = {one for one, at in named if _is_there(at) and os.path.normcase(real_path(at)) == at}
    if not code:
        others = (path for path in here if not path.endswith(ENDINGS))
        found.update(path for path in others if _is_there(os.path.join(root, path)))
    return found


def _is_there(path: str) -> bool:
    """Whether there is something; what stands where this user may not look may be there."""
    try:
        os.lstat(path)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _shown_places(root: str, named: Iterable[str]) -> frozenset[str]:
    """Where files and folders are that were named, as they are shown."""
    return frozenset(shown(os.path.normpath(os.path.join(root, one))) for one in named)


def _leads_to(root: str, link: str, named: frozenset[str] | None) -> bool:
    """Whether a link leads to what was named, all where nothing was, or is of a notice file, which
    is read whatever was; of a link that is shown in another way than it is called nobody knows."""
    place = os.path.join(root, link)
    if named is None or (os.path.isfile(place) and not link.endswith(ENDINGS)):
        return True
    try:
        target = PurePath(shown(real_path(place, MOST_PLACES)))
    except OSError:  # it leads too far for anybody to know
        return True
    return os.path.lexists(place) and any(str(one) in named for one in (target, *target.parents))


def _asked(plan: Plan) -> tuple[str, ...] | None:
    """The paths inside the source that are to be scanned, None for all."""
    policy, prefix, base = plan.policy, plan.prefix, plan.policy.diff
    if base is None:
        return plan.only
    from provenance.changed import changed

    if not os.path.isdir(plan.source):
        raise UsageError(f"{plan.source}: found an archive, expected a repository for --diff")
    wanted = Patterns(under(prefix, policy.include), under(prefix, policy.exclude), plan.only)
    listed, _ = list_folder(plan.root, wanted)
    # a folder that is left out stands for all in it
    return tuple(sorted(path.rstrip("/") for path in changed(plan.root, base, listed)))


def _only_files(plan: Plan, only: tuple[str, ...] | None) -> bool:
    """Whether files were named one by one: that the policy wants none of them is no fault, as
    when a hook passes what is committed. What is called otherwise than it is shown may be more."""
    return only is not None and all(os.path.isfile(os.path.join(plan.root, p)) for p in only)


def _families(plan: Plan, report: Report) -> dict[str, Family]:
    """The families of all origins that a report names."""
    from provenance.library import Library, same_still

    named = {origin for f in report.findings for origin in (f.reference.origin, *f.also)}
    named |= {use.origin for file in report.files for use in file.uses}
    named |= {
        origin
        for file in report.files
        if file.identical
        for origin in (file.identical.origin, *file.identical.also)
    }
    if not named:
        return {}
    with Library(indexes(plan)) as library:
        same_still(library.indexes, report.indexes)
        return {origin: library.family(origin) for origin in sorted(named)}


def _vain(plan: Plan) -> tuple[str, ...]:
    """What is denied by a name, no glob, that nothing in the indexes has, as by a slip of the pen:
    it would never fail."""
    policy = plan.policy
    if not (policy.deny_organisation or policy.deny_country or policy.deny_family):
        return ()
    from provenance.library import Library

    with Library(indexes(plan)) as library:
        facts = [one for index in library.indexes for one in index.origins()]
    known = {
        "organisation": {one.family.organisation or "" for one in facts},
        "country": {one.family.country or "" for one in facts},
        "family": {name for one in facts for name in names_of(one.name, one.family)},
    }
    told = []
    for key, names in known.items():
        folded = {name.casefold() for name in names}
        wanted = dict.fromkeys(getattr(policy, f"deny_{key}"))
        missing = [one for one in wanted if one.casefold() not in folded and not is_glob(one)]
        short = sorted(one for one in names if len(one) <= _LONGEST_NEAR)[:_MOST_NEAR]
        for name in missing[:_MOST_VAIN]:
            near = _near(name, short)
            told.append(
                f"deny-{key} has {reprlib.repr(name)}, as no {key} in the indexes is called: "
                f"nothing is denied by it{f'; did you mean {near!r}?' if near else ''}"
            )
    return tuple(told)


def _near(name: str, names: Sequence[str]) -> str | None:
    """Which of some short names may have been meant, if any."""
    from difflib import SequenceMatcher, get_close_matches

    if len(name) > _LONGEST_NEAR:
        return None
    matcher = SequenceMatcher(None, "", name)
    shares = []
    for one in names:
        matcher.set_seq1(one)
        if matcher.real_quick_ratio() >= _LIKE:
            shares.append((matcher.quick_ratio(), one))
    likely = [one for share, one in nlargest(_MOST_LIKELY, shares) if share >= _LIKE]
    return next(iter(get_close_matches(name, likely, 1, _LIKE)), None)


def _notices(plan: Plan) -> str | Reason:
    """The text of the notices that the repository passes on, or why it cannot be read."""
    data = named_file(plan, "notices-file")
    if isinstance(data, Reason):
        return data
    text = plain_text(data or b"")
    if "\0" in text:
        (path,) = plan.places["notices-file"]
        return Reason(f"{shown(path)}: found a NUL character, expected text; save it as UTF-8")
    return text


def named_file(plan: Plan, key: str) -> bytes | Reason | None:
    """What stands in the file that a setting names, or why it cannot be read; None where there is
    no such file."""
    (path,) = plan.places[key]
    instead = f"name another with --{key}"
    data: bytes | str = read_file(path, _LONGEST, follow=True, instead=instead)
    if isinstance(data, bytes):
        return data
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode) and not os.path.exists(path):
            data = f"found a link that leads nowhere, expected a file; mend it or {instead}"
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        data = f"found a folder above it that may not be looked into; permit that or {instead}"
    except OSError:
        pass
    return Reason(f"{shown(path)}: {data}")


def check_notices(plan: Plan, notices: str, policy: tuple[str, str]) -> None:
    """That notices may be written, and the policy with what they declare.

    Args:
        plan: for all that the notices are for.
        notices: their text.
        policy: its path and text.

    Raises:
        UsageError: what stands there is not ours, would be lost, or is the policy, or what is to be
            written is longer than what is read.
    """
    (place,) = plan.places["notices-file"]
    known = named_file(plan, "notices-file")
    if isinstance(known, Reason):
        raise UsageError(known)
    if known is not None and not known.decode("utf-8-sig", "replace").startswith(MARK):
        raise UsageError(
            f"{place}: found notices that 'provenance notices' did not write, expected "
            "none or its own; name another file with --notices-file"
        )
    if left := _lost(plan, known or b"", notices):
        more = f" and {len(left) - 1:,} more" if left[1:] else ""
        raise UsageError(
            f"{place}: found notices of {shown(left[0])}{more}, which is not looked at here, "
            "expected none that would be lost; name another file with --notices-file, or take this "
            "one away"
        )
    if real_path(place) == real_path(policy[0]):
        raise UsageError(
            f"{place}: found the policy, where declarations are added, expected another file "
            "for the notices; name one with --notices-file"
        )
    for (path, text), most, remedy in (
        ((place, notices), LONGEST_FILE, "let the policy exclude what has notices of its own"),
        (policy, LONGEST, "declare folders by globs, by hand"),
    ):
        if (found := len(text.encode())) > most:
            raise UsageError(
                f"{shown(path)}: found {found:,} bytes to write, expected at most {most:,}, as no "
                f"more are read; {remedy}"
            )


def _lost(plan: Plan, known: bytes, notices: str) -> list[str]:
    """The files that notices of ours list, and those that will take their place do not, where they
    are there and a plan is not for them: as where two policies share a file of notices, or an
    archive is looked at within a repository."""
    gone = {*listings(plain_text(known))} - {*listings(notices)}
    there = {os.path.normpath(plan.notices_folder + name) for name, _ in gone}
    within: tuple[str, ...] = ()
    if os.path.isdir(plan.source):
        within = (plan.root,) if plan.only is None else plan.only
    inside_of = [shown(os.path.join(plan.root, one)) for one in within]
    return [
        os.path.relpath(path, plan.root)
        for path in sorted(there)
        if not any(is_inside(shown(path), one) for one in inside_of) and os.path.lexists(path)
    ]


def _check_licenses(plan: Plan) -> None:
    """A licence that is no SPDX identifier would never match, and say nothing."""
    from provenance.licenses import is_license

    for key in ("allow-license", "deny-license"):
        for name in getattr(plan.policy, key.replace("-", "_")):
            if not is_license(name):
                where = f"--{key}" if key in plan.called else f"{plan.file}: {key}"
                raise UsageError(
                    f"{where}: found {name!r}, expected an SPDX identifier "
                    "such as Apache-2.0, a glob such as GPL-*, or LicenseRef-NAME"
                )


def _today(given: str | None) -> str:
    """The day by which declarations expire: given, or SOURCE_DATE_EPOCH's, or today's, UTC."""
    if given:
        return checked_day(given, "today") or given
    seconds = _epoch()
    moment = datetime.fromtimestamp(time.time() if seconds is None else seconds, timezone.utc)
    return moment.date().isoformat()


def created() -> str | None:
    """When a report is made, as SOURCE_DATE_EPOCH says it; None without it: no clock is read."""
    seconds = _epoch()
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _epoch() -> int | None:
    """The seconds of SOURCE_DATE_EPOCH, None where it is not given, or beyond the year 9999."""
    said = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not said.isdecimal() or len(said) > 12 or int(said) > 253_402_300_799:
        return None
    return int(said)


# --- the baseline -------------------------------------------------------------------------


def _baseline(plan: Plan, fresh: bool) -> tuple[Entry, ...]:
    (path,) = plan.places["baseline"]
    data = named_file(plan, "baseline")
    if isinstance(data, Reason):
        raise UsageError(data)
    if data is not None:
        return read_ledger(data.decode("utf-8-sig", "replace"), path)
    if "baseline" in plan.given and not fresh:
        raise UsageError(
            f"{path}: found no baseline, expected the one that is configured; write it with "
            "'provenance audit --write-baseline'"
        )
    return ()


def baseline_text(plan: Plan, done: Done, reason: str) -> str:
    """The baseline that accepts all that fails now."""
    day = _today(plan.policy.today)
    return ledger_text(accepted(done.audit.rulings, done.held, day, reason))


# --- declaring ----------------------------------------------------------------------------


def with_stanzas(plan: Plan, said: Audit, reason: str) -> tuple[str, str, str]:
    """Where declarations of what fails go, what stands there, and the declarations.

    Raises:
        UsageError: they cannot be added at the end of the file.
    """
    from provenance.report.notices import stanzas

    file = plan.file
    if file is None:
        project = os.path.join(plan.root, PROJECT_FILE)
        file = project if os.path.isfile(project) else os.path.join(plan.root, OWN_FILE)
    if is_inside(file, plan.root):
        found = f"found a link at the place of the policy, {shown(file)}"
        inside(file, plan.root, found, "name its target with --config")
    in_project = os.path.basename(file) == PROJECT_FILE
    head = "tool.provenance.declared" if in_project else "declared"
    before = ""
    if os.path.isfile(file):
        with open(file, encoding="utf-8", newline="") as opened:
            before = opened.read().rstrip("\n")
        before += "\n\n" if before else ""
    added = stanzas(said, plan.prefix, reason, head)
    if added:
        try:
            parsed((before + added).removeprefix("\ufeff"), file)
        except UsageError as error:
            raise UsageError(
                f"{file}: found a policy to whose end no [[{head}]] can be added, as where it is "
                f"written inline; add them by hand, or write it as [tool.provenance]\n\n{added}"
            ) from error
    return file, before, added
