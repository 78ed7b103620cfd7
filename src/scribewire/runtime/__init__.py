"""Threads that run engines, and what drives a recognizer with them."""
