"""What several servers share, on NATS: who is there, leases, sessions, pulls, limits."""
