"""Files of a Power BI project, as text, from a description."""
