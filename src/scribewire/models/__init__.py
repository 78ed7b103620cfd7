"""Model files on disk: what belongs to a model, where it lies, whether it is the right one."""
