"""The verbs of content: large bodies that come and go in pieces, never held as a whole.

storing.py    a body is streamed in, a manifest committed, content taken away
fetching.py   content is read, from anywhere and of any version
transfer.py   manifests and single chunks, so that only what is missing travels
editing.py    a few bytes are changed in the middle, and cut anew around them only
"""
