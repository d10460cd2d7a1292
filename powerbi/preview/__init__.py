"""Pictures of the pages from live data, in the report's layout: what it shows, drawn without Power BI."""
