"""How the key database came to its present tables: one file for each step, run by Alembic."""
