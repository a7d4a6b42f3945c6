"""What a database is made of, as its catalog has it, to be compared with another one."""

from typing import Any, Final, LiteralString

from tests import postgres

# what counted before steps did, and is not there in a new database
_OURS: Final[LiteralString] = """
    c.relnamespace = current_schema()::regnamespace AND c.relname NOT IN (
        'schema_applied', 'schema_applied_pkey')
"""

QUERIES: Final[dict[str, LiteralString]] = {
    "tables": f"""
        SELECT c.relname, c.relkind, c.reloptions, c.relpersistence, pg_get_partkeydef(c.oid)
        FROM pg_class c WHERE c.relkind NOT IN ('i', 'I') AND {_OURS} ORDER BY c.relname
    """,
    "columns": f"""
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid), a.attcollation::regcollation::text,
               a.attidentity, a.attgenerated
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relkind IN ('r', 'p') AND {_OURS} ORDER BY c.relname, a.attname
    """,
    "indexes": f"""
        SELECT c.relname, pg_get_indexdef(c.oid), i.indisvalid, i.indisunique, i.indisprimary
        FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
        WHERE {_OURS} ORDER BY c.relname
    """,
    # by what they say: PostgreSQL numbers names of its own making by their order
    "constraints": f"""
        SELECT c.relname, k.contype, pg_get_constraintdef(k.oid), k.convalidated
        FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid
        WHERE {_OURS} ORDER BY 1, 2, 3
    """,
    "triggers": f"""
        SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid), t.tgenabled
        FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
        WHERE {_OURS} ORDER BY 1, 2
    """,
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace ORDER BY 1, 2
    """,
    "types": """
        SELECT typname, typtype FROM pg_type
        WHERE typnamespace = current_schema()::regnamespace AND typtype NOT IN ('c', 'b')
        ORDER BY 1
    """,
}


def catalog(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything that a database is made of, without what is in it."""
    return {what: postgres.rows(url, query) for what, query in QUERIES.items()}
