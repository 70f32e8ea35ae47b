"""Nodes of one cluster under load, whose callers record what they were told and saw."""
