"""Failures on nodes of their own, as runbooks tell of them, under the rules of `deploy/prometheus`.

drill.py     what a failure is, callers who go on meanwhile, and Prometheus over all nodes
files.py     stores in files: locked, full, damaged
networks.py  a database, a Redis
databases.py standbys, locks and rights
caches.py    a Redis whose memory is broken
disks.py     a disk that fills, a log that grows, scrubs that stay away
models.py    a provider who refuses
callers.py   tokens, rates, quotas, certificates
processes.py workers, nodes that are down or stall, a log, open files
clocks.py    a clock
extensions.py what an extension may do to a node
slowness.py  a network, few connections, a provider
watching.py  those who watch
"""
