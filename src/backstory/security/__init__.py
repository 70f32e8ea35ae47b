"""Security: whom to believe, and what can be read on the way.

keys.py       the public keys of an issuer, and which of them a token may be checked with
urls.py       what may be fetched, and which file is meant
sources.py    where they are: a file, a URL, or what the issuer's metadata names
keeping.py    keeping them: fresh, through outages and rotation
claims.py     from the claims of a token to a principal
tokens.py     reading one token: form, signature, claims
asking.py     asking the issuer about a token (introspection)
opaque.py     reading tokens that only their issuer can read
proofs.py     proofs that whoever shows a token has its key (DPoP)
proof_uses.py proofs that were used, remembered in the store
verifying.py  the verifier: tokens that are known, and those that were revoked
revoking.py   tokens revoked before their time, shared by all nodes
issuing.py    keys of our own, and the tokens made with them
tls.py        TLS in the server, with certificates that are replaced while it runs
certificates.py  what a certificate says of itself
"""
