"""The commands of the audit step, ``audit`` and ``notices``: thin, like all of the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from provenance.errors import ExitCode, ProvenanceError, UsageError
from provenance.settings import SETTINGS, Setting
from provenance.terminal import (
    Held,
    check_same,
    contents,
    cores,
    hold,
    no_dash,
    open_as,
    options,
    printable,
    progress_bar,
    say_lacking,
    write_whole,
)

if TYPE_CHECKING:
    from provenance.model import Audit
    from provenance.planning import Plan
    from provenance.report.formats import Texts

AUDIT_CODES = """\b
Exit codes
  0  clean
  1  failures
  2  the command line or the configuration is wrong
  3  not completed; the message says why
"""

NOTICES_CODES = AUDIT_CODES.replace("  0  clean\n  1  failures\n", "  0  done\n")


def _option(setting: Setting) -> Callable[..., Any]:
    """A setting as an option with its variable."""
    named: dict[str, Any] = {"envvar": setting.variable, "help": setting.help}
    flag = f"--{setting.key}"
    if setting.kind == "flag":
        if not setting.key.startswith("no-"):
            flag += f"/--no-{setting.key}"
        return click.option(flag, setting.name, default=None, is_flag=True, **named)
    if setting.kind == "choice":
        named["type"] = click.Choice(setting.choices)
    elif setting.kind == "number":
        named["type"] = click.IntRange(min=setting.least)
    if setting.kind != "choice":
        named["metavar"] = setting.metavar
    return click.option(flag, setting.name, multiple=setting.kind == "texts", **named)


_CONFIG = click.option(
    "--config",
    envvar="PROVENANCE_CONFIG",
    metavar="FILE",
    help="The policy, instead of the nearest pyproject.toml or provenance.toml.",
)
_REPORTS = ("output", "bundle")
_SETTINGS = options(*(_option(setting) for setting in SETTINGS), _CONFIG)
_SCANNING = options(*(_option(one) for one in SETTINGS if one.key not in _REPORTS), _CONFIG)


def _called(context: click.Context) -> set[str]:
    """The names of what the command line has."""
    from click.core import ParameterSource

    named = context.get_parameter_source
    return {name for name in context.params if named(name) is ParameterSource.COMMANDLINE}


def _given(context: click.Context, values: dict[str, Any]) -> dict[str, Any]:
    """The settings of the command line, else of the environment, checked."""
    from click.core import ParameterSource

    from provenance.release import checked_day

    given = {}
    for setting in SETTINGS:
        source = context.get_parameter_source(setting.name)
        if source not in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT):
            continue
        value = values[setting.name]
        if value is None or value in ((), ""):
            continue
        if setting.key in _REPORTS:
            no_dash(value, f"--{setting.key}")
        given[setting.name] = (
            checked_day(value, f"--{setting.key}") if setting.kind == "day" else value
        )
    return given


@click.command(cls=Held, epilog=AUDIT_CODES)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@_SETTINGS
@click.option("--init", is_flag=True, help="Write a commented policy to begin with.")
@click.option("--write-baseline", is_flag=True, help="Accept all that fails now.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the new entries.")
@click.pass_context
def audit(
    context: click.Context,
    /,
    paths: tuple[str, ...],
    config: str | None,
    init: bool,
    write_baseline: bool,
    reason: str,
    **values: Any,
) -> None:
    """Fail where code of others is not declared, or not allowed.

    PATHs are files and folders of one repository, the current folder if none is given. All
    options down to --memory are keys of [tool.provenance] in pyproject.toml, or of provenance.toml,
    and variables PROVENANCE_KEY, in which blanks part several values. Globs start at the policy's
    folder; of one from outside of the repository at the root of that.

    \b
    Examples
      provenance audit --init
      provenance audit
      provenance audit src --deny-country KR --output report.json
      provenance audit --write-baseline --reason "before the audit step"
    """
    from provenance.auditing import audit as run
    from provenance.auditing import baseline_text, bounds
    from provenance.planning import planned
    from provenance.report.audit import audit_text
    from provenance.report.formats import format_of

    if init:
        if config or len(paths) > 1 or _called(context) - {"paths", "init"}:
            raise UsageError(
                "--init: found it beside another option, PROVENANCE_CONFIG or several paths, "
                "expected one folder at most; begin a policy first, then audit"
            )
        _init(paths)
        return
    plan = planned(paths, config=config, settings=_given(context, values))
    hold(bounds(plan.policy))
    _tell_what_is_no_code(paths)
    for key in _REPORTS:
        for place in plan.places[key]:
            if open_as(Path(place)) == 1:
                raise UsageError(
                    f"{place}: found the output, where the outcome is told, expected a file; name "
                    f"one with --{key}"
                )
    outputs = plan.places["output"]
    for path in outputs:
        format_of(path)  # before the work is done
    (path,) = plan.places["baseline"]
    before = contents(path) if write_baseline else ()
    with progress_bar("Auditing") as progress:
        done = run(plan, jobs=plan.policy.jobs or cores(), progress=progress, fresh=write_baseline)
    said = done.audit
    failed = _write_all(replace(plan, only=done.only), said)
    shown = replace(said, incomplete=(*said.incomplete, *failed))
    accepted, lost = write_baseline and not said.incomplete, None
    if accepted:
        try:
            check_same(before, path)
            write_whole(Path(path), baseline_text(plan, done, reason), "--baseline")
        except (ProvenanceError, OSError) as error:  # what fails is told all the same
            accepted, lost = False, error
    if accepted:
        count = len(said.failures)
        click.echo(
            f"{printable(os.path.relpath(path))}: {count:,} accepted, {len(done.held):,} kept"
        )
    else:
        click.echo(audit_text(shown, width=_columns()), nl=False)
        if write_baseline and lost is None:
            click.echo("provenance: the baseline was not written: not complete", err=True)
    for message in (*done.vain, *failed):
        click.echo(f"provenance: {printable(message)}", err=True)
    if lost is not None:
        raise lost
    if failed:
        sys.exit(ExitCode.NOT_COMPLETED)
    if said.failures and not accepted:
        sys.exit(ExitCode.FINDINGS)
    if said.incomplete:
        sys.exit(ExitCode.NOT_COMPLETED)


def _tell_what_is_no_code(paths: tuple[str, ...]) -> None:
    """That a file which is named, as by a hook, is neither Python nor a notebook by its name, nor
    an archive: nothing of it is looked at, and no report has it."""
    from provenance.planning import no_code

    for path in no_code(paths):
        click.echo(
            f"provenance: {printable(path)}: found neither a .py file nor a notebook, expected "
            "one, or a folder: it is not looked at",
            err=True,
        )


def _columns() -> int:
    import shutil

    return min(shutil.get_terminal_size((80, 24)).columns, 120)


def _write_all(plan: Plan, audit: Audit) -> list[str]:
    """Write every report that is wanted, whatever becomes of the others; the messages of those
    that could not be."""
    from provenance.report.formats import format_of

    failed: list[str] = []
    wanted = [(Path(path), format_of(path)) for path in plan.places["output"]]
    quotes: set[str] = {one.quotes for _, one in wanted}
    if plan.places["bundle"]:
        quotes.add("texts")
    try:
        texts = _texts(plan, audit, quotes)
    except ProvenanceError as error:  # the source went away: reports that quote it say so
        from provenance.report.formats import Texts

        texts = Texts()
        failed.append(str(error))
    jobs: list[tuple[Path, Callable[[], str | bytes], str]] = [
        (path, partial(one.write, audit, texts), "--output") for path, one in wanted
    ]
    for place in plan.places["bundle"]:
        jobs.append((Path(place), partial(_bundled, plan, audit, texts), "--bundle"))
    for path, made, option in jobs:
        try:
            write_whole(path, made(), option)
        except ProvenanceError as error:
            failed.append(str(error))
        except OSError as error:
            failed.append(
                f"{path}: found no way to write it ({error.strerror or error}), expected room and "
                f"permission; name another place with {option}"
            )
    return failed


def _bundled(plan: Plan, audit: Audit, texts: Texts) -> bytes:
    from provenance.bundle import Call, bundled
    from provenance.planning import under

    include = under(plan.prefix, plan.policy.include)
    exclude = under(plan.prefix, plan.policy.exclude)
    return bundled(audit, texts, Call(include, exclude, plan.only))


def _texts(plan: Plan, audit: Audit, quotes: set[str]) -> Texts:
    """What the wanted formats quote; nothing is read again where none does."""
    from provenance.auditing import bounds, created
    from provenance.planning import under
    from provenance.report.formats import Texts
    from provenance.sides import reference_texts, suspect_contents, suspect_texts

    include = under(plan.prefix, plan.policy.include)
    exclude = under(plan.prefix, plan.policy.exclude)
    report, texts = audit.report, Texts(created=created())
    if "texts" in quotes:
        limits = bounds(plan.policy)
        suspects = suspect_texts(report, include=include, exclude=exclude, limits=limits)
        say_lacking(report, suspects)
        references = reference_texts(report, limits=limits)
        texts = replace(texts, suspects=suspects, references=references)
    if "bytes" in quotes:
        contents = suspect_contents(report, include=include, exclude=exclude)
        texts = replace(texts, contents=contents)
    return texts


def _init(paths: tuple[str, ...]) -> None:
    """Add a policy to the project's file, or begin one of its own."""
    from provenance.planning import inside
    from provenance.policy import OWN_FILE, PROJECT_FILE, find, repository_root
    from provenance.settings import starting

    folder = os.path.abspath(paths[0] if paths else ".")
    if not os.path.isdir(folder):
        raise UsageError(f"{folder}: found no folder, expected that of the project")
    own, project = os.path.join(folder, OWN_FILE), os.path.join(folder, PROJECT_FILE)
    if find(folder) in (own, project):
        raise UsageError(f"{find(folder)}: found a policy already; change it by hand")
    place = project if os.path.isfile(project) else own
    bound = repository_root(folder) or folder
    inside(place, bound, f"found a link, {printable(place)}", "write the policy by hand")
    if place == project:
        with open(project, encoding="utf-8", newline="") as opened:  # its line ends stay
            text = opened.read()
        added = text.rstrip("\n") + "\n\n" + starting()
        write_whole(Path(project), added, "PATH")
        click.echo(f"{printable(os.path.relpath(project))}: [tool.provenance] added")
    else:
        write_whole(Path(own), starting(""), "PATH")
        click.echo(f"{printable(os.path.relpath(own))}: written")
    where = os.path.relpath(folder)
    said = "" if where == os.curdir else f" {quote(where if where[0] != '-' else f'./{where}')}"
    click.echo(f"next: provenance audit{printable(said)}")


