"""terminal: what every command shares: options, messages and exit codes, files written whole, a
progress bar. Imports nothing heavy."""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance.errors import (
    LEAST_DEPTH,
    LEAST_MEMORY,
    ClusterError,
    ExitCode,
    ProvenanceError,
    UsageError,
)
from provenance.regular import read_file, real_path

if TYPE_CHECKING:
    from provenance.model import Report
    from provenance.workers import Bounds

_Command = TypeVar("_Command", bound=Callable[..., Any])


_WRITING = ("output", "html", "bundle")


class Command(click.Command):
    """A command whose reports are all written: of an option that is given twice click takes the
    last."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments, after a look at what is named twice."""
        if not ctx.resilient_parsing:
            values, _, given = self.make_parser(ctx).parse_args(args=list(args))
            for one in given:
                if one.name in _WRITING:
                    no_dash(
                        values[one.name],
                        one.opts[0],
                        chosen=any(option.name == "format_" for option in self.params),
                    )
                single = one.name in _WRITING and not getattr(one, "multiple", False)
                if single and given.count(one) > 1:
                    raise UsageError(
                        f"{one.opts[0]}: found it given {given.count(one)} times, expected it "
                        "once, as one file alone would be written; call once for each"
                    )
        return super().parse_args(ctx, args)


def no_dash(value: object, option: str, *, chosen: bool = False) -> None:
    """That no file named ``-`` is written where the output is meant; ``chosen`` is whether the form
    of what goes there is.

    Raises:
        UsageError: it would be.
    """
    if "-" not in (value if isinstance(value, (tuple, list)) else (value,)):
        return
    instead = "name one"
    if option == "--html" and chosen:
        instead = "write the page alone to the output with --format html"
    elif option == "--output" and chosen:
        instead = "leave it out, and what --format says goes to the output"
    raise UsageError(
        f"-: found it behind {option}, where it is no output but the name of a file, expected "
        f"another name; {instead}, or write ./- for a file of this name"
    )


_STACK = 8 << 20  # bytes of a thread, whatever ulimit -s says: all count that are set aside
_THREADS_OF_A_JOB = 8 * _STACK
_TIMES_A_FILE = 60  # so long may this process take
_LATER = 60.0  # seconds


class Held(Command):
    """A command that reads what nobody vouches for. This process, which gathers what workers find,
    is held to memory and time as well, so that all comes to an end, whatever is read."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            ProvenanceError: it takes too long, or too much memory.
        """
        from provenance.workers import BOUNDS, held

        if _is_in_a_program():
            return super().invoke(ctx)
        usual = threading.stack_size(_STACK)
        try:
            with held(BOUNDS.memory), _hurried(ctx):
                hold(limits())
                return super().invoke(ctx)
        except MemoryError:
            raise ProvenanceError(f"out of memory; {_less(ctx, 'jobs', 'memory')}") from None
        finally:
            threading.stack_size(usual)


def _less(ctx: click.Context, *wanted: str) -> str:
    """What to do where this process would take too much, with options that the command has."""
    has = {one.name for one in ctx.command.params}
    ways = ["scan less at once" + " with --include" * ("include" in has)]
    ways += [_WAYS[one] for one in wanted if one in has]
    return ", or ".join(ways)


_WAYS = {
    "jobs": "use --jobs 1",
    "memory": "raise --memory, where that is what holds it",
    "timeout": f"raise --timeout: this process has {_TIMES_A_FILE} times as long as a file",
}


def hold(bounds: Bounds) -> None:
    """Let this process, which runs a command that is ``Held``, take sixty times as long as a file
    may, and as much memory, but no less than without ``bounds``; an eighth of a gigabyte more for
    each processor.

    Raises:
        ProvenanceError: the system does not let it be bounded.
    """
    from provenance.workers import BOUNDS, bound

    if _is_in_a_program():
        return
    bound(max(bounds.memory, BOUNDS.memory) + 2 * cores() * _THREADS_OF_A_JOB)
    meta = click.get_current_context().meta
    if _SECONDS in meta:
        meta[_SECONDS] = _TIMES_A_FILE * max(bounds.seconds, BOUNDS.seconds)
        # again, where nobody let the interruption out
        signal.setitimer(signal.ITIMER_PROF, meta[_SECONDS], _LATER)


