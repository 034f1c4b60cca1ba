"""PostgreSQL with PostGIS, through psycopg: SQL, no ORM; one module a subject."""
