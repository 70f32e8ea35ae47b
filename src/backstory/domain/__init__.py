"""The rules of contexts as frozen values and pure functions: no I/O, no async, no clock."""
