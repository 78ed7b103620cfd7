"""The wire as a core: what every dialect needs, without I/O, threads or clocks.

A shell feeds what it reads into a dialogue, and takes from it what to write and what has happened.
A dialect is a folder here and a line in `dialects`; dialects do not know each other.
"""
