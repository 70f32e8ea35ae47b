"""Context managers: the use cases. The only place that authorises and opens transactions.

`Contexts` in `service.py` is the face that every transport calls; behind it lies one verb
family a file.
"""
