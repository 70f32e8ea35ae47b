"""The log: one line an event, on standard error, and never anything of what contexts hold.

setup.py       all lines of the process go here
lines.py       what stands in a line
exceptions.py  where an exception came from, without what it says
repeats.py     of lines that come again and again, some are left out and counted
writing.py     the thread that writes, so that nobody waits for a disk
access.py      a line for each request, where it is wanted
levels.py      which lines are wanted, changed while the server runs
"""
