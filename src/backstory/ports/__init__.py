"""What the house asks of the technology under it: small protocols, whose docstrings are law.

Each has a contract suite in `backstory.testing` that every adapter runs.
"""
