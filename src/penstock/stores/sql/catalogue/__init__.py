"""How the database becomes the catalogue that requests read."""
