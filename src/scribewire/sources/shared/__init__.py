"""One pull for all who hear the same live source."""
