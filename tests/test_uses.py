"""uses, known: which model code a file uses without repeating it, and of which family it is."""

from __future__ import annotations

import re

import pytest
from ending import ends
from hypothesis import given
from hypothesis import strategies as st
from thorough import tried

from provenance.known import Use, family_names, known_names, resolve
from provenance.mark import fold
from provenance.parse import LONGEST_IMPORT, syntax, walked
from provenance.uses import MOST, is_worth_reading, uses

KNOWN = known_names(
    [
        "transformers/auto",
        "transformers/clip",
        "transformers/deepseek_v2",
        "transformers/llama",
        "transformers/qwen2",
        "transformers/qwen2_5_vl",
        "transformers/qwen2_audio",
        "transformers/siglip",
        "transformers/whisper",
        "vllm/deepseek_v2",
        "vllm/llama",
    ]
)


def found(source: str, path: str = "") -> list[tuple[str, str, int, str | None]]:
    """Kind, target, line and origin of the uses of known families; where there are some, the file
    is one that is read for them."""
    said = uses(source.encode(), path, KNOWN)
    walk = walked(source.encode(), syntax(source.encode()))
    assert not said or is_worth_reading(walk, path, KNOWN)
    return [(use.kind, use.target, use.line, resolve(use, KNOWN)) for use in said]


def test_imports_of_known_families() -> None:
    """From the package or the module, in brackets or not, inside a function too."""
    source = (
        "import torch\n"
        "from transformers import (\n    Qwen2AudioEncoder,\n    WhisperFeatureExtractor as W,\n)\n"
        "def f():\n    from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as m\n"
    )
    assert found(source) == [
        ("import", "transformers.Qwen2AudioEncoder", 3, "transformers/qwen2_audio"),
        ("import", "transformers.WhisperFeatureExtractor", 4, "transformers/whisper"),
        (
            "import",
            "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl",
            7,
            "transformers/qwen2_5_vl",
        ),
    ]


_MANY = ", ".join(f"name{number}" for number in range(LONGEST_IMPORT // 5))


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        ("from . modeling_llama import X", "transformers/llama"),
        ("from .. llama . modeling_llama import X", "transformers/llama"),
        ("from .\\\nmodeling_llama import X", "transformers/llama"),
        ("from my . models . modeling_qwen2_5_vl import X", "transformers/qwen2_5_vl"),
        ("from\ttransformers\timport\tLlamaModel", "transformers/llama"),
        (f"from . import ({_MANY}, modeling_llama)", "transformers/llama"),
        (f"import {_MANY}, transformers.models.llama", "transformers/llama"),
        (
            "from . import (  # " + "-" * LONGEST_IMPORT + "\n  modeling_llama)",
            "transformers/llama",
        ),
        ("@register_config('x')\nclass LlamaConfig: pass", "transformers/llama"),
        ("@register_processor\nclass LlamaProcessor: pass", "transformers/llama"),
        ("AutoConfig.register_config('llama', A)", "transformers/llama"),
        ("import os, \\\n    transformers.models.llama.modeling_llama as m", "transformers/llama"),
        ("import\\\ntransformers . models . llama as m", "transformers/llama"),
        ("import transformers . models as t\nt.llama", "transformers/llama"),
        ("from \\\n transformers \\\n import LlamaModel", "transformers/llama"),
        ("import transformers." + " " * 900 + "models.llama", "transformers/llama"),
        ("from transformers import *\nclass A(B, (LlamaModel)): pass", "transformers/llama"),
        (
            "from transformers import *\nclass A(" + "# c\n" * 60 + "LlamaModel): pass",
            "transformers/llama",
        ),
        ("(AutoConfig.register)('llama', A)", "transformers/llama"),
        ("transformers . AutoConfig . register('llama', A)", "transformers/llama"),
        ("from transformers import AutoConfig as A\nA.register('llama', B)", "transformers/llama"),
        ("@((register_model))\nclass LlamaModel: pass", "transformers/llama"),
        ("@(register_model('x'))\nclass LlamaModel: pass", "transformers/llama"),
        ("(A.from_pretrained)('x/llama')", "transformers/llama"),
        ("A.from_pretrained(*a, pretrained_model_name_or_path='x/llama')", "transformers/llama"),
        ("A.from_pretrained(" + "# c\n" * 60 + "'x/llama')", "transformers/llama"),
        ("((importlib.import_module))('transformers.models.llama')", "transformers/llama"),
        ("(__import__)(\\\nname='transformers.models.llama')", "transformers/llama"),
        ("(C.for_model)(model_type=('llama'  # c\n))", "transformers/llama"),
        ("model_type = (  # c\n 'llama')", "transformers/llama"),
        ("model_type = (('llama' if a else b))", "transformers/llama"),
        ("if ((a.model_type)) in ((('b', 'llama'))): pass", "transformers/llama"),
        ("model_type = '' 'lla' '' 'ma'", "transformers/llama"),
        ("model_type = ('lla'  # c\n 'ma')", "transformers/llama"),
        ("model_type = '\\N{LATIN SMALL LETTER L}la\\\nma'", "transformers/llama"),
    ],
)
def test_however_it_is_written_a_use_is_found(source: str, origin: str) -> None:
    """Whatever else the file holds: what tells that a file is to be read knows all of these."""
    assert {one[3] for one in found(f"import torch\n{source}\n")} == {origin}


