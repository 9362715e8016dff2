"""Fixtures for the whole suite: see tests/support/plugin.py."""

import os

import hypothesis

from tests.support.figures import pytest_terminal_summary  # noqa: F401
from tests.support.hang import (  # noqa: F401
    pytest_runtest_call,
    pytest_runtest_setup,
    pytest_runtest_teardown,
)
from tests.support.order import (  # noqa: F401
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_configure,
)
from tests.support.plugin import *  # noqa: F403

# No bound on an example's time: on a busy machine it says nothing. The same examples every time where a run
# decides over a change; new ones are looked for elsewhere.
hypothesis.settings.register_profile("own", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "own")
