"""What Power BI asks the database for each visual, as SQL of the shape that it folds to: a view as "$Table" in a selection "_",
joined with its dimensions, selected again as "rows", grouped, and limited to a million and one rows.

Checks run it, previews draw it, benchmarks time it. It is written from the same description as the DAX of the model; the exact
text that a version of Power BI sends differs.
"""

from powerbi.asking.scope import Query, Scope
from powerbi.asking.visuals import page_queries, visual_bases, visual_queries, visual_query

__all__ = ["Query", "Scope", "page_queries", "visual_bases", "visual_queries", "visual_query"]