@pytest.mark.parametrize(
    "source",
    [
        "import torch\nfrom torch import nn\nclass A(nn.Module): pass\n",
        "from transformers import PreTrainedModel, AutoModel\nclass A(PreTrainedModel): pass\n",
        "from transformers import AutoModel\nmodel = AutoModel.from_pretrained(path)\n",
        "from .models import ClipModel\nclass A(ClipModel): pass\n",
        "from shop.clip import ClipArt\n",
        "import numpy as np\n",
        's = "from transformers import LlamaModel"\n',
        '"""\nfrom transformers import LlamaModel\nx = "openai/whisper-tiny"\n"""\n',
        "# model_type = 'llama', from transformers import LlamaModel\n",
        "from django.contrib import admin\nadmin.site.register(Llama)\n",
    ],
)
def test_generic_names_text_and_other_code_are_no_uses(source: str) -> None:
    """Frameworks, abstract classes, comments, docstrings, and modules only called alike."""
    assert found(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "from transformers.models.{llama}.{modeling_llama} import X\n",
        "from transformers import {LlamaModel}\n",
        "import transformers\nm = transformers.{LlamaModel}.{from_pretrained}(x)\n",
        "import {transformers}\nclass A({transformers}.{LlamaModel}):\n    pass\n",
        "from transformers import AutoModel\nAutoModel.{register}('llama', X)\n",
        "import torch\nclass A:\n    {model_type} = 'llama'\n",
        "import transformers as t\nt.{LlamaAttention}.{forward} = f\n",
    ],
)
def test_names_are_read_as_python_reads_them(source: str) -> None:
    """In NFKC: such an import runs, and was no use of a family that a policy denies."""
    wide = re.sub(
        r"\{(\w+)\}",
        lambda name: "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in name[1]),
        source,
    )
    plain = re.sub(r"[{}]", "", source)
    assert [one[0::3] for one in found(wide)] == [one[0::3] for one in found(plain)]
    assert {one[3] for one in found(wide)} == {"transformers/llama"}


def test_relative_imports_are_resolved_with_the_path() -> None:
    """``.x`` and ``..x.y``; what belongs to the file's own family is left out."""
    path = "vllm/model_executor/models/axk1.py"
    source = "import torch\nfrom .deepseek_v2 import DeepseekV2MLP\nclass A(DeepseekV2MLP): pass\n"
    target = "vllm.model_executor.models.deepseek_v2.DeepseekV2MLP"
    assert found(source, path) == [
        ("import", target, 2, "vllm/deepseek_v2"),
        ("subclass", target, 3, "vllm/deepseek_v2"),
    ]
    source = "import torch\nfrom ..llama.modeling_llama import LlamaMLP\nfrom .a import B\n"
    assert found(source, "transformers/models/solar/modeling_solar.py") == [
        ("import", "transformers.models.llama.modeling_llama.LlamaMLP", 2, "transformers/llama")
    ]
    own = "import torch\nfrom .configuration_llama import LlamaConfig\n"
    assert found(own, "transformers/models/llama/modeling_llama.py") == []
    assert [use[1] for use in found(source)] == ["..llama.modeling_llama.LlamaMLP"]


