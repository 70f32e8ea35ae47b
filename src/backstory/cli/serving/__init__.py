"""What `backstory serve` is made of.

listening.py   the socket, and what is told once requests are taken
one.py         one process, which stops gracefully
many.py        a supervisor and its workers
secret.py      the file with the local token
secure.py      TLS
logs.py        where log lines go, and how they look
"""
