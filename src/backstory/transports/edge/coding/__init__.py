"""Content codings on the wire: gzip (RFC 1952), Brotli (RFC 7932) and zstd (RFC 8878).

`Coding` stands between the guard and the transports: what comes in coded is decoded within
bounds, what goes out is coded as the caller likes it, where that pays.
"""
