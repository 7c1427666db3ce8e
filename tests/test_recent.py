"""What is remembered, and what is let go."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from provenance.recent import Recent


@given(
    st.integers(1, 30),
    st.lists(
        st.tuples(
            st.sampled_from(["keep", "recall", "clear"]), st.integers(0, 9), st.integers(1, 12)
        ),
        max_size=60,
    ),
)
def test_the_most_recently_used_are_kept_as_long_as_they_fit(
    most: int, done: Sequence[tuple[str, int, int]]
) -> None:
    """By the sizes they say, whatever is kept anew; the last one is kept however large it is."""
    recent: Recent[int, str] = Recent(most)
    model: dict[int, int] = {}  # in order of use
    for what, key, size in done:
        if what == "clear":
            recent.clear()
            model.clear()
        elif what == "keep":
            assert recent.keep(key, f"{key}", size) == f"{key}"
            model.pop(key, None)
            model[key] = size
            while sum(model.values()) > most and len(model) > 1:
                del model[next(iter(model))]
        else:
            assert recent.recall(key) == (f"{key}" if key in model else None)
            if key in model:
                model[key] = model.pop(key)
        assert set(recent) == set(model)
