"""The edge: what every request passes first, whichever transport it is for.

guard.py        the ASGI application around all others: who calls, bounds, last resort
local_mode.py   who may call where no authentication is configured
bearer.py       who calls where tokens are asked for
granted.py      the same, with all rights
pacing.py       how often they may come
acting.py       what the audit trail is told of each
at_once.py      requests that wait for nothing, around the applications
shortly.py      requests that wait, but are whole and from somebody known
answer.py       a whole answer
coding/         bodies that are compressed
origins.py      which hosts a request may name, and which pages may make it
resource_metadata.py  what clients need to know to get a token
body.py         reading a request's body within bounds
strict_json.py  the one reading of JSON
headers.py      looking at raw ASGI headers
problems.py     errors as RFC 9457 problem documents
secure_headers.py, strict_transport.py  headers that browsers heed
deprecating.py  what goes on for now, and says so
ops.py          the port for operators
"""
