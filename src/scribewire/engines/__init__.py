"""Engines: models loaded and able to decode, one module for each model family."""
