"""Analysis of what the server tells of its requests: of its log, or of the last ones in memory.

reading.py     lines of logs, whatever else is among them
sketches.py    counts of bounded size: the most frequent, spans of time, lasting
counting.py    one line or request after the other
recent.py      the newest requests of this process
findings.py    what came of it
page.py        the same as a page with plots
plots.py       plots as SVG
"""
