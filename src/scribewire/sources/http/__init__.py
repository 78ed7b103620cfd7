"""HTTP as strangers speak it, and the guard that every connection goes through."""