@pytest.mark.parametrize("folder", ["llama", "llama/sub"])
@pytest.mark.parametrize(
    ("source", "origins"),
    [
        ("from .common import X\nclass A(X): pass\n", []),
        ("from . import common\nclass A(common.X): pass\ncommon.X.y\n", []),
        ("from .configuration_foo import *\nclass A(B): pass\n", []),
        ("from ..common import X\n", []),
        ("from .modeling_qwen2 import X\n", ["transformers/qwen2"]),
        ("from ..qwen2 import X\n", ["transformers/qwen2"]),
        ("from .common import LlamaMLP\n", ["transformers/llama"]),
    ],
)
def test_a_relative_import_does_not_name_the_folder_that_the_file_stands_in(
    source: str, origins: list[str], folder: str
) -> None:
    """A copy that keeps its path was declared by any neighbour that it imports."""
    path, head = (
        f"transformers/models/{folder}/modeling_x.py",
        "from transformers import AutoModel\n",
    )
    assert [one[3] for one in found(head + source, path)] == origins
    absolute, relative = "from transformers.models.llama.a import X\n", "from .a import X\n"
    for both in (absolute + relative, relative + absolute):
        assert "transformers/llama" in [one[3] for one in found(head + both, path)]
    through = (
        "import transformers\nfrom .. import z\nclass A(transformers.models.llama.x.Y): pass\n"
    )
    assert "transformers/llama" in [one[3] for one in found(head + through, path)]


def test_subclasses() -> None:
    """By name, through a module, with parameters, and through a star import."""
    source = (
        "from transformers.models.llama import modeling_llama as ml\n"
        "from transformers.models.qwen2.modeling_qwen2 import *\n"
        "class A(ml.LlamaModel, Generic[T]): pass\n"
        "class B(Qwen2Model): pass\n"
        "class C(B): pass\n"
    )
    kept = [use[1:] for use in found(source) if use[0] == "subclass"]
    assert kept == [
        ("transformers.models.llama.modeling_llama.LlamaModel", 3, "transformers/llama"),
        ("transformers.models.qwen2.modeling_qwen2.Qwen2Model", 4, "transformers/qwen2"),
    ]


def test_registrations() -> None:
    """The model types and classes given to a registry, and decorated definitions."""
    source = (
        "from transformers import AutoConfig, AutoModel\n"
        'AutoConfig.register("qwen2_5_vl_own", OwnConfig)\n'
        "AutoModel.register(OwnConfig, Qwen2_5_VLVisionTower)\n"
        "@register_model\ndef llama_large(): pass\n"
    )
    assert [use for use in found(source) if use[0] == "register"] == [
        ("register", "qwen2_5_vl_own", 2, "transformers/qwen2_5_vl"),
        ("register", "Qwen2_5_VLVisionTower", 3, "transformers/qwen2_5_vl"),
        ("register", "llama_large", 4, "transformers/llama"),
    ]


def test_each_decorator_that_registers_is_told() -> None:
    said = found("import torch\n@register_model\n@register_config('x')\nclass LlamaModel: ...\n")
    assert [one[:3] for one in said] == [
        ("register", "LlamaModel", 2),
        ("register", "LlamaModel", 3),
    ]


def test_loads_and_checkpoints() -> None:
    """The class that loads, and the checkpoint that is loaded or only named."""
    source = (
        "from transformers import WhisperModel\n"
        'model = WhisperModel.from_pretrained("openai/whisper-large-v3")\n'
        'NAME = "Qwen/Qwen2.5-VL-7B-Instruct"\n'
        'OTHER = "someone/whisper-x"\n'
    )
    kept = [use for use in found(source) if use[2] > 1]
    assert sorted(kept) == [
        ("checkpoint", "Qwen/Qwen2.5-VL-7B-Instruct", 3, "transformers/qwen2_5_vl"),
        ("checkpoint", "openai/whisper-large-v3", 2, "transformers/whisper"),
        ("from_pretrained", "openai/whisper-large-v3", 2, "transformers/whisper"),
        ("from_pretrained", "transformers.WhisperModel", 2, "transformers/whisper"),
    ]
    assert found('NAME = "openai/whisper-tiny"\n') == [
        ("checkpoint", "openai/whisper-tiny", 1, "transformers/whisper")
    ]


