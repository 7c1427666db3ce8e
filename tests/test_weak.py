"""A class that scores low is reported where its family is named for another unit of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

import provenance
from provenance import attribute

pytestmark = pytest.mark.usefixtures("in_this_process")

GATE = """\
class OakGate:
    def __init__(self, config):
        self.width = config.width
        self.weight = parameter(empty(config.width, config.height))
        self.scale = config.scale ** -0.5

    def forward(self, states, mask=None):
        scores = matmul(states, self.weight.transpose(0, 1)) * self.scale
        if mask is not None:
            scores = scores.masked_fill(mask == 0, -1e9)
        chosen = scores.topk(self.width, dim=-1, sorted=False)
        return softmax(chosen.values, dim=-1), chosen.indices
"""
MIXER = """\
class OakMixer:
    def __init__(self, config):
        self.first = Linear(config.width, config.height, bias=False)
        self.second = Linear(config.height, config.width, bias=False)
        self.drop = config.drop

    def forward(self, states):
        left, right = self.first(states).chunk(2, dim=-1)
        mixed = dropout(gelu(left) * right, p=self.drop, training=self.training)
        return self.second(mixed)

"""
ADDED = """\
    def load(self, path, strict=True):
        stored = read(path / "mixer.bin")
        missing = [key for key in self.names() if key not in stored]
        if strict and missing:
            raise KeyError(f"{path} lacks {missing}")
        for key, value in stored.items():
            getattr(self, key).copy_(value.to(self.device))

    def plan(self, length, step, limit):
        places = []
        while length > limit:
            places.append((length, length - step))
            length -= step
        return places or [(0, length)]

    def count(self, groups):
        totals = dict.fromkeys(groups, 0)
        for group in groups:
            totals[group] += sum(len(one) for one in group.members if one.active)
        return max(totals, key=totals.get)

    def report(self, stream, *, width=80):
        for name, value in sorted(vars(self).items()):
            print(name.ljust(width // 4), value, file=stream)
"""


def _scan(folder: Path, text: str) -> dict[str, provenance.Finding]:
    suspect = folder / "suspect"
    suspect.mkdir(exist_ok=True)
    (suspect / "model.py").write_text(text)
    report = provenance.scan(str(suspect), [folder / "oak.db"])
    return {finding.suspect.name: finding for finding in report.findings}


def test_a_class_that_scores_low_is_found_where_its_methods_tell_its_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = tmp_path / "models" / "oak"
    reference.mkdir(parents=True)
    (reference / "modeling_oak.py").write_text(f"{GATE}\n\n{MIXER}")
    provenance.build_index([str(tmp_path / "models")], tmp_path / "oak.db", date="2024-05-06")
    grown = MIXER.replace("gelu(left) * right", "gelu(left + right)") + ADDED
    for text in (grown, f"{GATE}\n\n{grown}"):
        found = _scan(tmp_path, text.replace("Oak", "Elm"))["ElmMixer"]
        assert found.reference.name == "OakMixer"
        assert found.resemblance < 0.4, "too little on its own"
        with monkeypatch.context() as patched:
            patched.setattr(attribute, "WEAK", 2.0)
            found_by_members = _scan(tmp_path, text.replace("Oak", "Elm"))
        assert "ElmMixer" not in found_by_members
        assert any(name.startswith("ElmMixer.") for name in found_by_members)
