"""The dialect of `protocol/protocol.md`, both ends: results as they are heard, JSON and PCM."""
