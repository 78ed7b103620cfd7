"""The dialect of `/realtime`: the older shape of results."""
