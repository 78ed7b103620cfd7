"""A stream URL to audio: the only place that connects to addresses that clients name."""
