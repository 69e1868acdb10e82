"""What holds for all tests: property tests try the same examples on every machine."""

from __future__ import annotations

import pytest
from browser_helper import browser
from hypothesis import HealthCheck, Phase, settings

__all__ = ["browser"]

settings.register_profile(
    "crss",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=200,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("crss")

pytest.register_assert_rewrite("docs_helper")  # a page that is wrong shows what it should say
