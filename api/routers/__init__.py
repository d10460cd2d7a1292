"""The endpoints, by what they are asked about."""
