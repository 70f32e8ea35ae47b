"""Summaries of contexts: entries that stand in for many.

asking.py       what is wanted of a summary, and what came of it
covering.py     which entries a next one covers
making.py       having it made, and writing it
background.py   doing so for whatever an operator's rules name
"""
