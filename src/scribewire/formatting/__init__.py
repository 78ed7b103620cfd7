"""How a transcript is written, once it has been heard."""
