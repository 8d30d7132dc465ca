"""The seven parties of a payment. They never import each other: they meet on the wire."""
