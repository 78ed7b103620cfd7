"""The rules of ARCHITECTURE.md as functions from a file to the lines that break them."""
