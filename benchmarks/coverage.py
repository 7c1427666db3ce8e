"""What the default index leaves out, and what that costs in recall.

    python benchmarks/coverage.py                         about ten minutes
    python benchmarks/coverage.py --only "releases in between"

The index is bounded in size, so it holds some releases only, and no ports to other frameworks.
Files of releases and ports that it leaves out are scanned with it as a stranger's would be: how
many of their lines are explained all the same, and what verdict do the files get? *explained* is
the share of elements that any indexed code explains, common code included, weighed by lines;
*known* are files that equal an indexed one but for layout; *missed* say nothing above *common*.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass

from provenance.scanning import scan

PORTS = ("**/modeling_tf_*.py", "**/modeling_flax_*.py")
NOT_INDEXED = ("**/__init__.py", "**/modular_*.py", "**/convert_*.py", "**/*_to_hf.py", *PORTS)


@dataclass(frozen=True, slots=True)
class Left:
    """A release, or a part of one, that the default index leaves out."""

    what: str
    requirement: str
    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()


_MODELS = ("transformers/models/**",)
LEFT = (
    Left("releases in between", "transformers==4.45.0", _MODELS, NOT_INDEXED),
    Left("releases in between", "transformers==4.55.4", _MODELS, NOT_INDEXED),
    Left("releases in between", "transformers==5.6.2", _MODELS, NOT_INDEXED),
    Left("releases in between", "vllm-tpu==0.22.0", ("vllm/model_executor/models/*.py",)),
    Left("releases in between", "diffusers==0.36.0", ("diffusers/models/**",), NOT_INDEXED),
    Left("older than the first", "transformers==4.25.1", _MODELS, NOT_INDEXED),
    Left("older than the first", "diffusers==0.25.0", ("diffusers/models/**",), NOT_INDEXED),
    Left("ports", "transformers==4.53.0", PORTS[:1]),
    Left("ports", "transformers==4.53.0", PORTS[1:]),
)


def main() -> None:
    parser = argparse.ArgumentParser(description="What the default index leaves out.")
    parser.add_argument("--only", choices=sorted({left.what for left in LEFT}))
    only = parser.parse_args().only
    print("| left out | files | lines | explained | known | derived | resembles | missed |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for left in LEFT:
        if only and left.what != only:
            continue
        report = scan(
            f"pypi:{left.requirement}", include=left.include, exclude=left.exclude, jobs=2
        )
        lines = sum(file.lines for file in report.files)
        explained = sum(file.lines * file.similarity for file in report.files) / max(1, lines)
        verdicts = Counter(
            "known" if file.identical else str(file.verdict) for file in report.files
        )
        missed = verdicts["common"] + verdicts["clear"]
        part = "" if left.include[0] != PORTS[0] else ", TensorFlow"
        part = ", Flax" if left.include[0] == PORTS[1] else part
        print(
            f"| {left.what}: {left.requirement}{part} | {len(report.files)} | {lines:,} "
            f"| {explained:.3f} | {verdicts['known']} | {verdicts['derived']} "
            f"| {verdicts['resembles']} | {missed} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
