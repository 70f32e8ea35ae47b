"""What `backstory serve` is made of.

listening.py   the socket, and what is told once requests are taken
protocol.py    HTTP/1.1, within bounds
patience.py    who keeps it waiting
cycle.py       a request and its answer
direct.py      answers that need no task
heads.py       headers that came before, which need no parser
lines.py       lines of the heads of answers
first.py       the first process of a container
sockets.py     sockets of workers
one.py         one process that serves
alone.py       the only one, without a supervisor
stopping.py    how it stops so that nobody notices
refusing.py    a socket that is closed without losing a connection
many.py        a supervisor, as the settings say
supervising.py it and its workers
places.py      where each of them should be
worker.py      one of them, as it sees it
pulse.py       its sign of life
leaving.py     its server
service.py     what systemd is told
turns.py       how the interpreter shares its time
files.py       room for connections
secret.py      the file with the local token
secure.py      TLS
logs.py        where log lines go, and how they look
"""
