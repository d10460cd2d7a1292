"""The questions, and who asks them: HTTP API, web page, terminal."""
