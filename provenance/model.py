"""The nouns that flow between the stages. Nothing here imports anything of ours.

Conventions everywhere: suspect first, reference second; lines 1-based and inclusive;
bytes 0-based and half-open; shares, resemblance and containment in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UnitKind = Literal["module", "class", "function", "method", "nested"]
UseKind = Literal[
    "import",
    "subclass",
    "register",
    "from_pretrained",
    "from_config",
    "model_type",
    "checkpoint",
    "patch",
]
CloneType = Literal["type-1", "type-2", "type-3", "fragment"]
Verdict = Literal["clear", "common", "resembles", "derived"]
Attribution = Literal["declared", "declared elsewhere", "undeclared"]
Direction = Literal["older", "younger", "same", "unknown"]
DaySource = Literal["git", "given", "archive", "none"]
Rule = Literal["undeclared", "elsewhere", "origin", "license", "notice", "declaration", "allowed"]
Level = Literal["error", "warning", "note"]
Status = Literal["new", "known"]
Reason = Literal[
    "named",
    "as close",
    "lower",
    "below",
    "alone",
    "inside",
    "part",
    "not compared",
    "tiny",
    "hidden",
]


# --- what the source stage yields --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Release:
    """What a source says of itself: one release of one package, or a plain directory.

    ``date`` is an ISO day (``2025-10-14``) or ``None``; ``date_source`` says where it comes
    from: ``archive`` (newest member time), ``sdist`` (that of the release's source archive,
    where the wheel's is a constant), ``upload`` (day of publication), ``given`` (by hand),
    ``none``. Each is a day either way. ``license`` is the SPDX expression of the metadata where
    there is one, else its own words. ``sha256`` is that of the archive file, ``None`` for a
    directory. ``link`` is a template of public addresses of its lines.
    """

    package: str
    version: str | None = None
    license: str | None = None
    date: str | None = None
    date_source: str = "none"
    sha256: str | None = None
    purl: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One readable Python file or notebook.

    ``content`` is UTF-8 without BOM, every line end is ``\\n``, so that line numbers are those
    an editor shows; ``sha256`` is that of the bytes as found. ``cells`` is empty for a plain
    file; for a notebook it has ``(cell, line)``: the 1-based number of a code cell among *all*
    cells, and the 1-based line of ``content`` at which it starts.
    """

    path: str
    content: bytes
    sha256: str
    modified: str | None = None
    cells: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """A notebook as it was found, of which the code is not read yet: it may be anything, and is
    read where work is held to time and memory. ``most``: the bytes of Python it may have; the rest
    is as in ``SourceFile``."""

    path: str
    content: bytes
    sha256: str
    modified: str | None
    most: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not looked at, and why: what was found, expected, and the remedy."""

    path: str
    reason: str


OF_REFERENCE = "in the reference: "
"""What is said before why a file of the reference of a comparison was not read."""
NONE_WANTED = "found no file that these globs want, expected one; look at include and exclude"
"""Why a scan with globs looked at nothing."""


# --- what the parse stage yields ---------------------------------------------------------


class Unit(NamedTuple):  # a file has many, and these are made in a quarter of the time
    """A function, method, class or module body, as a span of its file's elements.

    ``start``/``stop`` are half-open positions in the arrays of ``Tokens``; ``parent`` is the
    position of the enclosing unit in ``Parsed.units`` (-1 for the module). A class spans its
    methods, a function its nested functions. The module spans the whole file, but its *body*
    is only what no function or class spans.
    """

    name: str
    kind: UnitKind
    start_line: int
    end_line: int
    start: int
    stop: int
    parent: int


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A file as the pre-order sequence of its normalised syntax tree, n elements in parallel.

    ``structure``: uint64[n], names, strings and numbers replaced by their kind.
    ``text``: uint64[n], the same with them as written, but the file's own family mark
    (``Llama`` in ``LlamaAttention``) replaced by one sign, see ``Parsed.mark``.
    ``kind``: uint8[n], the compact kind of the element; ``line``: uint32[n], 1-based.
    ``word``: uint64[n], hash of the element's own text, 0 where it has none.
    """

    structure: NDArray[np.uint64]
    text: NDArray[np.uint64]
    kind: NDArray[np.uint8]
    line: NDArray[np.uint32]
    word: NDArray[np.uint64]

    def __getitem__(self, part: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Tokens:
        """The elements at ``part``, in all five arrays."""
        return Tokens(
            self.structure[part], self.text[part], self.kind[part], self.line[part], self.word[part]
        )

    def __len__(self) -> int:
        return int(self.kind.size)


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """One parsed file.

    ``units[0]`` is the module. ``texts`` are those of its elements, ``hashes`` the ``Tokens.word``
    of each: uint64. ``mark`` is the name that most classes of the file begin with (``Glm4Moe``), or
    empty. ``error_lines`` are the lines at which syntax is broken.
    """

    units: tuple[Unit, ...]
    tokens: Tokens
    texts: tuple[bytes, ...]
    hashes: NDArray[np.uint64]
    mark: str
    error_lines: tuple[int, ...]

    @property
    def words(self) -> dict[bytes, int]:
        """The hash of each text."""
        return dict(zip(self.texts, self.hashes.tolist(), strict=True))


# --- what the sketch stage yields --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parameters:
    """All that decides a fingerprint. Stored in the index; those of the index rule.

    Units are compared by shingles of ``k`` consecutive elements of the structure view and of
    ``text_k`` of the text view. MinHash over the former has ``bands * rows`` permutations of
    datasketch's ``scheme`` from ``seed``. A winnowed fingerprint is the least of ``window``
    consecutive shingles of ``run`` elements (structure) or ``text_run`` elements (text); one
    that more than ``common`` units of an index hold proposes nobody. Structure tells little
    of a unit of fewer than ``large`` elements: it is found by its text only; one of fewer than
    ``small`` only by being equal; below ``tiny`` not at all. How they were chosen:
    benchmarks/README.md.
    """

    k: int = 8
    text_k: int = 5
    bands: int = 14
    rows: int = 3
    seed: int = 1
    scheme: str = "affine32"
    run: int = 16
    text_run: int = 8
    window: int = 8
    common: int = 64
    large: int = 40
    small: int = 20
    tiny: int = 5
    grammar: str = "tree-sitter-python 0.25.0"
    normalisation: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """The fingerprints of the m units of one file that are not tiny, in source order.

    ``unit``: intp[m], positions in ``Parsed.units``. ``text_digest``, ``structure_digest``:
    uint64[m], the latter 0 where the unit is not large, both where it is known to equal nothing.
    ``size``: intp[m], elements; ``outer``: intp[m], the row of the class whose member the unit is,
    -1 where it is no member.
    ``large``: intp[l], the rows of at least ``Parameters.large`` elements, with their
    ``band``: uint64[l, bands]. ``run``, ``text_run``: winnowed fingerprints of both views,
    each uint64[f] with the rows that own them, intp[f]: a method owns its own, its class only
    what is between the methods; a nested function leaves its own to the outermost one.
    """

    unit: NDArray[np.intp]
    text_digest: NDArray[np.uint64]
    structure_digest: NDArray[np.uint64]
    size: NDArray[np.intp]
    outer: NDArray[np.intp]
    large: NDArray[np.intp]
    band: NDArray[np.uint64]
    run: tuple[NDArray[np.uint64], NDArray[np.intp]]
    text_run: tuple[NDArray[np.uint64], NDArray[np.intp]]


@dataclass(frozen=True, slots=True)
class Family:
    """What origins of several packages implement, and who made it; None is not known."""

    name: str
    title: str
    organisation: str | None = None
    country: str | None = None


# --- what the index answers --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reference unit stands: the ``position``-th unit of the index's ``tree``, as one
    file of one release. ``date`` is the release's day."""

    tree: int
    position: int
    origin: str
    package: str
    version: str | None
    license: str | None
    date: str | None
    date_source: str
    link: str | None
    path: str
    name: str
    kind: UnitKind
    first_line: int
    last_line: int
    mark: str


@dataclass(frozen=True, slots=True)
class SuspectSeen:
    """Since when the scanned side of a finding, or a file that is a reference file, is as it is.

    ``source``: ``given`` by hand; ``git``, the history of the paired lines; ``archive``, its
    newest member; ``none``. Of git, ``day`` is that by which half of the lines had been committed,
    ``authored`` the same by the authors' clocks, ``earliest`` and ``latest`` the first and the last
    of any line by either clock, ``lines`` how many have a day, of ``of``. ``bounded``: lines may
    be older than the history that is here.
    """

    day: str | None
    source: DaySource
    authored: str | None = None
    earliest: str | None = None
    latest: str | None = None
    lines: int = 0
    of: int = 0
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """The reference file that a scanned file equals: byte for byte where ``exact``, else but for
    layout and comments. The first release that ships it, and its licence; ``versions`` are
    all indexed releases of the package that ship it, oldest first; ``also`` the other origins
    that have it. ``first_seen`` and ``absent_before`` are of its text, whatever its layout, and so
    is ``code``, a digest of 64 bits in hexadecimal digits, which tells it from other code. The
    others are as in a ``Reference`` and a ``Finding``; what it imports declares it not, for that is
    the reference's."""

    origin: str
    package: str
    version: str | None
    versions: tuple[str, ...]
    path: str
    license: str | None
    first_seen: str | None
    exact: bool
    also: tuple[str, ...]
    absent_before: str | None = None
    direction: Direction = "unknown"
    seen: SuspectSeen = SuspectSeen(None, "none")
    family: str = ""
    title: str = ""
    organisation: str | None = None
    country: str | None = None
    attribution: Attribution = "undeclared"
    declarations: tuple[Declaration, ...] = ()
    code: str = "0" * 16
    stated_licenses: tuple[str, ...] = ()


# --- what the align stage yields ---------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Which elements of a suspect unit are which of a reference unit, checked one by one.

    ``suspect``, ``reference``: intp[m], element positions inside the two units, pairwise
    equal in the structure view, ascending in ``suspect``; no position occurs twice on either
    side. ``same_text``: bool[m], whether the pair is equal in the text view too.
    ``suspect_size``, ``reference_size``: the numbers of elements of the two units.
    """

    suspect: NDArray[np.intp]
    reference: NDArray[np.intp]
    same_text: NDArray[np.bool_]
    suspect_size: int
    reference_size: int

    @property
    def matched(self) -> int:
        """How many elements are paired."""
        return int(self.suspect.size)

    @property
    def suspect_containment(self) -> float:
        """Share of the suspect's elements that are paired."""
        return self.matched / self.suspect_size if self.suspect_size else 0.0

    @property
    def reference_containment(self) -> float:
        """Share of the reference's elements that are paired."""
        return self.matched / self.reference_size if self.reference_size else 0.0

    @property
    def resemblance(self) -> float:
        """Paired elements over all elements of the two, a pair counted once (Jaccard)."""
        union = self.suspect_size + self.reference_size - self.matched
        return self.matched / union if union else 0.0


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of the suspect against lines of the reference, 1-based, inclusive."""

    suspect_start: int
    suspect_end: int
    reference_start: int
    reference_end: int


@dataclass(frozen=True, slots=True)
class Rename:
    """A name, or the part of names, that stands in the suspect for one of the reference."""

    reference: str
    suspect: str
    places: int


# --- what the attribute stage yields -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reference:
    """The reference side of a finding: the first place, in the named origin, of that code.

    ``first_seen`` is the ISO day of the first indexed release, of any origin, that ships this
    very unit, ``None`` where no release with it has a date; it is a day either way.
    ``absent_before`` is the day of the last indexed release of the package that is older and
    does not ship it: what is between the two days is not known. ``title`` is the family's human
    name. ``link`` is a public address of the lines. ``license`` is the release's,
    ``stated_licenses`` the first eight that the very file states.
    """

    origin: str
    package: str
    version: str | None
    path: str
    name: str
    start_line: int
    end_line: int
    license: str | None
    first_seen: str | None
    date_source: str
    absent_before: str | None
    family: str
    title: str
    organisation: str | None
    country: str | None
    link: str | None
    stated_licenses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CellPlace:
    """Where lines of a notebook stand: 1-based cells, and 1-based lines inside them."""

    start_cell: int
    start_line: int
    end_cell: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """The scanned side of a finding. Lines of a notebook run on through its code cells;
    ``cell`` says the same by cell."""

    path: str
    name: str
    kind: UnitKind
    start_line: int
    end_line: int
    cell: CellPlace | None = None


@dataclass(frozen=True, slots=True)
class LineDay:
    """When a line of the scanned code was committed, by the author's clock and by that of who made
    the commit, as ISO days; either may be set by hand. ``bounded``: older commits are not here
    (a shallow clone), so that the line may be older."""

    authored: str
    committed: str
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class Declaration:
    """How the scanned code says where a finding comes from: a line that a reader can look up.

    ``kind`` is the word of a comment (``copied``, ``adapted``, ``based``, ``link``, ``snippet``
    ...), ``import``, ``subclass``, ``copyright`` for a holder of the reference, ``named`` for a
    family's name in a notice file, ``listed`` for a name among so many that it declares nothing.
    ``path`` is the scanned file or a notice file beside or above
    it, ``text`` the line as written, shortened. ``family`` is the family it names: another one
    than the finding's where that is declared elsewhere.
    """

    kind: str
    path: str
    line: int
    text: str
    family: str


@dataclass(frozen=True, slots=True)
class LineageMember:
    """A place of the class of near-identical units that a finding names one of."""

    origin: str
    path: str
    name: str
    first_seen: str | None


@dataclass(frozen=True, slots=True)
class Ancestor:
    """An older unit of another family that the reference of a finding is itself like: whence the
    reference may have it. ``resemblance`` is that of the two reference units, by their shingles,
    (structure + 2 text) / 3."""

    origin: str
    path: str
    name: str
    first_seen: str
    resemblance: float


@dataclass(frozen=True, slots=True)
class Scores:
    """How alike two units are as a whole: the resemblance of their shingle sets in both views, and
    (structure + 2 text) / 3, by which candidates are ranked."""

    structure: float
    text: float
    score: float


@dataclass(frozen=True, slots=True)
class Near:
    """The unit of a family that is nearest to a scanned one, of those that were compared: its first
    place in the oldest origin of the family that has it."""

    family: str
    origin: str
    path: str
    name: str
    first_seen: str | None
    scores: Scores


@dataclass(frozen=True, slots=True)
class UseOf:
    """Reuse without copying: a line that imports, extends, registers, loads or patches code of a
    family, or names its model type or weights."""

    kind: UseKind
    target: str
    line: int
    origin: str
    title: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of the notices of a reference file that explains a part of this one: copyright
    holders and licences that it names, and this file does not, and those that only this one
    names. ``publishers`` publish the package for others and stand apart. ``elsewhere`` are holders
    and licences that stand in no line of this file but in a notice file (``NOTICE``, ``LICENSE``
    ...) beside or above it; they are not missing; ``elsewhere_holders`` as the reference names
    them. ``replaced``: a holder is missing and another
    one named. ``also`` are the origins that are as close: where there are any, nothing says that
    these notices and not theirs were to be kept."""

    origin: str
    path: str
    share: float
    license: str | None
    duties: tuple[str, ...]
    kept_holders: tuple[str, ...]
    missing_holders: tuple[str, ...]
    new_holders: tuple[str, ...]
    publishers: tuple[str, ...]
    missing_licenses: tuple[str, ...]
    replaced: bool
    elsewhere: tuple[Declaration, ...] = ()
    also: tuple[str, ...] = ()
    elsewhere_holders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One unit of the scanned code that resembles one unit of reference code.

    ``id`` has no line numbers and no path in it: it survives edits elsewhere, moves and
    renamed files. ``also`` are further origins whose best unit scores the same: the text
    cannot tell them from the named one. ``matched`` counts paired elements of the trees.

    ``families`` is how many families have a unit as close as the named one, ``lineage`` the first
    of them by day, the first of each origin. ``rarity`` is 1 where only one family has it, 0
    where all have. ``percentile`` is the share of pairs of unrelated code of the index that score
    less, ``false_alarm_rate`` the share of unrelated families that score so high or have it too;
    both ``None`` where the index has no baseline, or only a part of the unit was found.
    ``direction`` says whether the reference is older than the suspect, whose day is ``seen``.
    ``declarations`` are the lines by which it is declared, or declared elsewhere. ``chain`` are
    older units that the named one is itself like, oldest first, where the verdict is derived.
    ``scores`` are those by which the named unit was ranked, ``None`` where only a part was found;
    ``near`` the next families below it and those as close, the nearest first, where the verdict is
    not common.
    """

    id: str
    suspect: Suspect
    reference: Reference
    clone_type: CloneType
    resemblance: float
    suspect_containment: float
    reference_containment: float
    same_text: float
    matched: int
    also: tuple[str, ...]
    blocks: tuple[Block, ...]
    renames: tuple[Rename, ...]
    verdict: Verdict
    attribution: Attribution
    families: int
    lineage: tuple[LineageMember, ...]
    rarity: float
    percentile: float | None
    false_alarm_rate: float | None
    direction: Direction
    seen: SuspectSeen = SuspectSeen(None, "none")
    declarations: tuple[Declaration, ...] = ()
    chain: tuple[Ancestor, ...] = ()
    scores: Scores | None = None
    near: tuple[Near, ...] = ()


@dataclass(frozen=True, slots=True)
class Weighed:
    """Why a family is named for a unit, or is not, though every unit of it was compared.

    ``near`` is its unit that scores most of those that may be seen, with where that stands, how
    much of both is paired, in how many families that very unit is, and how likely one unrelated
    family scores so high (``None`` without a baseline); all empty where none may be seen.
    ``hidden`` is one that scores more but must not be seen. ``needed``: from which resemblance of
    structure, or of text, on a unit of this size is reported. ``first`` is the family's first day;
    ``evidence`` the share of the file's evidence that the family is near to.

    ``reason``: ``named``; ``as close``; ``lower``, it scores less than what is named; ``below``,
    too little to be reported; ``alone``, enough, but it may be chance and has no company in the
    file; ``inside``, the unit is a part of one that is explained as a whole; ``part``, only a part
    of the unit is explained; ``not compared``, it is as close, or enough, but the index did not
    propose it; ``tiny``, the unit is too small to be looked up; ``hidden``, nothing of it may be
    seen.
    """

    family: str
    title: str
    first: str | None
    reason: Reason
    evidence: float
    near: Near | None = None
    hidden: Near | None = None
    package: str = ""
    version: str | None = None
    start_line: int = 0
    end_line: int = 0
    resemblance: float = 0.0
    suspect_containment: float = 0.0
    reference_containment: float = 0.0
    families: int = 0
    false_alarm_rate: float | None = None
    needed: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True, slots=True)
class UnitWeighed:
    """A unit, what is named for it, ``around`` it, what is nearest, and why not another.

    ``evidence``: of each family that is mentioned, the share of the file's evidence that it is near
    to. ``rate``: how likely one unrelated family scores as high as the nearest; ``None`` without a
    baseline, or where nothing was compared. ``needed``: see ``Weighed``.
    """

    name: str
    kind: UnitKind
    start_line: int
    end_line: int
    elements: int
    finding: Finding | None
    around: Finding | None
    nearest: tuple[Near, ...]
    needed: tuple[float, float]
    rate: float | None
    evidence: tuple[tuple[str, float], ...]
    weighed: tuple[Weighed, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a file, or of all files, one origin explains. ``also`` are further origins that
    are as close in at least half of it: the text cannot tell them from the named one."""

    origin: str
    share: float
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileResult:
    """One scanned file. The shares of ``composition``, ``common`` and ``novel`` add up to 1:
    what tells an origin, what is found but tells none, what is found nowhere; ``similarity`` is
    what ``novel`` leaves. ``error_lines`` are where syntax is broken.
    ``identical`` is the reference file that it equals, whose units are then not compared.
    ``percentile`` is the share of pairs of unrelated files of the index of which less is explained
    than the family that explains most explains of this one, ``false_alarm_rate`` the share of those
    of which as much is; ``None`` without a baseline, or where nothing was compared. ``limited``:
    of how many of its units not all that may resemble them was looked at, as that is too much."""

    path: str
    sha256: str
    lines: int
    units: int
    similarity: float
    composition: tuple[Share, ...]
    common: float
    novel: float
    error_lines: tuple[int, ...]
    identical: Identity | None = None
    verdict: Verdict = "clear"
    uses: tuple[UseOf, ...] = ()
    notices: tuple[Notice, ...] = ()
    percentile: float | None = None
    false_alarm_rate: float | None = None
    limited: int = 0


@dataclass(frozen=True, slots=True)
class Vendored:
    """Files of one folder that are those of a folder of one release: ``exact`` of ``files`` byte
    for byte, the others but for layout. They have no findings of their own. ``younger``: of how
    many the reference is younger than this."""

    folder: str
    reference_folder: str
    package: str
    version: str | None
    license: str | None
    files: int
    exact: int
    lines: int
    younger: int = 0


@dataclass(frozen=True, slots=True)
class IndexUsed:
    """An index a scan looked into; ``checksum`` covers its rows, not its bytes."""

    name: str
    checksum: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole result of a scan. ``files`` and ``skipped`` by path, ``findings`` by strength.
    ``composition``, ``common`` and ``novel`` are those of all files together, each weighing as
    many lines as it has; they add up to 1.
    ``notice_files`` are those that were read; ``history`` says why git's days could not be read,
    ``None`` where they were, or nothing asked for them."""

    source: str
    indexes: tuple[IndexUsed, ...]
    parameters: Parameters
    as_of: str | None
    exclude_origin: tuple[str, ...]
    suspect_date: str | None
    files: tuple[FileResult, ...]
    findings: tuple[Finding, ...]
    vendored: tuple[Vendored, ...]
    skipped: tuple[Skipped, ...]
    composition: tuple[Share, ...]
    common: float
    novel: float
    notice_files: tuple[str, ...] = ()
    history: str | None = None


# --- what the audit says of a report -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a policy says of one subject: a finding, a file that is a reference file as it is, or
    a declaration of the configuration.

    ``id`` is the subject's identity: that of the finding, else one without line numbers and paths
    too. ``rule`` is the gravest rule that it breaks: ``undeclared`` or declared ``elsewhere``,
    a denied ``origin`` (organisation, country or family), a ``license`` that is not allowed, a
    ``notice`` that is gone, a ``declaration`` that matches nothing, names another origin or has
    expired; ``allowed`` breaks none; ``breaks`` are all of them. Only an ``error`` that is ``new``
    fails the audit; what the baseline has is ``known``. ``message`` says what was found, ``remedy``
    what to do. ``origin`` and ``license`` are those of the reference. ``finding`` is None for
    what is no finding; ``declared_by`` is the declaration that covers it, as ``FILE:LINE``;
    ``reason`` is that of the baseline's entry or the declaration.
    """

    id: str
    rule: Rule
    breaks: tuple[Rule, ...]
    level: Level
    status: Status
    path: str
    start_line: int
    end_line: int
    origin: str
    license: str | None
    message: str
    remedy: str
    finding: Finding | None = None
    declared_by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """An entry of the baseline that nothing answers to any more."""

    id: str
    path: str
    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class Audit:
    """A report read against a policy. ``rulings`` by level, gravest first, then path and line:
    one for each finding of the report and each identical file, and one for each declaration that
    is at fault. ``policy`` is the policy as it was applied, as plain data; ``policy_file`` where
    it was read, None for none. ``incomplete`` says what could not be done: an audit that has any
    is never clean. ``called`` are the keys of the policy that the call set, over its file."""

    report: Report
    policy: tuple[tuple[str, object], ...]
    policy_file: str | None
    rulings: tuple[Ruling, ...]
    fixed: tuple[Fixed, ...]
    incomplete: tuple[str, ...]
    called: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[Ruling, ...]:
        """The rulings that fail the audit."""
        return tuple(one for one in self.rulings if one.level == "error" and one.status == "new")
