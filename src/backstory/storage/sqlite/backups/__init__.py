"""Backups of a file: one file each, which any SQLite reads.

ends.py       what stands behind the pages, by which a backup is known to be whole
rooms.py      the folder in which a file is made before it takes its name
taking.py     a copy of one moment, while others write
restoring.py  a backup as a store again, in another epoch
occupying.py  whether anybody uses the place that a store is to take
"""
