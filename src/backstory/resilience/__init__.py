"""What helps when something that the server depends on is slow, gone or full.

Deadlines say until when an answer is due, retries get over what passes by itself, a
breaker keeps callers from waiting for what is known to be away, and a flight reads once for
all who ask the same. All of it is pure of any
driver: each adapter says which errors mean what.
"""
