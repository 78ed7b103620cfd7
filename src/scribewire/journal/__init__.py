"""What is kept of sessions on the disk: who began which, its finals, how far it came."""
