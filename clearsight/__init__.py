"""ClearSight RCA: the rules of the product, its settings, its command and its local stack."""
