"""Model files on disk: which are known, where they lie, whether they are the right ones."""
