"""Fixtures for the whole suite: see tests/support/plugin.py."""

from tests.support.plugin import *  # noqa: F403