def _is_in_a_program() -> bool:
    """Whether this is no process of ours, but a thread of one, which may have others."""
    return threading.current_thread() is not threading.main_thread()


_SECONDS = "provenance.seconds"


@contextmanager
def _hurried(ctx: click.Context) -> Iterator[None]:
    """For as long as it lasts, interrupt this process where it takes more time of processors than
    ``hold`` says, its workers apart; but on Windows, and where a profiler runs.

    Raises:
        ProvenanceError: it was interrupted.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.getsignal(signal.SIGPROF)
    if before not in (signal.SIG_DFL, signal.SIG_IGN):
        yield
        return

    from provenance.aside import waits

    late = False

    def end(*_: object) -> None:
        nonlocal late
        late = True
        if not waits():
            raise KeyboardInterrupt

    ctx.meta[_SECONDS] = 0.0
    signal.signal(signal.SIGPROF, end)
    try:
        yield
    except KeyboardInterrupt:
        if not late:
            raise
        raise ProvenanceError(
            f"found work that takes this process more than {ctx.meta[_SECONDS]:,.0f} seconds, that "
            f"of its workers apart, expected less; {_less(ctx, 'timeout')}"
        ) from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


_HELP = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What click raises where a command of commands is named alone, since its release 8.2: the help,
of which each line is one."""


