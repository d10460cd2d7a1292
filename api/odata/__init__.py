"""An OData v4 feed over the views of schema `bi`: filters become SQL expressions, pages go by key."""
