"""Storage on SQLAlchemy Core: one module a party's database, one schema from a laptop up."""