class Group(click.Group):
    """Shows our errors as one message without traceback, with our exit codes."""

    command_class = Command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **options: Any,
    ) -> click.Context:
        """Read the command line, which writes where help or the version is asked for."""
        with _told():
            if parent is None:
                _check_empty(args)
                _check_names(args)
            return super().make_context(info_name, args, parent, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _told(), _ended_by_signals():
            _check_memory()
            return super().invoke(ctx)


def _check_empty(arguments: list[str]) -> None:
    """Nothing is looked for where a variable of the shell says nothing: an empty name would be that
    of no file, of the folder it is started in, or for none given, as of a policy."""
    for at, one in enumerate(arguments):
        if not one or re.fullmatch("--[a-z-]+=", one):
            where = f"behind {arguments[at - 1]}" if not one and at else one or "in front"
            raise UsageError(
                f"found an empty argument ({where}), expected a name or a value; give it one, or "
                "leave it out; a variable may not be set"
            )


def _check_names(arguments: list[str]) -> None:
    """No file is taken for an option: a shell puts the names of files where ``*.py`` stands."""
    if "--" in arguments:
        return
    for one in arguments:
        if len(one) > 1 and one[0] == "-" and os.path.lexists(one):
            raise UsageError(
                f"{one}: found a file of this name here, expected an option; put -- before names "
                "of files, or start elsewhere"
            )


def _check_memory() -> None:
    """That the address space suffices to load libraries: where it does not, OpenBLAS ends the
    process with 1, or tries without end."""
    if sys.platform == "win32":
        return
    import resource

    granted = resource.getrlimit(resource.RLIMIT_AS)[0]
    if granted != resource.RLIM_INFINITY and granted < LEAST_MEMORY:
        raise ProvenanceError(
            f"found that processes may take {granted >> 20} MB here, expected at least "
            f"{LEAST_MEMORY >> 20}; let this user have more (ulimit -v)"
        )


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong is one message and an exit code of ours."""
    _never_strict()
    if sys.stdout is None:  # closed: what is opened next would take its place
        click.echo(
            "provenance: found no output to write to, expected one; give it one, as '> /dev/null'",
            err=True,
        )
        raise click.exceptions.Exit(ExitCode.NOT_COMPLETED)
    try:
        yield
    except (click.exceptions.Exit, click.Abort):
        raise
    except click.ClickException as wrong:  # click ends with 1 where it cannot be written
        shown = io.StringIO()  # names of files are in it, where a shell put them there
        if not isinstance(wrong, _HELP):
            vars(wrong)["message"] = wrong.message.replace("\n", "\\n")
        wrong.show(shown)
        with suppress(OSError):
            click.echo(printable(shown.getvalue()), err=True, nl=False)
        _let_go()
        raise click.exceptions.Exit(wrong.exit_code) from None
    except ProvenanceError as error:
        code, said = error.exit_code, str(error)
    except KeyboardInterrupt:
        code, said = ExitCode.NOT_COMPLETED, "interrupted; nothing is written by half"
    except MemoryError:
        code = ExitCode.NOT_COMPLETED
        said = "out of memory; free some, or work on less at once"
    except BrokenPipeError:  # the reader went away, as with | head
        _let_go()
        raise click.exceptions.Exit(ExitCode.NOT_COMPLETED) from None
    except OSError as error:
        code, said = ExitCode.NOT_COMPLETED, _refused(error)
    except Exception as error:
        code, said = ExitCode.NOT_COMPLETED, _lacking(error)
        if not said:
            from traceback import format_exc

            with suppress(OSError):
                click.echo(printable(format_exc()), err=True, nl=False)
            said = "a fault of ours, please tell us with what input (SECURITY.md)"
    else:
        return
    with suppress(OSError, MemoryError):  # it cannot be told, but by the code
        click.echo(f"provenance: {printable(said)}", err=True)
    _let_go()
    raise click.exceptions.Exit(code)


def _let_go() -> None:
    """Of what cannot be written: Python would try again when it ends, and end with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _refused(error: OSError) -> str:
    """What the system does not do, where nobody nearer to it says what it was for."""
    why = error.strerror or str(error)
    if isinstance(error.filename, (str, bytes)):  # it may be a number, of what is open
        return (
            f"{os.fsdecode(error.filename)}: found no way to read or write it ({why}), expected a "
            "name of what is there, room and permission; look at the name, the disk and its rights"
        )
    try:
        os.getcwd()
    except OSError:
        return (
            f"found that the folder this was started in is gone or may not be read ({why}), "
            "expected one; start in a folder that is still there"
        )
    return (
        f"found that the system does not do what is needed ({why}), expected memory, open files, "
        "disks that work and room for the output; free some, look at its log, and begin again"
    )


def _lacking(error: Exception) -> str:
    """What the system or the interpreter does not grant, where that is what is wrong."""
    if isinstance(error, RecursionError) and sys.getrecursionlimit() < LEAST_DEPTH:
        return (
            f"found that calls may be {sys.getrecursionlimit()} deep here, expected at least "
            f"{LEAST_DEPTH:,}, as Python begins with; raise it with sys.setrecursionlimit"
        )
    scarce = ("failed to map", os.strerror(errno.ENOMEM))
    if isinstance(error, ImportError) and any(one in str(error) for one in scarce):
        return "out of memory, a library cannot be loaded; let this user have more (ulimit -v)"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return (
            f"{error}: let this user have more processes (ulimit -u), end some, or use fewer --jobs"
        )
    return ""


def _never_strict() -> None:
    """What a terminal or a pipe of another encoding cannot show is written as an escape: a name
    of a scanned tree must not end the work. And what does not wait for its reader is made to: a
    report would be cut off where that is slow; or, where nothing is buffered (PYTHONUNBUFFERED),
    where its reader goes away or its disk is full, and nobody would say so."""
    if sys.stderr is None:  # closed: nobody listens
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(bare := getattr(sys.stdout, "buffer", None), io.RawIOBase):
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(bare), sys.stdout.encoding, sys.stdout.errors, write_through=True
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
        with suppress(AttributeError, OSError, ValueError):
            os.set_blocking(stream.fileno(), True)


_LONGEST_MADE = 10_000_000  # bytes: a longer baseline is not read, nor are longer notices
_OTHERWISE_TOLD = (
    ProvenanceError,
    OSError,
    MemoryError,
    click.ClickException,
    click.Abort,
    click.exceptions.Exit,
)
"""What is no interruption, whoever was told to end meanwhile."""


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Being told to end is like Ctrl-C: what was begun is cleared away, and it is said."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    from provenance.aside import waits

    before: dict[signal.Signals, Any] = {}
    told, usual_hook = set[signal.Signals](), sys.unraisablehook

    def end(*_: object) -> None:
        for number in before:  # another one does not disturb the clearing away
            signal.signal(number, signal.SIG_IGN)
        told.update(before)
        if not waits():
            raise KeyboardInterrupt

    def again(swallowed: Any) -> None:
        """Python lets nothing out of what it calls when an object goes: it is interrupted after."""
        if not told or swallowed.exc_type is not KeyboardInterrupt:
            usual_hook(swallowed)
            return
        for number in told:
            signal.signal(number, end)
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, end)
            signal.setitimer(signal.ITIMER_REAL, 0.01)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        usual = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
        if number is not None and signal.getsignal(number) == usual:
            before[number] = signal.signal(number, end)
    sys.unraisablehook = again
    try:
        yield
    except Exception as error:
        # a library of C that was being loaded made another error of it, or Java was told to end too
        if told and (isinstance(error, ClusterError) or not isinstance(error, _OTHERWISE_TOLD)):
            raise KeyboardInterrupt from None
        raise
    finally:
        sys.unraisablehook = usual_hook
        if told and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        if not told:
            for number, handler in before.items():
                signal.signal(number, handler)


