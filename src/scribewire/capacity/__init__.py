"""How many live streams a machine carries: paced clients, what their lateness says, and a search.

`scribewire bench` and the benches stand on it; so may whoever measures a server of their own.
"""
