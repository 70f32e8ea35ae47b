"""Certificates from an authority by itself (ACME, RFC 8555), by certbot's library.

wanted.py      what is to be had, from whom
account.py     who the host is to the authority: a key that is kept
challenges.py  how it proves that a name is its own: http-01, served here or by a web server
replacing.py   putting new files in the place of the former ones
renewing.py    whether it is time, and one renewal from order to files
"""