def printable(text: str) -> str:
    """Text of a scanned tree, line by line as a terminal may see it."""
    from provenance.report.text import safe

    return "\n".join(safe(line) for line in text.split("\n"))


def options(*wanted: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Several options as one decorator, shown in this order."""

    def add(command: _Command) -> _Command:
        for option in reversed(wanted):
            command = option(command)
        return command

    return add


def _keep(ctx: click.Context, option: click.Parameter, value: float | int | None) -> None:
    """Keep the value of an option for ``limits``."""
    if value is not None:
        ctx.meta[f"provenance.{option.name}"] = value


FILES = options(
    click.option(
        "--include", multiple=True, metavar="GLOB", help="Only these files, e.g. 'models/{a,b}/*'."
    ),
    click.option("--exclude", multiple=True, metavar="GLOB", help="Not these files."),
)


BOUNDS = options(
    click.option(
        "--timeout",
        type=click.FloatRange(min=0.1),
        metavar="SECONDS",
        expose_value=False,
        callback=_keep,
        help="Give a file up that takes longer.  [default: 60]",
    ),
    click.option(
        "--memory",
        type=click.IntRange(min=300),
        metavar="MB",
        expose_value=False,
        callback=_keep,
        help="Give a file up that needs more.  [default: 4000]",
    ),
)


def limits() -> Bounds:
    """What the work on a file may take, as the command line says."""
    from provenance.workers import BOUNDS as usual
    from provenance.workers import Bounds

    given = click.get_current_context().meta
    return Bounds(
        seconds=given.get("provenance.timeout", usual.seconds),
        memory=given.get("provenance.memory", usual.memory // 10**6) * 10**6,
    )


def say_lacking(report: Report, sources: Mapping[str, str], remedy: str = "") -> None:
    """Of how many scanned files with findings there is no text, if of any."""
    lacking = len({finding.suspect.path for finding in report.findings} - sources.keys())
    if lacking:
        click.echo(
            f"provenance: the text of {lacking} scanned file{'s' * (lacking > 1)} with findings is "
            f"gone or has changed: only its places are in the report{remedy}",
            err=True,
        )


def contents(*paths: str) -> tuple[bytes | None, ...]:
    """What stands in files that will be replaced by what is made of it; None where nothing can be
    read, or more than is ever made."""
    found = (read_file(path, _LONGEST_MADE, follow=True) for path in paths)
    return tuple(None if isinstance(one, str) else one for one in found)


def check_same(before: tuple[bytes | None, ...], *paths: str) -> None:
    """That nobody else has written files since their ``contents`` were looked at.

    Raises:
        ProvenanceError: somebody has, whose work would be lost.
    """
    for path, was, now in zip(paths, before, contents(*paths), strict=True):
        if was != now:
            raise ProvenanceError(
                f"{path}: found that it was changed while this ran, expected nobody else to write "
                "it at the same time; run it again"
            )


def write_whole(path: Path, content: str | bytes, option: str = "--output") -> None:
    """Write a file whole or not at all."""
    from provenance.aside import behind, keep_mode

    if not path.parent.is_dir():
        raise UsageError(
            f"{path}: found no folder {path.parent}, expected one that exists; make it, or name "
            f"another with {option}"
        )
    data = content.encode() if isinstance(content, str) else content
    if (descriptor := open_as(path)) is not None:  # /dev/stdout: others write there too
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        while data:
            data = data[os.write(descriptor, data) :]
        return
    if not path.name or (path.exists() and not path.is_file()):  # a device or pipe: not replaced
        raise UsageError(
            f"{path}: found something there that is no file, expected the name of one; name "
            f"another with {option}"
        )
    check_place(path, option)
    _check_name(path, option)
    try:
        whole = behind(path)
        # The name may be as long as one can be; that of the temporary file nobody can know before,
        # and what has it all the same is not written to.
        temporary = whole.with_name(f".provenance.{os.urandom(8).hex()}.part")
        try:
            with temporary.open("xb") as opened:
                keep_mode(whole, temporary)
                opened.write(data)
            os.replace(temporary, whole)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ProvenanceError(
            f"{path}: found no way to write it ({error.strerror or error}), expected room and "
            f"permission; name another place with {option}"
        ) from error


def _check_name(path: Path, option: str) -> None:
    """That nothing but notices has the name of a notice file: its lines name the families of what
    it tells, which the next scan would read as declared.

    Raises:
        UsageError: it has.
    """
    from provenance.notices import is_notice

    names = (path.name, os.path.basename(real_path(path)))
    if option != "--notices-file" and any(map(is_notice, names)):
        raise UsageError(
            f"{path}: found the name of a notice file, expected another, as what it names would "
            f"count as declared by it; name one with {option}"
        )


def write_bytes(data: bytes) -> None:
    """Write to the output just these bytes. ``click`` tries whether text can be written there,
    before which some encodings put a mark."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def check_place(path: Path, option: str) -> None:
    """That a name in a repository, which may have brought links, is no link and behind none; and
    that no code stands there, which nothing of ours is written over.

    Raises:
        UsageError: it is not.
    """
    from provenance.policy import repository_root

    named = Path(os.getcwd(), path)  # ``..`` stays: behind a link it is where that leads
    real = Path(real_path(named))
    for place in (named, *named.parents):
        if not os.path.islink(place):
            continue
        if root := repository_root(real_path(place.parent)):
            raise UsageError(
                f"{path}: found a link in the repository {root}, which is not followed, as anyone "
                f"may have brought it; name its target, {real}, with {option}"
            )
    if {path.suffix.lower(), real.suffix.lower()} & {".py", ".ipynb"} and path.exists():
        raise UsageError(
            f"{path}: found code there, expected a file that may be written; it would be lost: "
            f"name another with {option}"
        )


def open_as(path: Path) -> int | None:
    """The descriptor, that of the output or of errors or one named by its number, under which a
    path is open to be written here; None for none."""
    is_number = path.parent.name == "fd" and path.name.isdecimal() and len(path.name) < 10
    named = [int(path.name)] if is_number else []
    for descriptor in (1, 2, *named):
        with suppress(OSError, OverflowError):
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
    return None


def cores() -> int:
    """The processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on the error stream, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    try:
        from tqdm import tqdm
    except ValueError as error:
        raise UsageError(
            f"found a variable TQDM_... that is none of its settings ({error}), expected a number; "
            "correct it, or unset it"
        ) from error

    tqdm.monitor_interval = 0  # no thread beside ours
    # whatever variables TQDM_... say of these, which are no numbers
    ours: dict[str, Any] = {"file": sys.stderr, "lock_args": None, "write_bytes": False}
    with tqdm(desc=what, unit="file", leave=False, dynamic_ncols=True, **ours) as bar:

        def show(done: int, total: int) -> None:
            if done < bar.n or total != bar.total:
                bar.reset(total)
            bar.update(done - bar.n)

        yield show
