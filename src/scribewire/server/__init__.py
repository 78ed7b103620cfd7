"""The server: WebSocket sessions and HTTP routes on top of everything below."""
