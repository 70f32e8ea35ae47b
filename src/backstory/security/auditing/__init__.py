"""The audit trail: who hears what was done, seals it, and proves that it is whole.

signing.py     the key of a store's trail
telling.py     what is told, as events
sealing.py     gathers events and adds blocks, one chain for a tenant from whatever node
retaining.py   drops what is old
reading.py     events as admins read them
exporting.py   the trail as lines
verifying.py   whether a trail is whole
"""
