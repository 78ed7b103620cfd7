"""Models loaded and able to decode; a folder for each family that turns speech into text."""
