"""The Power BI report, made from one description: `describe` says what it is, `write` makes its files."""
