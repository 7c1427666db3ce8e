"""The rule from a path to its origin: which family of which package a file belongs to. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath

from provenance.model import Family

_FAMILY_FOLDERS = ("models", "pipelines")


def origin_of(package: str, path: str) -> str:
    """``package/family`` for a file of a package.

    The family is what follows the last folder called ``models`` (or ``pipelines``): a folder,
    or a module; elsewhere the first folder or module inside the package's own folder.

    >>> origin_of("transformers", "transformers/models/glm4_moe/modeling_glm4_moe.py")
    'transformers/glm4_moe'
    >>> origin_of("vllm", "vllm/model_executor/models/deepseek_v2.py")
    'vllm/deepseek_v2'
    >>> origin_of("openai-whisper", "whisper/model.py")
    'openai-whisper/model'
    """
    parts = PurePosixPath(path).parts
    for position in range(len(parts) - 2, -1, -1):
        if parts[position] in _FAMILY_FOLDERS:
            return f"{package}/{_stem(parts[position + 1])}"
    return f"{package}/{_stem(parts[1] if len(parts) > 1 else parts[0])}"


def plain_family(origin: str) -> Family:
    """The family of an origin of which nothing is known: its own last part that has a name."""
    name = origin.rstrip("/").rpartition("/")[2] or origin
    return Family(name, name)


def _stem(part: str) -> str:
    """A folder's name as it is, a module's without its ending."""
    for ending in (".py", ".ipynb"):
        if part.endswith(ending) and part != ending:
            return part[: -len(ending)]
    return part
