"""A whole store as lines, its past included, which any other kind of store takes.

    tables.py       which rows there are, and which of their numbers are handed out anew
    lines.py        rows as JSON Lines, with an end by which they are known to be all
    checks.py       what both stores ask before
    opening.py      rows of an encrypted store, opened
    bodies.py       its manifests and chunks
    renumbering.py  numbers of one store in another

What a store reads and writes for it stands in its own room, in `whole.py` and `whole.sql`.
"""
