"""The change bus's adapters: how nodes hear of one another's changes.

`local` serves one machine. `remote` serves many nodes by way of a link (`lines`): PostgreSQL or
Redis, which pass messages on (`messages`).
"""
