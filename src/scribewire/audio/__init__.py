"""Bytes to mono float32 samples at 16 kHz. Alone in the project, it imports PyAV."""
