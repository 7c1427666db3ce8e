"""All formats of one run say the same, each as its own official schema or reader wants it."""

import pytest

pytest.register_assert_rewrite("formats.validators")  # what they find wrong is told
