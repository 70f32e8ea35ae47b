"""What is stored, so that only this server can read it: AES-256-GCM (NIST SP 800-38D).

masters.py   the key that never leaves its file or its service
ring.py      the keys that were unwrapped
cipher.py    rows under a subject's key, each bound to its place
box.py       what belongs to no subject: notes, cached bodies, the store's secret
"""
