"""A small forecasting application that makes traffic and breaks in known ways."""