@click.command(cls=Held, epilog=NOTICES_CODES)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@_SCANNING
@click.option("--write", is_flag=True, help="Write the notices, and declare in the policy.")
@click.option(
    "--reason",
    default="adapted, attributed in the notices",
    show_default=True,
    metavar="TEXT",
    help="Why it may stand, for the declarations.",
)
@click.pass_context
def notices(
    context: click.Context,
    /,
    paths: tuple[str, ...],
    config: str | None,
    write: bool,
    reason: str,
    **values: Any,
) -> None:
    """Write the notices and declarations that an audit of PATHs calls for.

    Prints the attribution of all that was borrowed, the comment for the head of each file, and
    the declarations of what fails. With --write the first goes to the notices file, beside that
    of what is declared elsewhere, and the last to the policy. Look at them: that something is
    declared makes it neither true nor lawful.

    \b
    Examples
      provenance notices
      provenance notices --write --reason "adapted from the model's own code"
    """
    from provenance.auditing import audit as run
    from provenance.auditing import bounds, check_notices, with_stanzas
    from provenance.given import text_of
    from provenance.planning import planned, widened
    from provenance.report.notices import beyond, headers, notices_text
    from provenance.report.rules import undated

    text_of("--reason", reason)
    given = _given(context, values)
    plan = planned(paths, config=config, settings=given)
    hold(bounds(plan.policy))
    _tell_what_is_no_code(paths)
    (place,) = plan.places["notices-file"]
    read = (place, *filter(None, [plan.file]))
    before = contents(*read) if write else ()
    with progress_bar("Auditing") as progress:
        said = whole = run(plan, jobs=plan.policy.jobs or cores(), progress=progress).audit
    wide = widened(plan, bool(config), given) if write else None
    if wide is not None:  # or what other files need would be lost
        with progress_bar("Auditing all") as progress:
            whole = run(wide, jobs=plan.policy.jobs or cores(), progress=progress).audit
    incomplete = (*said.incomplete, *whole.incomplete)
    part = None if whole is said else {file.path for file in said.report.files}
    text = notices_text(whole, part, *plan.listed_from)
    policy, there, added = with_stanzas(plan, said, reason)
    comments = "".join(f"\n{path}\n\n{header}" for path, header in headers(said).items())
    if write:
        check_notices(wide or plan, text, (policy, there + added))
    if write and incomplete:  # what is missing may need notices, and may have them there
        click.echo("provenance: the notices were not written: not complete", err=True)
    elif write:
        check_same(before, *read)
        write_whole(Path(place), text, "--notices-file")
        if added:
            write_whole(Path(policy), there + added, "--config")
        click.echo(f"{printable(os.path.relpath(place))}: written")
        if added:
            click.echo(f"{printable(os.path.relpath(policy))}: declarations added")
    else:
        click.echo(printable(text), nl=False)
        if added:
            click.echo(f"\nDeclarations for {printable(os.path.relpath(policy))}:\n")
            click.echo(printable(added), nl=False)
    if comments:
        click.echo("\nComments for the heads of files:")
        click.echo(printable(comments), nl=False)
    if words := undated(said):
        click.echo(f"provenance: {printable(words)}", err=True)
    left = beyond(said, plan.prefix)
    if left:
        more = f" and {len(left) - 1:,} more" if left[1:] else ""
        click.echo(
            f"provenance: {printable(left[0])}{more}: found outside of {printable(plan.prefix)}, "
            "where paths of this policy begin, expected inside: not declared; move the policy to "
            "the root, or declare in one that stands there",
            err=True,
        )
    if incomplete:
        click.echo(f"provenance: not complete: {printable(incomplete[0])}", err=True)
    if left or incomplete:
        sys.exit(ExitCode.NOT_COMPLETED)
