"""What Prometheus reads: what is counted, what is looked up when it asks, and the page for it."""
