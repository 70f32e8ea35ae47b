"""Transforms: what is done to texts on their way in, by rules that an operator chose.

Each is small, named and pure, and does nothing more when applied to its own result.
"""
