"""The built-in manifest says what it must, and a wrong one is refused with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provenance.errors import UsageError
from provenance.references import manifest as reader
from provenance.references.manifest import UNKNOWN, Manifest, load, parse

BUILT_IN = load()

SMALL = """
format = 1
variants = ["mtp"]

[[package]]
name = "finch-models"
origin = "finch"
purl = "pkg:pypi/finch-models"
license = "Apache-2.0"
organisation = "Finch Lab"
country = "unknown"
repository = "https://example.org/finch"
link = "https://example.org/finch/blob/v{version}/src/{path}#L{first}-L{last}"
include = ["finch/**"]
exclude = ["**/__init__.py"]
origins = [
  { path = "finch/models/{family}_common/**", family = "{family}" },
  { path = "finch/models/transformer_{family}.py", family = "{family}" },
  { path = "finch/models/{family}.py", family = "{family}" },
  { path = "finch/{kind}/{family}/*.py", family = "{kind}-{family}" },
]
[[package.releases]]
version = "1.0"
file = "finch-1.0.whl"
sha256 = "SHA"
date = "2024-05-01"
date_source = "archive"

[[package.releases]]
version = "1.1"
file = "finch-1.1.whl"
sha256 = "SHA"
date = "2025-05-01"
date_source = "sdist"

