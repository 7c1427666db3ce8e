"""uses: UTF-8 source -> ``Use``s, reuse of model code without its text: what a file imports,
subclasses, registers, loads, names or patches.

Pure. A few words and the modules imported, as the walk of a file finds them, decide whether it has
anything to read; then only the places of those words are looked up in its syntax tree, in their
order, by a walk that comes to each node once: however many there are, it takes as long as the file
is large.
"""

from __future__ import annotations

import re
from collections.abc import (
    Callable,
    Container,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import replace
from functools import lru_cache
from heapq import merge
from itertools import chain, islice, takewhile
from pathlib import PurePosixPath
from typing import Literal

from tree_sitter import Node, Tree

from provenance.expression import (
    BETWEEN,
    LONGEST,
    MOST_PARTS,
    File,
    Span,
    alternatives,
    arguments,
    as_read,
    assigned,
    bare,
    called,
    given,
    holding,
    inside,
    line_of,
    method_call,
    spellings,
    text_of,
)
from provenance.known import GENERIC, Use, family_names, plain, resolve
from provenance.parse import LONGEST_IMPORT, Walked, syntax

MOST = 2_000
"""Uses read of one file; no person writes more."""

_MOST_MEANINGS = 4
"""Packages that one name stands for in a file, of which what is reached through it is looked up."""

# --- reading ------------------------------------------------------------------------------

_LOADS = (b"from_pretrained", b"from_config")
_REGISTERING = (b"register_model", b"register_config", b"register_processor")
_NAMING = (b"import_module", b"__import__", b"for_model")
"""What is called with the name of a module, or of a model type."""
_CHECKPOINT_OF = "pretrained_model_name_or_path"
_WORDS = (b"model_type", *_LOADS, *_REGISTERING, *_NAMING)
_REGISTERS = (b"Auto", b"MAPPING", b"Registry", b"REGISTRY", b"registry")
_REGISTRY = re.compile(r"(?:^|\.)(?:Auto[A-Z]\w*|\w*(?:MAPPING|Mapping|REGISTRY|[Rr]egistry)\w*)$")
_OWNERS = set(
    b"openai Qwen meta-llama facebook google google-bert google-t5 microsoft deepseek-ai mistralai "
    b"THUDM zai-org zhipuai tiiuae naver-hyperclovax upstage skt LGAI-EXAONE moonshotai baidu "
    b"tencent bigscience bigcode EleutherAI allenai ibm-granite CohereForAI CohereLabs stabilityai "
    b"runwayml CompVis black-forest-labs laion OpenGVLab internlm 01-ai baichuan-inc nvidia apple "
    b"Salesforce HuggingFaceTB HuggingFaceM4 xai-org databricks state-spaces sentence-transformers "
    b"BAAI kakaobrain kakaocorp MiniMaxAI stepfun-ai XiaomiMiMo ByteDance-Seed llava-hf openbmb "
    b"huggyllama lmsys NousResearch timm openai-community FacebookAI distilbert".split()
)
_CHECKPOINT = re.compile(rb"/[\w.+-]{2,100}[\"']")
_IDENTIFIER = rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*"
_ASSIGNED = re.compile(rb"(\.%b)[ \t]*=(?!=)" % _IDENTIFIER)
_OF_NAMES = bytes(sign for sign in range(256) if sign >= 0x80 or chr(sign).isalnum()) + b"_."
_WORD = re.compile(rb"(?<![\w\x80-\xff])%b" % _IDENTIFIER)
_GAP = rb"[\s\\)]*(?:#[^\n]{0,200}\n[\s\\)]*){0,3}"
_THROUGH = re.compile(
    rb"(?<![\w\x80-\xff.])(%b)((?:%b\.%b%b){1,12})" % (_IDENTIFIER, _GAP, _GAP, _IDENTIFIER)
)
_FRAMEWORKS = (b"torch", b"transformers", b"vllm", b"sglang", b"jax", b"mlx", b"flax", b"paddle")
_FROM = re.compile(r"from\b([\w.\s\\]*)\bimport\b")
_NAMES_MODULE = re.compile(rb"from \.*\w[\w.]* import\b")
_BY_NAME = ("import", "subclass", "register", "model_type")
"""What a name alone tells: in other code it is another thing that is called so. Families are called
``git``, ``van``, ``align``."""


def uses(
    content: bytes,
    path: str = "",
    known: Mapping[str, str] | None = None,
    trees: Sequence[Tree] | None = None,
) -> tuple[Use, ...]:
    """Read what one file uses.

    Args:
        content: UTF-8 with ``\\n`` line ends (``SourceFile.content``).
        path: its path from the folder its packages stand in; relative imports are resolved
            with it, and those inside the file's own family are left out.
        known: what ``known_names`` gives; only uses that ``resolve`` to an origin are returned.
            ``None``: all.
        trees: its syntax trees, where the caller has them; else it is parsed where needed.

    Returns:
        The uses in order of lines, at most ``MOST``, and one of each further origin.
    """
    if trees is None:
        trees = syntax(content)
    file = _File(content, path, [tree.root_node for tree in trees])
    if known is None:
        return tuple(sorted(dict.fromkeys(islice(_found(file), MOST)), key=lambda use: use.line))
    about = _is_about_models(content) or _is_inside(path, known)
    kept: dict[Use, None] = {}
    told: set[str] = set()
    lines: set[tuple[int, str]] = set()
    for found in chain(_found(file), _through(file, known, lines)):
        lead = found.lead or file.lead(found.target)
        use = replace(found, lead=lead) if lead != found.lead else found
        origin = resolve(use, known)
        if origin is None or not (about or use.kind not in _BY_NAME or _is_of(use, known)):
            continue
        lines.add((use.line, origin))
        if len(kept) < MOST or origin not in told:  # very many of one hide none of another
            told.add(origin)
            kept[use] = None
    return tuple(sorted(kept, key=lambda use: use.line))


def _is_of(use: Use, known: Mapping[str, str]) -> bool:
    """Whether a dotted target begins with a known package."""
    return f"{use.target.partition('.')[0]}/" in known


def is_worth_reading(walked: Walked, path: str, known: Mapping[str, str]) -> bool:
    """Whether a file has one of the words, imports what may be of a known family, or names a
    checkpoint: most have nothing to read."""
    texts, content = walked.texts, walked.content
    if spellings(content):
        return True
    if (
        any(word in texts for word in _WORDS)
        or any(b"import_module" in one for one in walked.imports)
        or (b"register" in texts and any(word in content for word in _REGISTERS))
        or (_is_inside(path, known) and _says_a_word(content))
    ):
        return True
    keys = known.keys() & set[str]().union(*map(_keys_of, walked.imports))
    if any(len(one) >= LONGEST_IMPORT and not _NAMES_MODULE.match(one) for one in walked.imports):
        return True  # what stands behind that is not known
    if any(key.endswith("/") for key in keys) or (keys and _is_about_models(content)):
        return True
    return any(True for _ in _checkpoint_places(content))


def _is_inside(path: str, known: Mapping[str, str]) -> bool:
    """Whether a file is in a known package, to whose families its relative imports lead."""
    return any(f"{folder}/" in known for folder in path.split("/")[:-1])


def _says_a_word(content: bytes) -> bool:
    """Whether one of the words stands anywhere, in a comment too."""
    return any(word in content for word in _WORDS) or (
        b".register(" in content and any(word in content for word in _REGISTERS)
    )


@lru_cache(maxsize=10_000)
def _keys_of(statement: bytes) -> tuple[str, ...]:
    """The keys under which what is imported may be known."""
    told = _NAMES_MODULE.match(statement)  # few are told apart by what stands behind it
    return _keys_in(statement if told is None else told[0])


@lru_cache(maxsize=10_000)
def _keys_in(statement: bytes) -> tuple[str, ...]:
    text = as_read(statement.decode("utf-8", "replace"))
    match = _FROM.match(text)
    if match is None:
        parts_ = (part.split() for part in text[6:].replace("\\", " ").split(","))
        modules = ["".join(takewhile(lambda word: word != "as", part)) for part in parts_]
    elif module := re.sub(r"[\s\\]", "", match[1]).strip("."):
        modules = [module]
    else:
        modules = re.findall(r"\w+", text.partition("import")[2])
    parts = [module.split(".") for module in modules]
    families = (plain(part)[1] for own in parts for part in own if part)
    return (*(f"{own[0]}/" for own in parts), *families)


def _is_about_models(content: bytes) -> bool:
    return any(word in content for word in _FRAMEWORKS) or any(
        word in spellings(content) for word in _FRAMEWORKS
    )


def _checkpoint_places(content: bytes) -> Iterator[Span]:
    """Where a string, without its quotes, is the name of a checkpoint of a known owner."""
    for match in _CHECKPOINT.finditer(content):
        before = content[max(0, match.start() - 30) : match.start()]
        at = max(before.rfind(b'"'), before.rfind(b"'"))
        if at >= 0 and before[at + 1 :] in _OWNERS:
            yield match.start() - len(before) + at + 1, match.end() - 1, b"/"


class _File(File):
    """A file as its uses are read."""

    def __init__(self, content: bytes, path: str, roots: Sequence[Node]) -> None:
        super().__init__(content, roots)
        pure = PurePosixPath(path)
        self.folders = pure.parts[:-1]
        stem = pure.stem if pure.stem != "__init__" else ""
        own = (stem, *self.folders[-1:])
        self.own = {plain(part)[1] for part in own if part} - GENERIC
        self.stars: dict[str, None] = {}
        self.classes: list[Node] = []
        self.read: set[int] = set()
        """Nodes of which all values have been read: one may name ``model_type`` very often."""
        self.decorated: dict[int, str] = {}
        """Names of definitions by their nodes: one may have very many decorators."""
        self.led: dict[str, int] = {}
        """What is imported, and how many of its first parts are folders that the file stands in,
        which it does not write anywhere."""

    def lead(self, target: str) -> int:
        """How many of the first parts of a dotted path a relative import has from the file's own
        path."""
        parts = target.split(".") if self.led else []
        ways = (".".join(parts[:stop]) for stop in range(len(parts), 0, -1))
        return next((self.led[way] for way in ways if way in self.led), 0)


def _found(file: _File) -> Iterator[Use]:
    """All uses but those reached through a package: first what names mean, then what they do."""
    for word, path in file.places(b"import", b"class"):
        if word == b"import":
            yield from _imports(file, path)
        elif path[-2].type == "class_definition":
            file.classes.append(path[-2])
    yield from _subclasses(file)
    spans = (
        *map(file.spans, _READERS),
        _importing(file),
        _checkpoint_places(file.content),
        _patched(file),
    )
    readers = {**_READERS, b"(": _named, b"/": _checkpoints, b"=": _assigned}
    for word, path in file.nodes(merge(*spans, key=_outer_first)):
        yield from readers[word](file, word, path)


def _outer_first(span: Span) -> tuple[int, int]:
    return span[0], -span[1]


# --- imports and subclasses ---------------------------------------------------------------


def _imports(file: _File, path: list[Node]) -> Iterator[Use]:
    word, statement = path[-1], path[-2]
    if word.type != "import":
        return
    if statement.type == "import_statement":
        for child in statement.named_children:
            name, alias = _imported(file, child)
            if name:
                file.led[name] = 0
                file.bind(
                    alias or name.partition(".")[0], name if alias else name.partition(".")[0]
                )
                yield Use("import", name, line_of(child), alias)
    elif statement.type == "import_from_statement":
        module, relative, lead = _module(file, statement.child_by_field_name("module_name"))
        own = relative and plain(module.rpartition(".")[2])[1] in file.own
        of = statement.child_by_field_name("module_name")
        for child in statement.named_children:
            if child == of:
                continue
            if child.type == "wildcard_import":
                file.stars[module] = None
                file.led[module] = min(lead, file.led.get(module, lead))
                if not own:
                    yield Use("import", f"{module}.*", line_of(child), lead=lead)
                continue
            name, alias = _imported(file, child)
            if name:
                target = module + name if module.endswith(".") else f"{module}.{name}"
                file.bind(alias or name, target)
                file.led[target] = min(lead, file.led.get(target, lead))
                if not own:
                    yield Use("import", target, line_of(child), alias, lead)


def _imported(file: _File, node: Node) -> tuple[str, str]:
    """The name and the alias of a part of an import."""
    if node.type == "aliased_import":
        name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
        return file.module(name), file.text(alias)
    return (file.module(node), "") if node.type == "dotted_name" else ("", "")


def _module(file: _File, node: Node | None) -> tuple[str, bool, int]:
    """The absolute name of a module where the path tells it, whether it was relative, and how many
    of its parts the path tells."""
    text = file.module(node)
    name = text.lstrip(".")
    level = len(text) - len(name)
    if not level:
        return name, False, 0
    kept = len(file.folders) - (level - 1)
    if not file.folders or kept < 1:
        return text, True, 0
    return ".".join([*file.folders[:kept], name] if name else file.folders[:kept]), True, kept


def _subclasses(file: _File) -> Iterator[Use]:
    local = {file.text(node.child_by_field_name("name")) for node in file.classes}
    stars = [(star, {plain(part)[1] for part in star.split(".")}) for star in file.stars]
    for node in file.classes:
        bases = node.child_by_field_name("superclasses")
        if bases is None:
            continue
        name = file.text(node.child_by_field_name("name"))
        for base in inside(bases)[:50]:
            inner = bare(base)
            if inner is not None and inner.type == "subscript":
                inner = inner.child_by_field_name("value")
            target = file.dotted(inner)
            if target and file.is_bound(inner):
                yield Use("subclass", target, line_of(node), name)
            elif target and file.stars and target not in local and "." not in target:
                for star, parts in stars[:20]:
                    if "." not in star or not parts.isdisjoint(family_names(target)):
                        yield Use("subclass", f"{star}.{target}", line_of(node), name)


def _through(
    file: _File, known: Mapping[str, str], lines: Container[tuple[int, str]]
) -> Iterator[Use]:
    """The first place of each name of a known family that is reached through an imported package:
    ``transformers.LlamaModel``, ``models.llama.modeling_llama``; but for lines of which it is told
    that they use that origin."""
    packages: dict[str, list[str]] = {}  # whatever else the name means at other places
    for name, targets in file.packages.items():
        for target in targets:
            if f"{target.partition('.')[0]}/" in known and not resolve(
                Use("import", target, 0, lead=file.lead(target)), known
            ):
                packages.setdefault(name, []).append(target)
    packages = {name: targets[:_MOST_MEANINGS] for name, targets in packages.items()}
    told: set[str] = set()
    origins: dict[str, str | None] = {}

    def spans() -> Iterator[Span]:
        for match in _THROUGH.finditer(file.content) if packages else ():
            for package in packages.get(as_read(match[1].decode("utf-8", "replace")), ()):
                reached = as_read(BETWEEN.sub(b"", match[2]).decode("utf-8", "replace"))
                target = package + reached
                if len(target) > LONGEST or target in told:
                    continue
                if target not in origins:
                    use = Use("import", target, 0, lead=file.lead(target))
                    origins[target] = resolve(use, known)
                if origins[target] is not None:
                    yield *match.span(1), target.encode()

    for word, path in file.nodes(spans()):
        target = word.decode()
        at = holding(path, -1)
        if path[at].type == "attribute" and (
            path[at].child_by_field_name("object") == path[at + 1] and target not in told
        ):
            told.add(target)
            if (line_of(path[-1]), origins[target]) not in lines:
                yield Use("import", target, line_of(path[-1]))


# --- calls --------------------------------------------------------------------------------


def _loads(file: _File, word: bytes, path: list[Node]) -> Iterator[Use]:
    kind: Literal["from_pretrained", "from_config"] = (
        "from_pretrained" if word == b"from_pretrained" else "from_config"
    )
    object_, call = method_call(path)
    if object_ is None or call is None:
        return
    by = f"{file.text(object_)}.{kind}"
    if file.is_bound(object_) and (target := file.dotted(object_)):
        yield Use(kind, target, line_of(path[-1]), by)
    for value in (*given(file, call, _CHECKPOINT_OF), *arguments(file, call)[:1]):
        if literal := text_of(file, value):
            yield Use(kind, literal, line_of(path[-1]), by)
            break


def _registers(file: _File, word: bytes, path: list[Node]) -> Iterator[Use]:
    object_, call = method_call(path)
    if object_ is not None and call is not None:
        registry = file.name(object_) or file.text(object_)
        if not (_REGISTRY.search(registry) or _REGISTRY.search(file.dotted(object_))):
            return
        by = f"{registry}.{word.decode()}"
        for value in arguments(file, call)[:8]:
            target = text_of(file, value) or file.dotted(value)
            if target and target not in ("True", "False", "None"):
                yield Use("register", target, line_of(path[-1]), by)
    if word != b"register" and (name := _decorated(file, path)):
        yield Use("register", name, line_of(path[-1]), f"@{word.decode()}")


def _decorated(file: _File, path: list[Node]) -> str:
    """The name of the definition a name decorates, ``""`` where it decorates none."""
    for above in path[-2 : -2 - MOST_PARTS : -1]:
        if above.type == "decorated_definition":
            if above.id not in file.decorated:
                definition = above.child_by_field_name("definition")
                name = definition.child_by_field_name("name") if definition else None
                file.decorated[above.id] = file.text(name)
            return file.decorated[above.id]
        if above.type not in ("decorator", "call", "attribute", "parenthesized_expression"):
            break
    return ""


# --- names --------------------------------------------------------------------------------


_DEFAULTS = ("default_parameter", "typed_default_parameter")


def _model_types(file: _File, _: bytes, path: list[Node]) -> Iterator[Use]:
    around = path[-2 : -2 - MOST_PARTS : -1]
    for above in [one for one in around if one.type != "parenthesized_expression"][:6]:
        if above.type in ("block", "module", "expression_statement") or above.id in file.read:
            break
        values: list[Node | None] = []
        if above.type == "comparison_operator":
            values = [*above.named_children]
        elif above.type == "assignment":
            values = [above.child_by_field_name("right")]
        elif above.type in ("keyword_argument", "pair", *_DEFAULTS):
            values = [above.child_by_field_name("value")]
        for value in values:
            for one in alternatives(value):
                text = text_of(file, one)
                if text and text != "model_type":
                    yield Use("model_type", text, line_of(one or path[-1]), above.type)
        if values:
            file.read.add(above.id)
            break


def _importing(file: _File) -> Iterator[Span]:
    """Where ``import_module`` stands by another name."""
    names = {name for name, target in file.bound.items() if target == "importlib.import_module"}
    for match in _WORD.finditer(file.content) if names - {"import_module"} else ():
        if as_read(match[0].decode("utf-8", "replace")) in names:
            yield *match.span(), b"("


def _named(file: _File, word: bytes, path: list[Node]) -> Iterator[Use]:
    """Modules and model types that are named to what imports or makes them."""
    call = called(path)
    if call is None:
        return
    kind: Literal["import", "model_type"] = "model_type" if word == b"for_model" else "import"
    first = "name" if kind == "import" else "model_type"
    target, package = (text_of(file, value) for value in given(file, call, first, "package"))
    if target:
        if kind == "import" and target.startswith("."):
            target = package + target
        yield Use(kind, target, line_of(path[-1]), file.text(path[-1]))


def _checkpoints(file: _File, _: bytes, path: list[Node]) -> Iterator[Use]:
    if path[-2].type == "string" and path[-3].type != "expression_statement":
        yield Use("checkpoint", file.text(path[-1]), line_of(path[-1]))


# --- patches ------------------------------------------------------------------------------


def _patched(file: _File) -> Iterator[Span]:
    """Where something is assigned to a dotted name of what is imported."""
    for match in _ASSIGNED.finditer(file.content) if file.bound else ():
        before = file.content[max(0, match.start() - LONGEST) : match.start()]
        name = before[len(before.rstrip(_OF_NAMES)) :]
        if as_read(name.partition(b".")[0].decode("utf-8", "replace")) in file.bound:
            yield match.start() - len(name), match.end(1), b"="


def _assigned(file: _File, _: bytes, path: list[Node]) -> Iterator[Use]:
    statement = path[-2]
    right = assigned(statement) if statement.type == "assignment" else None
    target = file.dotted(path[-1])
    parts = target.split(".")
    is_class = any(part[:1].isupper() for part in parts[-2:])
    if (
        right is not None
        and right.type in ("identifier", "attribute", "lambda", "call")
        and (is_class or parts[-1] == "forward")
    ):
        yield Use("patch", target, line_of(statement), file.text(right)[:80])


def _set(file: _File, _: bytes, path: list[Node]) -> Iterator[Use]:
    call = called(path)
    values = arguments(file, call) if call is not None else []
    if (
        call is not None
        and len(values) == 3
        and file.is_bound(values[0])
        and (target := file.dotted(values[0]))
    ):
        name = text_of(file, values[1])
        if name.isidentifier():
            yield Use("patch", f"{target}.{name}", line_of(call), file.text(values[2])[:80])


def _made_method(file: _File, _: bytes, path: list[Node]) -> Iterator[Use]:
    call = called(path)
    values = arguments(file, call) if call is not None else []
    target = file.dotted(values[0]) if values and file.is_bound(values[0]) else ""
    if call is not None and target:
        yield Use("patch", target, line_of(call), file.text(call)[:80])


_Reader = Callable[[_File, bytes, list[Node]], Iterator[Use]]
_READERS: dict[bytes, _Reader] = {
    **dict.fromkeys(_LOADS, _loads),
    **dict.fromkeys((b"register", *_REGISTERING), _registers),
    b"model_type": _model_types,
    **dict.fromkeys(_NAMING, _named),
    b"setattr": _set,
    b"MethodType": _made_method,
}
"""What reads a place, by the word that stands there."""
