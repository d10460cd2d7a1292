"""The product's version; pyproject.toml says the same, and a test compares both."""

VERSION = "0.1.0"