[[organisation]]
name = "Finch Lab"
country = "NZ"
checkpoints = ["finch-lab/*"]
[organisation.families]
finch = "Finch"
finch2 = { title = "Finch 2", checkpoints = ["finch-lab/Finch-2*"], model_types = ["finch-2"] }
seed = { title = "seed code", members = ["*/seed*", "finch/husk"], model_types = [] }
grain = { title = "grain code", members = ["*/seed-husk_*", "other/finch"] }
""".replace("SHA", "0" * 64)


def read(text: str) -> Manifest:
    return parse(text.encode(), "m.toml")


# --- the built-in one ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "organisation", "country", "words"),
    [
        ("transformers/deepseek_v2", "DeepSeek", "CN", "V2"),
        ("transformers/deepseek_v3", "DeepSeek", "CN", "V3"),
        ("transformers/deepseek_v32", "DeepSeek", "CN", "V3.2"),
        ("transformers/deepseek_v4", "DeepSeek", "CN", "V4"),
        ("vllm/deepseek_v2", "DeepSeek", "CN", "V2"),
        ("xtuner/deepseek_v2", "DeepSeek", "CN", "V2"),
        ("transformers/glm4_moe", "Zhipu AI", "CN", "GLM-4.5"),
        ("transformers/glm4_moe_lite", "Zhipu AI", "CN", "GLM-4.7"),
        ("transformers/glm4v", "Zhipu AI", "CN", "GLM-4.1V"),
        ("vllm/glm4_1v", "Zhipu AI", "CN", "GLM-4.1V"),
        ("transformers/glm4v_moe", "Zhipu AI", "CN", "GLM-4.5V"),
        ("transformers/qwen2_vl", "Alibaba", "CN", "Qwen2-VL"),
        ("transformers/qwen2_5_vl", "Alibaba", "CN", "Qwen2.5-VL"),
        ("qwen-vl-utils/vision_process", "Alibaba", "CN", "Qwen2-VL"),
        ("transformers/qwen2_audio", "Alibaba", "CN", "Qwen2-Audio"),
        ("transformers/qwen2_moe", "Alibaba", "CN", "Qwen2"),
        ("transformers/whisper", "OpenAI", "US", "Whisper"),
        ("openai-whisper/model", "OpenAI", "US", "Whisper"),
        ("funasr/whisper", "OpenAI", "US", "Whisper"),
        ("transformers/clip", "OpenAI", "US", "CLIP"),
        ("transformers/kimi_k25", "Moonshot AI", "CN", "Kimi K2.5"),
        ("vllm/kimi_k25_vit", "Moonshot AI", "CN", "Kimi K2.5"),
        ("transformers/voxtral", "Mistral AI", "FR", "Voxtral"),
        ("transformers/voxtral_realtime", "Mistral AI", "FR", "Voxtral Realtime"),
        ("transformers/falcon", "Technology Innovation Institute", "AE", "Falcon"),
        ("transformers/falcon_h1", "Technology Innovation Institute", "AE", "Falcon-H1"),
        ("transformers/falcon_mamba", "Technology Innovation Institute", "AE", "Falcon Mamba"),
        ("transformers/llama", "Meta", "US", "Llama"),
        ("transformers/granite", "IBM", "US", "Granite"),
        ("transformers/solar_open", "Upstage", "KR", "Solar Open"),
        ("exllamav3/solar_open_moe", "Upstage", "KR", "Solar Open"),
        ("transformers/axk1", "SK Telecom", "KR", "A.X K1"),
        ("vllm/AXK1", "SK Telecom", "KR", "A.X K1"),
        ("transformers/axk2", "SK Telecom", "KR", "A.X K2"),
        ("transformers/hyperclovax", "Naver", "KR", "HyperCLOVA X"),
        ("transformers/hyperclovax_vision_v2", "Naver", "KR", "HyperCLOVA X"),
        ("vllm/hyperclovax_vision", "Naver", "KR", "HyperCLOVA X"),
        ("vllm/exaone", "LG AI Research", "KR", "EXAONE"),
        ("transformers/exaone4", "LG AI Research", "KR", "EXAONE 4.0"),
        ("transformers/exaone4_5", "LG AI Research", "KR", "EXAONE 4.5"),
        ("vllm/exaone4_5_mtp", "LG AI Research", "KR", "EXAONE 4.5"),
        ("transformers/exaone_moe", "LG AI Research", "KR", "K-EXAONE"),
    ],
)
def test_systems_of_the_contest_have_their_makers(
    origin: str, organisation: str, country: str, words: str
) -> None:
    family = BUILT_IN.family_of(origin)
    assert (family.organisation, family.country) == (organisation, country)
    assert family.title.startswith(organisation)
    assert words in family.title


def test_one_family_spans_packages() -> None:
    origins = [f"{one}/glm4_moe" for one in ("transformers", "vllm", "sglang", "mlx-lm")]
    served = ["vllm/glm4_moe_mtp", "sglang/glm4_moe_nextn", "exllamav3/glm4_moe"]
    assert {BUILT_IN.family_of(one).name for one in origins + served} == {"glm4_moe"}


def test_the_same_name_may_be_another_model_in_another_package() -> None:
    assert "Open" not in BUILT_IN.family_of("transformers/openai").title.partition(" ")[2]
    assert BUILT_IN.family_of("open_clip/openai").name == "open_clip"
    assert BUILT_IN.family_of("diffusers/dit").organisation == "Meta"


@pytest.mark.parametrize("origin", ["transformers/never_heard_of", "vllm/mtp", "x", ""])
def test_what_is_not_known_says_so(origin: str) -> None:
    family = BUILT_IN.family_of(origin)
    assert (family.organisation, family.country) == (UNKNOWN, UNKNOWN)
    assert family.title == origin.rpartition("/")[2]


@pytest.mark.parametrize(
    ("package", "path", "origin"),
    [
        ("transformers", "transformers/models/glm4_moe/modeling_glm4_moe.py", "glm4_moe"),
        ("transformers", "transformers/models/deprecated/bort/x.py", "bort"),
        ("transformers", "transformers/models/esm/openfold_utils/loss.py", "esm"),
        ("transformers", "transformers/modeling_rope_utils.py", "modeling_rope_utils"),
        ("transformers", "transformers/generation/utils.py", "generation"),
        ("vllm-tpu", "vllm/model_executor/models/deepseek_v2.py", "deepseek_v2"),
        ("vllm-tpu", "vllm/models/deepseek_v4/nvidia/model.py", "deepseek_v4"),
        ("vllm-tpu", "vllm/model_executor/layers/mamba/ops/ssd.py", "layers-mamba"),
        ("vllm-tpu", "vllm/transformers_utils/configs/kimi_vl.py", "kimi_vl"),
        ("sglang", "sglang/srt/models/deepseek_v2.py", "deepseek_v2"),
        ("sglang", "sglang/srt/models/deepseek_common/utils.py", "deepseek_v2"),
        ("sglang", "sglang/srt/models/dots3_common/fp8.py", "dots3"),
        ("sglang", "sglang/srt/multimodal/processors/qwen_vl.py", "qwen_vl"),
        ("sglang", "sglang/multimodal_gen/runtime/models/dits/flux.py", "flux"),
        ("diffusers", "diffusers/models/transformers/transformer_flux.py", "flux"),
        ("diffusers", "diffusers/pipelines/flux/pipeline_flux.py", "flux"),
        ("diffusers", "diffusers/modular_pipelines/flux/denoise.py", "flux"),
        ("diffusers", "diffusers/pipelines/deprecated/pia/pipeline_pia.py", "pia"),
        ("diffusers", "diffusers/models/autoencoders/autoencoder_kl.py", "autoencoder_kl"),
        ("diffusers", "diffusers/models/transformers/cogvideox_transformer_3d.py", "cogvideo"),
        ("diffusers", "diffusers/models/transformers/transformer_2d.py", "transformer_2d"),
        ("diffusers", "diffusers/models/controlnets/controlnet.py", "controlnet"),
        ("openai-whisper", "whisper/model.py", "model"),
        ("openai-whisper", "whisper/normalizers/english.py", "normalizers"),
        ("mamba-ssm", "mamba_ssm/modules/mamba_simple.py", "mamba"),
        ("mamba-ssm", "mamba_ssm/ops/triton/ssd_combined.py", "mamba2"),
        ("flash-linear-attention", "fla/models/gla/modeling_gla.py", "gla"),
        ("fla-core", "fla/ops/gla/chunk.py", "gla"),
        ("mlx-lm", "mlx_lm/models/llama.py", "llama"),
        ("mlx-vlm", "mlx_vlm/models/qwen2_vl/vision.py", "qwen2_vl"),
        ("timm", "timm/models/vision_transformer.py", "vision_transformer"),
        ("timm", "timm/layers/mlp.py", "layers-mlp"),
        ("xtuner", "xtuner/model/transformers_models/deepseek_v2/a.py", "deepseek_v2"),
        ("funasr", "funasr/models/sense_voice/whisper_lib/model.py", "whisper"),
        ("exllamav3", "exllamav3/architecture/mm_processing/gemma4.py", "gemma4"),
    ],
)  # fmt: skip
def test_a_path_has_its_family(package: str, path: str, origin: str) -> None:
    found = BUILT_IN.package(package)
    assert found is not None
    assert found.origin_of(path) == f"{found.prefix}/{origin}"


def test_every_package_is_described() -> None:
    names = {package.name for package in BUILT_IN.packages}
    assert names >= set(
        "transformers vllm-tpu sglang openai-whisper s3tokenizer qwen-vl-utils mistral-inference "
        "mistral-common mamba-ssm flash-linear-attention fla-core mlx-lm mlx-vlm timm "
        "open-clip-torch xtuner funasr exllamav3 diffusers".split()
    )
    for package in BUILT_IN.packages:
        assert package.purl == f"pkg:pypi/{package.name}"
        assert package.license in {"Apache-2.0", "MIT"}, "others are opt-in only"
        assert package.include
        assert package.link("1", "a.py", 2, 3).startswith(package.repository)
        for release in package.releases:
            assert release.version in release.file
            assert release.date > "2016-01-01" or release.date_source != "archive"


def test_links_lead_to_lines_at_the_tag() -> None:
    transformers = BUILT_IN.package("transformers")
    assert transformers is not None
    assert transformers.link("4.40.0", "transformers/models/llama/modeling_llama.py", 7, 9) == (
        "https://github.com/huggingface/transformers/blob/v4.40.0/src/"
        "transformers/models/llama/modeling_llama.py#L7-L9"
    )


def test_no_title_and_no_rule_is_there_twice() -> None:
    titles = [family.title for family in BUILT_IN.families]
    doubled = {title for title in titles if titles.count(title) > 1}
    assert doubled <= {"DeepSeek DeepSeek-VL", "RWKV RWKV-4"}
    for package in BUILT_IN.packages:
        paths = [path for path, _ in package.rules]
        assert len(paths) == len(set(paths))


@pytest.mark.parametrize(
    ("checkpoint", "name", "organisation"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2_5_vl", "Alibaba"),
        ("Qwen/Qwen2-Audio-7B", "qwen2_audio", "Alibaba"),
        ("Qwen/something-new", "", "Alibaba"),
        ("openai/whisper-large-v3", "whisper", "OpenAI"),
        ("zai-org/GLM-4.5-Air", "glm4_moe", "Zhipu AI"),
        ("zai-org/GLM-4.5V", "glm4v_moe", "Zhipu AI"),
        ("deepseek-ai/DeepSeek-V3.2-Exp", "deepseek_v32", "DeepSeek"),
        ("meta-llama/Llama-3.2-11B-Vision", "mllama", "Meta"),
        ("upstage/Solar-Open-100B", "solar_open", "Upstage"),
        ("naver-hyperclovax/HyperCLOVAX-SEED-Think-32B", "hyperclovax_vision_v2", "Naver"),
        ("LGAI-EXAONE/K-EXAONE-236B-A23B", "exaone_moe", "LG AI Research"),
        ("nobody/Qwen2-VL", None, None),
    ],
)
def test_names_of_weights_lead_to_their_makers(
    checkpoint: str, name: str | None, organisation: str | None
) -> None:
    family = BUILT_IN.family_of_checkpoint(checkpoint)
    assert (family and family.name) == name
    assert (family and family.organisation) == organisation


@pytest.mark.parametrize(
    ("model_type", "name"),
    [
        ("qwen2_5_vl", "qwen2_5_vl"),
        ("qwen2_audio_encoder", "qwen2_audio"),
        ("AXK1", "axk1"),
        ("openai-gpt", "openai"),
        ("blip-2", "blip_2"),
        ("clip_vision_model", "clip"),
        ("transformers_library", None),
        ("", None),
    ],
)
def test_model_types_lead_to_their_family(model_type: str, name: str | None) -> None:
    family = BUILT_IN.family_of_model_type(model_type)
    assert (family and family.name) == name


def test_the_built_in_one_is_read_once() -> None:
    assert load() is BUILT_IN


# --- how a manifest is read ---------------------------------------------------------------


def test_rules_in_order_the_first_that_matches_wins() -> None:
    package = read(SMALL).packages[0]
    assert package.origin_of("finch/models/wren_common/deep/a.py") == "finch/wren"
    assert package.origin_of("finch/models/transformer_wren.py") == "finch/wren"
    assert package.origin_of("finch/models/wren.py") == "finch/wren"
    assert package.origin_of("finch/layers/wren/a.py") == "finch/layers-wren"
    assert package.origin_of("finch/layers/wren/deep/a.py") is None
    assert package.origin_of("finch/models/wrenXpy") is None


def test_a_literal_member_then_the_name_then_the_longest_glob_then_without_variants() -> None:
    manifest = read(SMALL)
    assert manifest.family_of("other/finch").name == "grain"
    assert manifest.family_of("finch/finch").name == "finch"
    assert manifest.family_of("finch/Finch2").name == "finch2"
    assert manifest.family_of("finch/seedling").name == "seed"
    assert manifest.family_of("finch/seed_husk_old").name == "grain"
    assert manifest.family_of("finch/husk").name == "seed"
    assert manifest.family_of("finch/finch2_mtp").name == "finch2"
    assert manifest.family_of("finch/finch2_mtp_mtp").name == "finch2"
    assert manifest.family_of("finch/finch2_moe").organisation == UNKNOWN
    assert manifest.family_of_model_type("finch-2_mtp") == manifest.family_of("a/finch2")
    assert manifest.family_of_model_type("seed") is None


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SMALL, "utf-8")
    assert load(path).packages == read(SMALL).packages
    with pytest.raises(UsageError, match=r"none\.toml: the manifest cannot be read"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 1", "format = 2", "m.toml: format: found 2, expected 1"),
        ("format = 1", "format = true", "m.toml: format: found True"),
        ("format = 1", "fromat = 1", "m.toml: format: found None"),
        ("format = 1", "format = 1\nmore = 1", "m.toml: found the unknown key 'more'"),
        ("format = 1", "format = ", "m.toml: found no TOML"),
        ('license = "Apache-2.0"', 'license = "Apache 2.0"', "package 1 (finch-models): license"),
        ('license = "Apache-2.0"', 'licence = "MIT"', "(finch-models): found no license"),
        ('license = "Apache-2.0"', "license = 2", "license: found 2, expected an SPDX"),
        ('country = "unknown"', 'country = "kr"', "country: found 'kr'"),
        ('"pkg:pypi/finch-models"', '"finch"', "purl: found 'finch'"),
        ('"https://example.org/finch"', '"example.org"', "repository: found 'example.org'"),
        ("#L{first}-L{last}", "", "link: found"),
        ('include = ["finch/**"]', 'include = "finch/**"', "include: found 'finch/**', expected a"),
        ("finch/{kind}/{family}/*.py", "finch/{kind}/*.py", "origins 4: family: found"),
        ("finch/{kind}/{family}/*.py", "finch/{kind}/{kind}/*.py", "origins 4: path: found"),
        ("finch/{kind}/{family}/*.py", "finch/{Kind}/*.py", "origins 4: path: found"),
        ("2024-05-01", "2024-05", "releases 1: date: found '2024-05'"),
        ("2024-05-01", "2026-05-01", "(finch-models): releases: found"),
        ('date_source = "sdist"', 'date_source = "guess"', "releases 2: date_source: found"),
        ('version = "1.1"', 'version = "1.0"', "found the version '1.0' twice"),
        ("0" * 64, "0" * 63, "releases 1: sha256: found"),
        ('finch = "Finch"', 'finch = ""', "organisation 1 (Finch Lab), family finch: found ''"),
        ('finch = "Finch"', "finch = { name = 1 }", "family finch: found no title"),
        ('title = "Finch 2"', 'title = "Finch 2", member = []', "unknown key 'member'"),
        ('finch = "Finch"', 'finch = "F"\n"Finch2" = "F"', "found the family 'finch2' twice"),
        ('"other/finch"', '"finch/husk"', "found the member 'finch/husk' twice"),
        ('["finch-lab/*"]', '["finch-lab/Finch-2*"]', "checkpoint 'finch-lab/Finch-2*' twice"),
        ('model_types = []', 'model_types = ["finch"]', "found the model type 'finch' twice"),
    ],
)  # fmt: skip
def test_a_wrong_manifest_is_refused_with_its_place(old: str, new: str, message: str) -> None:
    assert old in SMALL
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        read(SMALL.replace(old, new))
    assert str(caught.value).startswith("m.toml")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(UsageError, match=r"m\.toml: found no TOML"):
        parse(b"\xff", "m.toml")


def test_dates_have_one_of_the_sources_named() -> None:
    sources = {one.date_source for package in BUILT_IN.packages for one in package.releases}
    assert sources <= set(reader.DATE_SOURCES)
