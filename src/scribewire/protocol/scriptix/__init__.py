"""The dialect of `protocol/protocol.md`, both ends: JSON for words, PCM for audio."""
