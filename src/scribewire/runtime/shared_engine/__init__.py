"""One process with the models, for several servers of a machine: both ends of its Unix socket."""