def test_model_types() -> None:
    """Assigned, given, compared, or a key of a table."""
    source = (
        "import torch\n"
        'class C:\n    model_type = "qwen2_5_vl"\n'
        'f(model_type="llama")\n'
        'if cfg["model_type"] == "whisper" or cfg.model_type in ("siglip", "mine"): pass\n'
        'd = {"model_type": "clip"}\n'
        "model_type = other\n"
        'if cfg.get("model_type") == "qwen2": pass\n'
    )
    assert [use[1:3] for use in found(source)] == [
        ("qwen2_5_vl", 3),
        ("llama", 4),
        ("whisper", 5),
        ("siglip", 5),
        ("clip", 6),
        ("qwen2", 8),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "backend_registry.register('llama', LlamaBackend)\n",
        "@register_model\nclass Llama: pass\n",
        "PETS_MAPPING.register('clip', Clip)\n",
        "kind = dict(model_type='clip')\n",
    ],
)
def test_in_code_that_is_not_about_models_a_mere_name_tells_nothing(source: str) -> None:
    """Families are called like things of all kinds, ``git`` and ``van`` among them; what a policy
    denies is an error."""
    assert found(source) == []
    assert found("import torch\n" + source) != []
    assert found(source, "vllm/models/m.py") != []
    assert found("from transformers import LlamaConfig\n" + source) != []


def test_patches() -> None:
    """Methods and classes of others put in place of theirs."""
    source = (
        "import types\n"
        "from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl\n"
        "from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLVisionAttention\n"
        "Qwen2_5_VLVisionAttention.forward = forward\n"
        'setattr(modeling_qwen2_5_vl.Qwen2_5_VLMLP, "forward", forward)\n'
        "modeling_qwen2_5_vl.Qwen2_5_VLMLP = Mine\n"
        "self.forward = forward\n"
        "Qwen2_5_VLVisionAttention.scale == 2\n"
        "Qwen2_5_VLVisionAttention.forward = modeling_qwen2_5_vl.Qwen2_5_VLMLP = mine\n"
    )
    base = "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl"
    assert [use[1:3] for use in found(source) if use[0] == "patch"] == [
        (f"{base}.Qwen2_5_VLVisionAttention.forward", 4),
        (f"{base}.Qwen2_5_VLMLP.forward", 5),
        (f"{base}.Qwen2_5_VLMLP", 6),
        (f"{base}.Qwen2_5_VLVisionAttention.forward", 9),
        (f"{base}.Qwen2_5_VLMLP", 9),
    ]


def test_families_are_one_name_in_every_spelling() -> None:
    """Classes, modules, model types and checkpoints fold to the same key; the longest rules."""
    assert fold("Qwen2_5_VL") == fold("qwen2_5_vl") == fold("Qwen2.5-VL")
    assert "qwen25vl" in family_names("Qwen2_5_VLVisionConfig")
    assert resolve(Use("import", "transformers.Qwen2AudioConfig", 1), KNOWN) == (
        "transformers/qwen2_audio"
    )
    assert resolve(Use("import", "transformers.EncoderDecoderCache", 1), KNOWN) is None
    younger = "transformers.models.qwen2_7.modeling_qwen2_7.Qwen2_7Model"
    assert resolve(Use("import", younger, 1), KNOWN) is None


def test_the_origin_is_that_of_the_package_named() -> None:
    """The same family in two packages is told apart by the import."""
    for package in ("vllm", "transformers"):
        use = Use("import", f"{package}.x.models.deepseek_v2.DeepseekV2MLP", 1)
        assert resolve(use, KNOWN) == f"{package}/deepseek_v2"


def test_without_known_names_every_use_is_given() -> None:
    """The reader itself judges nothing."""
    said = uses(b"import numpy\nclass A(numpy.ndarray): pass\n")
    assert [(use.kind, use.target) for use in said] == [
        ("import", "numpy"),
        ("subclass", "numpy.ndarray"),
    ]


PIECES = (
    "from transformers import LlamaModel\n",
    "from . import (a,\n b)\n",
    "class A(LlamaModel, x[1], *y): pass\n",
    "A.register('llama', B)\n",
    "AutoModel.register(\n",
    "model_type = ",
    "'openai/whisper-tiny'",
    "LlamaModel.forward = f\n",
    "setattr(LlamaModel, 'f', g)\n",
    "LlamaModel.from_pretrained(*a, **k)\n",
    '"""',
    "é\x00\x1b[0m\n",
    "    ",
    "(",
)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=10), max_size=12).map("".join))
def test_any_text_is_read_with_lines_in_range(text: str) -> None:
    """It never raises, says the same twice, and names lines there are, in order."""
    content = text.replace("\r", "").encode("utf-8", "replace")
    for known in (None, KNOWN):
        said = uses(content, "a/b/c.py", known)
        assert said == uses(content, "a/b/c.py", known)
        assert [use.line for use in said] == sorted(use.line for use in said)
        assert all(1 <= use.line <= content.count(b"\n") + 1 for use in said)


