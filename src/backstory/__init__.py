"""Backstory, a context server for AI applications.

The rooms and their floors are in `docs/explanation/architecture.md`; imports go down only.
"""

__version__ = "0.2.0"
