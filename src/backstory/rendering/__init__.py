"""Model interfaces: a model name and a token budget in, what that model's provider takes out.

`Renderer` in `service.py` is the face; it reads through the context managers' reader, so
that rights are asked in one place, and is given the providers' formats by the wiring.
"""
