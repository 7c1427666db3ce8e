"""What is scanned, and what a format makes of it. For tests only."""

from __future__ import annotations

from typing import Any

from provenance.model import Audit
from provenance.report.formats import Texts, named

Json = dict[str, Any]

MODEL = '''\
"""A reference model."""
import math


class LlamaNorm:
    def __init__(self, size, epsilon=1e-6):
        self.weight = ones(size)
        self.epsilon = epsilon

    def forward(self, states):
        kept = states.dtype
        states = states.to(float32)
        variance = states.pow(2).mean(-1, keepdim=True)
        states = states * rsqrt(variance + self.epsilon)
        return self.weight * states.to(kept)


def repeat_heads(states, count):
    batch, heads, length, size = states.shape
    if count == 1:
        return states
    states = states[:, :, None, :, :].expand(batch, heads, count, length, size)
    return states.reshape(batch, heads * count, length, size)
'''


def written(name: str, scanned: tuple[Audit, Texts]) -> str:
    return named(name).write(*scanned)
