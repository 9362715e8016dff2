"""Real servers for tests: each a plain context manager (also usable outside pytest) and a pytest fixture.

See plugin.py for the fixtures. Every server listens on loopback alone, on free ports, keeps its data in a
temporary directory that goes with it, and is ended by its own process id.
"""
