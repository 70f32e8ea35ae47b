"""Summarisers: adapters of `ports.summariser`.

sentences.py    texts cut into sentences
extractive.py   the sentences that say most; no model, always there
requests.py     what two families of APIs are asked, and what they answer
http.py         asking a model over HTTP: deadlines, retries, bounds
fallback.py     one summariser in another's place when that fails
making.py       from what an operator wrote to a summariser
"""
