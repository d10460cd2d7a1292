"""One file a question: its SQL once, for the API, the page and the command alike."""
