"""HLS: playlists of segments, and which of them is heard next."""
