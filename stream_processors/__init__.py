"""The worker: source → decode → correlate → land → publish."""
