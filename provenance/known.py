"""known: names as code writes them -> the known origin that they are of.

Pure. Families are known by their folded names, in every spelling; a name that many give to
anything is a family only where its package is named.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from provenance.mark import fold, folds, words
from provenance.model import UseKind

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a file uses what another one defines.

    ``target`` is what is used: a dotted path (``transformers.models.llama.LlamaModel``), the
    name of a checkpoint (``openai/whisper-large-v3``), of a model type or of an architecture.
    A relative import whose file's path is not known keeps its leading dots. ``by`` says what
    uses it, as written: the subclass, the call, the name an import is bound to. Of a relative
    import the first ``lead`` parts are folders that the file stands in, which it does not name.
    """

    kind: UseKind
    target: str
    line: int
    by: str = ""
    lead: int = 0


GENERIC = set(
    "auto encoderdecoder models model modeling utils layers base common core data tests test init "
    "generation pipelines pipeline config configs main api server tools trainer interfaces "
    "interfacesbase registry adapters vision modulemapping transformers vllm sglang torch".split()
)
"""Folded names that are no family, whatever the index calls its origins."""
_ANYBODYS = set(
    "attention autoencoder cache conv embeddings frontends kernels languagemodel linear loader "
    "lora mlp modality normalization normalize parallel pooling resample sharedexperts util "
    "visionutils embeddingmodelspec encoderpreprocessing extracthiddenstates sigmaschedule".split()
)
"""Folded names that many give to a module: they are a family where its package is named."""

_AFFIX = re.compile(
    r"^(?:modeling|configuration|processing|tokenization|image_processing|video_processing|"
    r"feature_extraction|modular|generation|convert)_(?:tf_|flax_)?|_fast$"
)


@lru_cache(maxsize=10_000)
def plain(part: str) -> tuple[str, str]:
    """A part of a module's name without ``modeling_`` and the like, and that folded."""
    rest = _AFFIX.sub("", part)
    return rest, fold(rest)


def known_names(
    origins: Iterable[str],
    modules: Mapping[str, str] | None = None,
    shared: Collection[str] = (),
) -> dict[str, str]:
    """What ``resolve`` looks names up in.

    Args:
        origins: ``package/family``; of equal families the first is the one meant where a name
            does not say its package.
        modules: further import names of packages: ``{"whisper": "openai-whisper"}``.
        shared: those of the origins that are called as anybody's module may be, such as
            ``rope_utils``: they are meant where a name says their package.

    Returns:
        Origins by folded family (``qwen25vl``) and by package and family
        (``transformers/qwen25vl``), packages by import name (``transformers/``).
    """
    known = {f"{module}/": package for module, package in (modules or {}).items()}
    listed = [(origin, *origin.partition("/")[::2]) for origin in origins]
    for package in dict.fromkeys(package for _, package, _ in listed):
        known.setdefault(f"{package.replace('-', '_')}/", package)
    keys = folds([_AFFIX.sub("", family) for _, _, family in listed])
    for (origin, package, _), key in zip(listed, keys, strict=True):
        if len(key) >= 2 and key not in GENERIC:
            if origin not in shared and key not in _ANYBODYS:
                known.setdefault(key, origin)
            known.setdefault(f"{package}/{key}", origin)
    return known


@lru_cache(maxsize=10_000)
def family_names(text: str) -> tuple[str, ...]:
    """The folded families a name may belong to, the longest first.

    >>> family_names("Qwen2_5_VLVisionConfig")
    ('qwen25vlvisionconfig', 'qwen25vlvision', 'qwen25vl', 'qwen25', 'qwen2', 'qwen')
    """
    parts = [part.lower() for part in words(text[:_LONGEST])]
    names = ("".join(parts[:count]) for count in range(len(parts), 0, -1))
    return tuple(name for name in names if len(name) >= 2 and name not in GENERIC)


def resolve(use: Use, known: Mapping[str, str]) -> str | None:
    """The known origin a use is of, ``None`` where no known family is named.

    Args:
        use: as ``uses`` gives it.
        known: as ``known_names`` gives it.
    """
    if use.kind in ("model_type", "checkpoint") or "/" in use.target:
        return _by_prefix(use.target.rpartition("/")[2], "", known)
    parts = use.target.split(":")[-1].lstrip(".").split(".")
    package = known.get(f"{parts[0]}/", "") if len(parts) > 1 else ""
    named_parts = parts[max(use.lead, bool(package)) :]
    for part in reversed(named_parts):
        rest, key = plain(part)
        origin = known.get(f"{package}/{key}" if package else key) if len(key) >= 2 else None
        if origin is None or key in GENERIC or not part[:1].islower():
            continue
        # In a package of its own a module called like a family must say more than a word.
        named = key in family_names(parts[-1]) and parts[-1][:1].isupper()
        if package or rest != part or named or any(sign.isdigit() for sign in key):
            return origin
    for part in reversed(parts[bool(package) : use.lead]):  # which a class's name says, too
        key = plain(part)[1]
        origin = known.get(f"{package}/{key}" if package else key)
        if origin is not None and any(
            key in family_names(one) for one in named_parts if one[:1].isupper()
        ):
            return origin
    if package and "models" in parts[1:-1]:
        return None  # the module says the family, and it is none of those known
    if package or use.kind == "register":
        for part in named_parts:
            if part[:1].isupper() or use.kind == "register":
                origin = _by_prefix(part, package, known)
                if origin is not None:
                    return origin
    return None


def _by_prefix(name: str, package: str, known: Mapping[str, str]) -> str | None:
    """The origin of the longest family a name begins with; only of a package where one is given."""
    for key in family_names(name):
        origin = known.get(f"{package}/{key}" if package else key)
        if origin is not None:
            return origin
    return None
