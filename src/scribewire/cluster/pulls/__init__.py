"""One pull of each live source for all servers of a cluster."""
