"""Makes the recorded results."""