SLOW: list[bytes] = [
    b"from transformers import LlamaModel\n" * tried(10_000, 30_000),
    b"from transformers import LlamaModel\n"
    + b"class A(LlamaModel): pass\n" * tried(10_000, 30_000),
    b"from transformers import LlamaModel\n" + b"LlamaModel.x = f\n" * tried(10_000, 30_000),
    b"from transformers import " + b"LlamaModel, " * tried(20_000, 60_000),
    b"model_type == " + b"(" * 20_000,
    b"".join(b"import transformers.a%d as t\n" % at for at in range(1_000))
    + b"".join(b"t.b%d\n" % at for at in range(60_000)),
    b"model_type = " * 20_000 + b"x",
    b"import transformers\n"
    + b"".join(
        b"(" * 2_000 + b"transformers" + b")" * 2_000 + b".LlamaModel%d\n" % at for at in range(100)
    ),
    b"import transformers as t\n" + b"t" + b")" * 500_000 + b"t # a\n" * 100_000,
    b"import transformers as t\n" + b"t\n#t\n" * 100_000,
    b"x = [" + b"model_type," * 100_000 + b"]",
    b"x = [" + b"model_type == x," * 60_000 + b"]",
    b"x = model_type" + b" == model_type" * 60_000,
    b"model_type = " + b"'llama' == " * 30_000,
    b"f(" * 20_000 + b"from_pretrained",
    b"'openai/" + b"a" * 500_000 + b"'",
    b"'openai/a/" * tried(20_000, 60_000),
    b"from transformers import a\n" + b"a." * 200_000 + b"b = c\n",
    b"import " * tried(30_000, 100_000),
    b"from . " * tried(20_000, 50_000) + b"import ",
    b"import transformers\nx = '" + b"\\n" * 200_000 + b" model_type " * 40_000 + b"'",
    b"import transformers\nx = [" + b"1," * 200_000 + b"1]" + b"[model_type]" * 30_000,
    b"import transformers\n" + b"@a\n" * 60_000 + b"@register_model\n" * 30_000 + b"class A: ...",
    b"import transformers\n" + b"transformers.A.b=f;" * 60_000,
    b"import transformers\n" + b" " * 500_000 + b"transformers.A.b=f;" * 60_000,
    b"import transformers\n" + (b"[" * 2_000 + b"model_type" + b"]" * 2_000 + b"\n") * 200,
    b"from importlib import " + b",".join(b"import_module as a%d" % at for at in range(20_000)),
    b"from .modeling_llama import *\n" * 20_000 + b"class LlamaA(LlamaB): ...\n" * 20_000,
]


def _bounded(content: bytes) -> None:
    said = uses(content, known=KNOWN)
    assert len(said) <= MOST
    assert all(len(use.target) <= 1_000 and len(use.by) <= 300 for use in said)


def test_work_and_output_are_bounded() -> None:
    """Half a megabyte made to be slow: at most so many uses, and no search that never ends."""
    ends(_bounded, SLOW)


def test_very_many_uses_hide_none_of_another_family() -> None:
    """2,001 names of an own module once hid all that came after them."""
    own = ", ".join(f"a{at}" for at in range(MOST + 1))
    bert = "from transformers import LlamaModel\n" * (MOST + 1)
    last = "import torch\nfrom transformers import WhisperModel\nAutoModel.register('qwen2', A)\n"
    origins = {origin for *_, origin in found(f"from .own import {own}\n{bert}{last}")}
    assert origins == {"transformers/llama", "transformers/whisper", "transformers/qwen2"}


@pytest.mark.parametrize(
    ("before", "last"),
    [
        ("x.register(a)\n", "AutoModel.register('llama', A)"),
        ("class A: ...\n", "class B(transformers.LlamaModel): ..."),
        ("import os\n", "import transformers.models.llama"),
        ("x = model_type\n", "model_type = 'llama'"),
        ("transformers.AutoModel.f = f\n", "x = 1; transformers.LlamaModel.f = f"),
        ("'transformers.LlamaModel'\n", "m = transformers.LlamaModel"),
        ("register = f\n", "from transformers import LlamaModel as register\nregister.forward = f"),
        ("x = 'openai/b'\n", "x = 'meta-llama/llama'"),
        ("_('a')\n", "i('transformers.models.llama')"),
    ],
)
def test_a_use_is_found_behind_very_many_places(before: str, last: str) -> None:
    """5,000 places of a word once were all that was looked at in a file."""
    head = "import transformers\nfrom importlib import import_module as i\n"
    content = f"{head}{before * 6_000}{last}\n"
    assert found(content)[-1][2:] == (content.count("\n"), "transformers/llama")


