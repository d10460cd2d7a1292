"""Pages of one question: the key in the cursor that came, and the cursor of the page that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.cursors import BadCursor, Cursors, Shape
from api.problems import field_problem


@dataclass(frozen=True, slots=True)
class Paging:
    cursors: Cursors
    query: str
    """The question with what it is about and all its filters."""
    shape: Shape

    def after(self, cursor: str | None) -> Any:
        """The key of the last item of the page before, None for the first page. Raises a 422 that names the cursor."""
        if cursor is None:
            return None
        try:
            return self.cursors.read(self.query, cursor, self.shape)
        except BadCursor as error:
            raise field_problem("cursor", str(error)) from None

    def next(self, key: Sequence[Any] | None) -> str | None:
        return None if key is None else self.cursors.sign(self.query, key)
