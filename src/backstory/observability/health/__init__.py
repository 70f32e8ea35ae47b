"""What a server looks at besides what it depends on: `/healthz` tells of it, `doctor` too.

disks.py     room on a disk
clocks.py    whether the clock goes right
reaching.py  whether servers can be reached over the network at all
backlog.py   what waits
ends.py      how long a certificate holds
"""