def test_a_part_of_a_package_is_used_where_the_package_is_named() -> None:
    """Its modules are called as those of others: ``rope_utils``, ``cache``."""
    known = known_names(
        ["mlx-lm/rope_utils", "mlx-lm/llama"], {"mlx_lm": "mlx-lm"}, {"mlx-lm/rope_utils"}
    )
    for source, origin in (
        ("from ...modeling_rope_utils import a", None),
        ("from mine.models.modeling_rope_utils import a", None),
        ("from mlx_lm.models.rope_utils import a", "mlx-lm/rope_utils"),
        ("from .modeling_llama import A", "mlx-lm/llama"),
    ):
        (use,) = uses(f"import torch\n{source}".encode(), known=known) or (None,)
        assert (use and resolve(use, known)) == origin, source


@pytest.mark.parametrize(
    ("source", "kind", "target"),
    [
        ("import transformers as t\nm = t.LlamaModel(c)", "import", "transformers.LlamaModel"),
        (
            "import transformers\nm = (transformers\n  . models.llama)",
            "import",
            "transformers.models.llama",
        ),
        (
            "from transformers import models\n@models.llama.f\ndef f(): ...",
            "import",
            "transformers.models.llama.f",
        ),
        ("m = __import__('transformers.models.llama')", "import", "transformers.models.llama"),
        (
            "import importlib\nm = importlib.import_module('.llama', 'transformers.models')",
            "import",
            "transformers.models.llama",
        ),
        (
            "from importlib import import_module as i\nm = i('transformers.models.llama')",
            "import",
            "transformers.models.llama",
        ),
        ("from transformers import AutoConfig as A\nA.for_model('llama')", "model_type", "llama"),
        (
            "from transformers import AutoModel as A\nA.from_pretrained('meta-llama/' 'Llama-2')",
            "from_pretrained",
            "meta-llama/Llama-2",
        ),
        (
            "from transformers import AutoModel as A\n"
            "A.from_pretrained(revision='main', pretrained_model_name_or_path=('a/llama-7b'))",
            "from_pretrained",
            "a/llama-7b",
        ),
        ("import torch\nc.model_type = b = a = 'llama'", "model_type", "llama"),
        ("import torch\nmodel_type = None if c else ('llama')", "model_type", "llama"),
        ("m = (transformers).LlamaModel\nimport transformers", "import", "transformers.LlamaModel"),
        (
            "import transformers\nm = (transformers.  # of c. d\n" + 300 * " " + "LlamaModel)",
            "import",
            "transformers.LlamaModel",
        ),
        (
            "import transformers\nm = transformers.LlamaModel\n"
            "def f():\n    import os as transformers",
            "import",
            "transformers.LlamaModel",
        ),
        (
            "import importlib as i\n"
            "m = i.import_module(package=None, name=('transformers.ll\\x61ma'))",
            "import",
            "transformers.llama",
        ),
    ],
)
def test_names_that_are_reached_through_a_package(source: str, kind: str, target: str) -> None:
    assert [one[:2] for one in found(source)] == [(kind, target)]
    assert found(source)[0][3] == "transformers/llama"


@pytest.mark.parametrize(
    "source",
    [
        "import transformers as t\n't.LlamaModel'  # t.LlamaModel\n",
        "import transformers as t\nx.t.LlamaModel, x . t . LlamaModel\n",
        "import mine as t\nt.LlamaModel\n",
        "import transformers as t\nt\n).LlamaModel\n",
        "import transformers as t\nf(t).LlamaModel, x[0] . t . LlamaModel, (x).t.LlamaModel\n",
        "import transformers as t\n(t\n).AutoModel  # .LlamaModel\n",
        "import transformers as t\nt.AutoModel.from_config(c)\n",
    ],
)
def test_what_is_not_reached_through_a_package_is_no_use_of_it(source: str) -> None:
    assert found(source) == []


def test_what_is_told_of_a_line_is_not_told_as_reached() -> None:
    """An import, a base class, what is loaded: the same place, and the same family."""
    source = (
        "import transformers as t\n"
        "from transformers import LlamaModel\n"
        "class A(t.LlamaModel): ...\n"
        "a = t.LlamaModel.from_pretrained(x)\n"
        "b = LlamaModel.from_config(x), LlamaModel.x\n"
    )
    assert [(kind, line) for kind, _, line, _ in found(source)] == [
        ("import", 2),
        ("subclass", 3),
        ("from_pretrained", 4),
        ("from_config", 5),
    ]
