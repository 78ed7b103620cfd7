"""The HTTP routes beside the WebSockets: one table of what may be asked, and what answers."""
