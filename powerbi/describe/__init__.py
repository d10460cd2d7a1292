"""What the report is: the one place to change it. `make powerbi` then writes the project anew."""

from powerbi.describe.model import MODEL
from powerbi.describe.pages import REPORT

__all__ = ["MODEL", "REPORT"]
